"""GPUs as people and tools write them: ``a100-80gb``, ``H100-80GB``, ``nvidia-l4``, ``NVIDIA A100-SXM4-40GB``."""

import re
from collections.abc import Mapping

from melange_cloud.domain import GPUS
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.suggestions import not_supported, one_of

MEMORY_GIB: Mapping[str, Mapping[int, str]] = {
    "l4": {24: "L4"},
    "a10g": {24: "A10G"},
    "a100": {40: "A100-40GB", 80: "A100-80GB"},
    "h100": {80: "H100"},
}
"""The GPUs of a chip, by memory."""

_OF_VENDORS = {"nvidia-tesla-a100": "A100-40GB"}
"""Names that say less than they mean: Google's accelerator of this name has 40 GB."""

_SAYS_NOTHING = frozenset(("nvidia", "tesla", "sxm", "sxm4", "sxm5", "hbm2", "hbm2e", "hbm3", "mega"))
"""Words for features that all of our GPUs share, apart from chip and memory. PCIe and NVL cards are slower."""

_MEMORY = re.compile(r"([0-9]{2,3})(?:gi?b?)?")
_CHIP_AND_MEMORY = re.compile(rf"({'|'.join(MEMORY_GIB)})({_MEMORY.pattern})")
_LONGEST = 100
_NO_OTHERS = "prices and data sheets of others are not shipped, so nothing can be planned on them"


def gpu_of_option(option: str, word: str) -> str:
    """The GPU that an option names; see ``gpu_named``."""
    return gpu_named(f"{option} {echoed(word.strip()) or repr('')}", word)


def gpu_named(subject: str, word: str) -> str:
    """The GPU that a word names, as GPUS spells it.

    No other is suggested: a letter or digit more is another GPU (A10 and A10G, H100 and H200).

    Args:
        subject: what the message begins with: an option with its value.

    Raises:
        BadInput: it names none of them, or a chip that comes in two sizes.
    """
    known = gpus_meant(word)
    if len(known) == 1:
        return known[0]
    if known:
        raise BadInput(f"{subject}: comes in several sizes; give {one_of(known)}")
    raise BadInput(f"{subject}: {not_supported(GPUS, _NO_OTHERS)}")


def gpus_meant(word: str) -> tuple[str, ...]:
    """The GPUs that a word may mean: one, the sizes of a chip if it leaves the memory open, or none."""
    plain = word.strip().lower()[:_LONGEST]
    if plain in _OF_VENDORS:
        return (_OF_VENDORS[plain],)
    tokens = [token for token in re.split(r"[\s_/-]+", plain) if token not in _SAYS_NOTHING]
    if tokens and (both := _CHIP_AND_MEMORY.fullmatch(tokens[0])):
        tokens[:1] = [both[1], both[2]]
    if not tokens or tokens[0] not in MEMORY_GIB or len(tokens) > 2:
        return ()
    sizes = MEMORY_GIB[tokens[0]]
    if len(tokens) == 1:
        return tuple(sizes.values())
    memory = _MEMORY.fullmatch(tokens[1])
    gpu = sizes.get(int(memory[1])) if memory else None
    return () if gpu is None else (gpu,)
