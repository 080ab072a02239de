"""Compares measured rates with the estimate for the same size and target."""

from collections.abc import Iterable

from melange_cloud.domain import MaxTput, OperatingPoint, Slo
from melange_cloud.domain.import_report import EstimateComparison
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.run_points import is_saturated
from melange_cloud.profiles.served_profile import served_max_tput

LARGE_RATIO = 1.5
"""A measurement that differs from the estimate by more than this factor is doubtful: it is the error of grade D, and
estimates of A10G and L4 were right within 14 %."""

_TPOT_ALLOWANCE = 1.25
"""Near a replica's fastest TPOT, a few ms can cause any ratio. It counts as large only if it is still large with the
target looser by this much (or tighter, if less was measured than estimated)."""


def compared(
    points: Iterable[OperatingPoint], estimate: Profile | None, tpot_ms: float | None = None
) -> list[EstimateComparison]:
    """For each measured size, the highest rate (within a target) and the estimate for the same target.

    Args:
        estimate: None if there is none.
        tpot_ms: the target; None compares at the measured TPOT.
    """
    by_size: dict[tuple[int, int], list[OperatingPoint]] = {}
    for point in points:
        by_size.setdefault((point.input_tokens, point.output_tokens), []).append(point)
    return [_compared(held, estimate, tpot_ms) for _, held in sorted(by_size.items())]


def _compared(points: list[OperatingPoint], estimate: Profile | None, tpot_ms: float | None) -> EstimateComparison:
    within = [p for p in points if tpot_ms is None or (p.tpot_ms is not None and p.tpot_ms <= tpot_ms)]
    best = max(within, key=lambda point: point.requests_per_s, default=None)
    asked_ms = tpot_ms if tpot_ms is not None else None if best is None else best.tpot_ms
    size = points[0].input_tokens, points[0].output_tokens
    estimated = _estimated(estimate, size, asked_ms)
    saturated = is_saturated(points)
    limit = saturated or len(within) < sum(point.tpot_ms is not None for point in points)
    return EstimateComparison(
        *size,
        points=len(points),
        requests_per_s=None if best is None else best.requests_per_s,
        tpot_ms=None if best is None else best.tpot_ms,
        p99_tpot_ms=None if best is None else best.p99_tpot_ms,
        ttft_ms=None if best is None else best.ttft_ms,
        grade=max(point.grade for point in points),
        error=max(point.error for point in points),
        saturated=saturated,
        limit_measured=limit,
        estimated_requests_per_s=estimated,
        is_large=best is not None and _is_large(best.requests_per_s, estimate, size, asked_ms, limit),
    )


def _is_large(
    measured: float, estimate: Profile | None, size: tuple[int, int], tpot_ms: float | None, limit_measured: bool
) -> bool:
    if estimate is None:
        return False
    looser, tighter = (None, None) if tpot_ms is None else (tpot_ms * _TPOT_ALLOWANCE, tpot_ms / _TPOT_ALLOWANCE)
    most = _estimated(estimate, size, looser)
    if most is None:
        # Faster than the estimate at any load; if the estimate cannot serve the size, nothing is compared.
        return _estimated(estimate, size, None) is not None
    if measured > LARGE_RATIO * most:
        return True
    least = _estimated(estimate, size, tighter)
    return limit_measured and least is not None and measured < least / LARGE_RATIO


def _estimated(estimate: Profile | None, size: tuple[int, int], tpot_ms: float | None) -> float | None:
    if estimate is None:
        return None
    answer = served_max_tput(estimate, size, Slo() if tpot_ms is None else Slo(tpot_ms=tpot_ms))
    return answer.requests_per_s if isinstance(answer, MaxTput) else None


def large_ratio(comparison: EstimateComparison) -> str:
    """What is implausible about a size with a large ratio, one clause; empty if nothing is."""
    if not comparison.is_large or comparison.requests_per_s is None:
        return ""
    at = f"{comparison.input_tokens:,} + {comparison.output_tokens:,} tokens"
    ratio = comparison.ratio
    if ratio is None:
        return f"at {at} an output token took {comparison.tpot_ms:.3g} ms, less than estimated at any load"
    rates = f"{comparison.requests_per_s:.3g} against {comparison.estimated_requests_per_s:.3g} requests/s"
    if ratio < 1:
        return f"at {at} the measured rate is only {ratio:.3g} of the estimate ({rates})"
    return f"at {at} the measured rate is {ratio:.3g} times the estimate ({rates})"
