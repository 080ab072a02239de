"""Clouds as people call them: ``AWS``, ``Amazon``, ``Google Cloud``, ``GCE``."""

import re
from collections.abc import Iterable, Sequence

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.suggestions import slip_or_not_supported

_CALLED = {
    **dict.fromkeys(("amazon", "amazonwebservices", "ec2", "amazonec2"), "aws"),
    **dict.fromkeys(("google", "googlecloud", "googlecloudplatform", "gce", "googlecomputeengine"), "gcp"),
}

_ADD_ONE = "a plug-in can add one: see examples/plug-in-cloud"


def cloud_named(subject: str, word: str, known: Iterable[str]) -> str:
    """The cloud that a word means, as ``known`` spells it; those of plug-ins by their own names.

    Args:
        subject: what the message begins with: an option, with the value.

    Raises:
        BadInput: it means none of them.
    """
    names: Sequence[str] = tuple(known)
    found = plain_cloud(word)
    if found not in names:
        raise BadInput(f"{subject}: {slip_or_not_supported(word, names, _ADD_ONE)}")
    return found


def plain_cloud(word: str) -> str:
    """A cloud's usual name for what people call it; other words in lower case."""
    lower = word.strip().lower()
    return _CALLED.get(re.sub(r"[\s_-]+", "", lower), lower)


def cloud_of_option(word: str, known: Iterable[str]) -> str:
    """What ``--provider`` means; see ``cloud_named``."""
    return cloud_named(f"--provider {echoed(word.strip()) or repr('')}", word, known)
