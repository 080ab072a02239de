"""What a user must know about an import: where plans use it, what is doubtful, what is far from the estimate."""

import math
from collections.abc import Sequence

from melange_cloud.domain import Kind
from melange_cloud.domain.import_report import EstimateComparison
from melange_cloud.estimator.spec_files import load_models
from melange_cloud.profiles.against_estimate import large_ratio
from melange_cloud.profiles.attribution.attribute import Attribution
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.library import load_profiles
from melange_cloud.profiles.max_tput.measured_profile import CELL
from melange_cloud.profiles.run_points import doubts

_SHOWN = 10
"""Sizes that are listed; the rest are counted."""


def notices_of(
    kept: Sequence[BenchmarkRun],
    sizes: Sequence[EstimateComparison],
    whose: Attribution,
    *,
    has_estimate: bool,
    saved: bool,
) -> list[str]:
    """What a user must know about an import, one sentence each.

    Args:
        kept: the runs that are used.
        has_estimate: True if there is an estimate of the same replica.
        saved: the profile in combination with older imports, if it was written.
    """
    notices = list(whose.notes)
    if whose.model not in load_models():
        notices.append(f"{whose.model} is an unknown model: its rates were not checked against the limits of the GPU")
    sources: dict[str, list[str]] = {}
    for run in kept:
        for clause in doubts(run):
            sources.setdefault(clause, []).append(run.source)
    for clause, named in sources.items():
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        notices.append(f"{named[0]}{more}: {clause}")
    if saved:
        profiles, _ = load_profiles(whose.model, whose.precision, whose.era, [whose.gpu])
        notices.extend(profiles[Kind(whose.gpu, whose.tensor_parallel)].notes)
    for size in sizes:
        if clause := large_ratio(size):
            # Prompts that were already in the server's cache make a run faster, never slower.
            caching = "" if size.ratio is not None and size.ratio < 1 else ", and make sure that prefix caching was off"
            notices.append(f"{clause}. They rarely differ so much: check --gpu, --tp, --precision and --model{caching}")
    notices.append(_used_where(sizes, has_estimate=has_estimate))
    low = [
        f"{size.input_tokens:,} + {size.output_tokens:,} (up to {size.tpot_ms:.3g} ms)"
        for size in sizes
        if not size.limit_measured and size.tpot_ms is not None
    ]
    if low:
        notices.append(
            f"no higher load was measured at {_few(low)}. A plan with a looser TPOT target uses the highest measured "
            "rate there as the replica's limit, but does not lower rates at other sizes; measure up to the "
            "load that breaks your target"
        )
    if all(run.saturated or run.tpot_ms is None for run in kept):
        notices.append(
            'no run has a TPOT (rate "inf" shows only saturation): under a TPOT target these rates are used only '
            "if saturation, not the target, is the limit"
        )
    return notices


def _used_where(sizes: Sequence[EstimateComparison], *, has_estimate: bool) -> str:
    """The sizes for which plans use the measurements, one sentence."""
    measured = _few([f"{size.input_tokens:,} + {size.output_tokens:,}" for size in sizes])
    near = f"plans use these rates within {math.expm1(CELL):.0%} of {measured} tokens".replace("%", " %")
    if has_estimate:
        return (
            f"{near}; from half to twice that size they correct the estimate (less with distance), elsewhere not at all"
        )
    return f"{near}; smaller sizes count as the next larger measured one, since there is no estimate"


def _few(named: Sequence[str]) -> str:
    more = f" and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else ""
    return f"{'; '.join(named[:_SHOWN])}{more}"
