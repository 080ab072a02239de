"""What the ``prices`` commands read from words, and how they print notes."""

from collections.abc import Iterable

from melange_cloud.cli.output import warn
from melange_cloud.errors import BadInput


def purchases_of(words: list[str] | None) -> tuple[str, ...]:
    """What ``--purchase`` says; all where it is not given.

    Raises:
        BadInput: an unknown word.
    """
    from melange_cloud.domain import PURCHASES

    if not words:
        return PURCHASES
    asked = [word.strip().lower().replace("-", "_") for text in words for word in text.split(",")]
    return tuple(_known(word, PURCHASES, "--purchase") for word in dict.fromkeys(asked))


def gpus_of(words: list[str] | None) -> frozenset[str]:
    """What ``--gpu`` says; empty if it is not given.

    Raises:
        BadInput: an unknown GPU.
    """
    from melange_cloud.domain import GPUS

    return frozenset(_known(word.strip(), GPUS, "--gpu") for text in words or () for word in text.split(","))


def _known(word: str, known: Iterable[str], option: str) -> str:
    by_lower = {name.lower(): name for name in known}
    if word.lower() not in by_lower:
        raise BadInput(f"{option} {word}: use {', '.join(by_lower.values())}")
    return by_lower[word.lower()]


def provider_of(word: str | None) -> str | None:
    """What ``--provider`` says, in lower case; None if it is not given."""
    return word.lower() if word else None


def tell(lines: Iterable[str]) -> None:
    """Print on stderr what is needed to read prices right."""
    for line in lines:
        warn(line)
