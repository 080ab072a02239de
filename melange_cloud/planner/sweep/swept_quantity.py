"""Which quantity is swept, and between which values."""

from melange_cloud.domain import Stretch
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.gpu_names import gpu_named
from melange_cloud.inputs.quantities import positive
from melange_cloud.inputs.suggestions import slip_or_not_supported
from melange_cloud.planner.resolve import MOST_REQUESTS_PER_S
from melange_cloud.planner.sweep.stretches import MOST_STRETCHES, STEP

OVER = ("rate", "tpot", "price", "throughput", "router")
SPANS = {"rate": (0.1, 3.0), "tpot": (0.25, 2.5), "price": (0.5, 2.0)}
"""The ranges if none is given, in multiples of the plan's own value."""

DEFAULT_ERROR = 0.5
LEAST_FACTOR = 0.2
"""Where the range of a throughput that may be none begins: fewer times as much take more and more instances."""

LIMITS = {"rate": (1e-6, MOST_REQUESTS_PER_S), "tpot": (1e-3, 1e6), "price": (1e-3, 1e3), "throughput": (1e-3, 1e3)}
"""Between which values a sweep makes sense: beyond them floating point, not the fleet, would decide."""


class TooManyChanges(BadInput):
    """The fleet changes more often in a range than is computed."""


def quantity_of(over: str) -> tuple[str, str]:
    """``price:a10g`` as (``price``, ``A10G``).

    Raises:
        BadInput: there is no such quantity, or no such GPU.
    """
    what, _, name = over.strip().lower().partition(":")
    if what not in OVER:
        raise BadInput(f"--over {echoed(over)}: {slip_or_not_supported(what, OVER)}")
    if what not in ("price", "throughput"):
        if name:
            raise BadInput(f"--over {echoed(over)}: only price and throughput are of a GPU, such as price:A10G")
        return what, ""
    if not name:
        raise BadInput(f"--over {echoed(over)}: name a GPU, such as {what}:A10G")
    return what, gpu_named(f"--over {echoed(over)}", name)


def range_of(
    what: str, asked: float, errors: tuple[float, float] | None, low: float | None, high: float | None
) -> tuple[float, float]:
    """Where the sweep begins and ends.

    Args:
        what: the quantity, a key of SPANS or ``throughput``.
        asked: the plan's own value.
        errors: of a throughput, by how much more and less it may be, fractions; else None.
        low, high: what was requested, if anything.

    Raises:
        BadInput: the range is empty, or an end of it is not positive.
    """
    if errors is None:
        below, above = SPANS[what]
    else:
        below, above = max(LEAST_FACTOR, 1 - errors[1]), 1 + errors[0]
    begin, end = asked * below if low is None else low, asked * above if high is None else high
    for option, value in (("--from", begin), ("--to", end)):
        positive(option, value)
    if begin >= end:
        raise BadInput(f"--from {begin:g} --to {end:g}: the range is empty; give a --to above --from")
    return begin, end


def within_limits(what: str, low: float, high: float) -> None:
    """Refuse a range that reaches beyond LIMITS.

    Raises:
        BadInput: it does.
    """
    least, most = LIMITS[what]
    for option, value in (("--from", low), ("--to", high)):
        positive(option, value, least, most)


def whole(stretches: tuple[Stretch, ...], low: float, high: float) -> tuple[Stretch, ...]:
    """The stretches, which reach from ``low`` to ``high``: refused where there were too many to do so.

    Raises:
        TooManyChanges: the range was given up before its end.
    """
    begin, end = stretches[0].low, stretches[-1].high
    if begin > low * (1 + STEP) or end < high * (1 - STEP):
        raise TooManyChanges(
            f"--from {low:g} --to {high:g}: fleets change more than {MOST_STRETCHES:,} times in this range; narrow it, "
            f"such as --from {begin:.4g} --to {end:.4g}"
        )
    return stretches
