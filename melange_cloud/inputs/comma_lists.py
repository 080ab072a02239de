"""Lists as options take them: repeated, after commas, or both."""

from collections.abc import Iterable

from melange_cloud.errors import BadInput, echoed

EVERYTHING = "all"


def listed(option: str, words: Iterable[str] | None) -> list[str]:
    """The words of a repeatable option, each of which may hold several after commas; empty where it is not given.

    Raises:
        BadInput: it is given, and names nothing, or has semicolons.
    """
    texts = list(words or ())
    if semicolon := next((text for text in texts if ";" in text), ""):
        raise BadInput(f"{option} {echoed(semicolon)}: put commas between names")
    found = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if texts and not found:
        raise BadInput(f"{option} {texts[0].strip() or repr('')}: give at least one name")
    return found


def listed_or_all(option: str, words: Iterable[str] | None) -> list[str] | None:
    """As ``listed``; None where it is not given, or ``all`` is among them.

    Raises:
        BadInput: it is given, and names nothing.
    """
    found = listed(option, words)
    return None if not found or EVERYTHING in map(str.lower, found) else found
