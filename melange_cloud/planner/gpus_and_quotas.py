"""The GPUs that a plan may use and the quotas that it must keep, as options name them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from melange_cloud import profiles
from melange_cloud.domain import GPUS, Kind
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_whole
from melange_cloud.inputs.comma_lists import listed_or_all
from melange_cloud.inputs.gpu_names import gpu_named, gpus_meant
from melange_cloud.inputs.suggestions import closest_of_family, did_you_mean, family_of, not_supported

_SHORT_LIST = 10
_TIMES = re.compile(r"(.+?)\s*[xX]\s*([0-9]{1,2})")


def gpus_asked_for(words: Iterable[str]) -> tuple[tuple[str, ...] | None, frozenset[Kind] | None]:
    """The GPUs that ``--gpu`` names, and their kinds; ``H100:2`` is one at one degree. None is all.

    Raises:
        BadInput: a word is not a GPU, or a degree without profiles.
    """
    shown: list[str] = []
    kinds: set[Kind] = set()
    for word in listed_or_all("--gpu", words) or ():
        name, _, degree = word.partition(":")
        if (times := _TIMES.fullmatch(name)) and len(gpus_meant(times[1])) == 1:
            raise BadInput(
                f"--gpu {echoed(word)}: for {times[2]} GPUs per replica give {gpus_meant(times[1])[0]}:{times[2]}"
            )
        gpu = gpu_named(f"--gpu {echoed(word)}", name)
        try:
            degrees = [parse_whole(degree, 1)] if degree else list(profiles.TENSOR_PARALLEL_DEGREES)
        except NotANumber:
            cure = f"after the colon comes the tensor parallel degree, such as {gpu}:2"
            raise BadInput(f"--gpu {echoed(word)}: {cure}") from None
        if not set(degrees) <= set(profiles.TENSOR_PARALLEL_DEGREES):
            known = ", ".join(str(tp) for tp in profiles.TENSOR_PARALLEL_DEGREES)
            raise BadInput(f"--gpu {echoed(word)}: tensor parallel degrees with profiles are {known}")
        kinds.update(Kind(gpu, tp) for tp in degrees)
        shown.append(f"{gpu}:{degrees[0]}" if degree else gpu)
    if not kinds:
        return None, None
    return tuple(sorted(set(shown))), frozenset(kinds)


def gpu_quota(limits: Mapping[str, int]) -> dict[str, int]:
    """Limits on GPUs, by names as GPUS spells them.

    Raises:
        BadInput: a name is not a GPU, or a GPU has two limits.
    """
    named: dict[str, int] = {}
    for word, limit in limits.items():
        gpu = gpu_named(f"--max-gpus {echoed(word)}={limit}", word)
        if named.setdefault(gpu, limit) != limit:
            raise BadInput(f"--max-gpus {gpu}: given twice, as {named[gpu]} and {limit}")
    return quota("--max-gpus", named, GPUS)


def quota(option: str, limits: Mapping[str, int], known: Iterable[str]) -> dict[str, int]:
    """Limits by names as ``known`` spells them, sorted.

    Raises:
        BadInput: a name is not known or has two limits, or a limit is below 0.
    """
    names = sorted(known)
    by_lower = {name.lower(): name for name in names}
    families = [name.lower().partition(":")[2] for name in names]  # aws:G may be called G
    by_lower |= {of: name for of, name in zip(families, names, strict=True) if of and families.count(of) == 1}
    checked: dict[str, int] = {}
    for word, limit in limits.items():
        name = by_lower.get(word.lower())
        if name is None:
            raise BadInput(f"{option} {echoed(word)}={limit}: {_hint(word, names)}")
        if limit < 0:
            raise BadInput(f"{option} {word}={limit}: a limit is 0 or more")
        if checked.setdefault(name, limit) != limit:
            raise BadInput(f"{option} {name}: given twice, as {checked[name]} and {limit}")
    return dict(sorted(checked.items()))


def _hint(word: str, names: Sequence[str]) -> str:
    """What is meant of the same family, else what is known."""
    listed = names if len(names) < _SHORT_LIST else [f"{of}*" for of in dict.fromkeys(map(family_of, names))]
    return did_you_mean(closest_of_family(word, names)) or not_supported(listed)
