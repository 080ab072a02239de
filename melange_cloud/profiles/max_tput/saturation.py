"""What keeps a full replica from serving more, and how much of its time prompts take."""

import math
from collections.abc import Sequence

from melange_cloud.domain import OperatingPoint
from melange_cloud.profiles.max_tput.profile import Profile


def what_saturates(profile: Profile, input_tokens: float, output_tokens: float) -> str:
    """Why no more requests of a size run at once, where no target says so.

    Returns:
        ``batch``: the engine's max_num_seqs; ``memory``: the KV cache holds no more; ``saturation``: not known which.
    """
    points = _nearest(profile, input_tokens, output_tokens)
    at_once = [point.concurrency for point in points if point.concurrency is not None and point.origin == "estimated"]
    if not at_once:
        return "saturation"
    return "batch" if max(at_once) >= profile.max_num_seqs else "memory"


def prompt_s(profile: Profile, input_tokens: float, output_tokens: float) -> float | None:
    """About how long one prompt keeps a replica busy, s: the TTFT of a request that is alone; None if not known.

    Taken at the nearest size of the profile and moved to ``input_tokens`` in proportion.
    """
    for point in _nearest(profile, input_tokens, output_tokens):
        if point.concurrency == 1 and point.ttft_ms is not None:
            return point.ttft_ms / 1000 * input_tokens / point.input_tokens
    return None


def _nearest(profile: Profile, input_tokens: float, output_tokens: float) -> Sequence[OperatingPoint]:
    """The operating points of the profile's size that is nearest in both dimensions, by ratio."""
    sizes = profile.table.sizes(profile.kind)
    if not sizes:
        return ()

    def far(size: tuple[int, int]) -> tuple[float, tuple[int, int]]:
        return math.hypot(math.log(size[0] / input_tokens), math.log(size[1] / output_tokens)), size

    return profile.table.points(profile.kind, min(sizes, key=far))
