"""Derives profiles/pinned from profiles/measured: the measurements that override the estimates of an era.

A profile is about an era's engines under the era's limits; a measurement of one engine under its own. It is pinned
only where the two say the same thing:

- the row enters fits, and is of one of ENGINES;
- the shipped profile has the replica, and keeps its cache in as many bits;
- the engine is of the era: TensorRT-LLM 0.x, which today's era rests on in part, is no longer in use;
- a closed loop was run at LEAST_LOADS loads or more, on a replica that is not mostly overhead, and the server's front
  end left the pace to the engine;
- of saturated runs, where as many requests fit at once as under the era's limits, within SAME_BATCH;
- today's engines agree on the rate at that TPOT, or at saturation, within WIDEST_SPREAD: as measured where several
  engines were, and by what the calibration found of each.

The error of a pinned point is the largest such disagreement, and at least 10 %. Of several closed loops at one size one
is pinned, by ENGINES; closed loops go before saturated runs, newer before older ones. TTFT is left to the estimate: the
measured ones hold the start-up burst of runs of a few hundred requests.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from melange_cloud.calibration.build_profiles import profile_key
from melange_cloud.calibration.calibrate import TODAYS_ENGINES, engine_of
from melange_cloud.calibration.training_data import TrainingRow, load_measurements
from melange_cloud.calibration.trials import LoadCurve, Trial, curves, estimated_within, trial
from melange_cloud.domain import OperatingPoint
from melange_cloud.estimator.closed_loop import rounded
from melange_cloud.estimator.replica import Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import Era
from melange_cloud.profiles.estimates.estimate_grade import OVERHEAD_READ_S
from melange_cloud.profiles.files.profile_format import MEASURED_FORMAT, format_profile
from melange_cloud.profiles.run_points import ERROR

ENGINES = ("vLLM", "SGLang", "TensorRT-LLM 1.x", "vLLM 0.x")
"""Whose closed loop is pinned where several were measured: what most people run goes first."""

LEAST_LOADS = 3
"""A closed loop at fewer loads is not a curve: a rate under a target would be a guess between far points."""

SAME_BATCH = 1.1
"""Most by which the requests that fit at once may differ from the era's."""

WIDEST_SPREAD = 0.25
"""Where engines differ by more, one engine's measurement is not better than a calibrated estimate of all (grade B)."""

MOST_FRONT_END = 0.6
"""Of a step: at this part a front end slows its server by 3 %, at 0.8 by 12 % (fourth powers add, ``roofline.py``)."""

_ERA_OF_ENGINE = {"vLLM 0.x": "vllm-0.2.7"}
_TODAY = "2025"
_WITHOUT_TARGET = math.inf
_TITLE_ENDS = re.compile(r" \(|,")

_Place = tuple[str, str, str, str]


def pinned() -> dict[Path, str]:
    """All shipped measured profiles: text by place under profiles/pinned."""
    found: dict[_Place, list[tuple[int, OperatingPoint]]] = {}
    for era in load_eras().values():
        for held in _by_size(_trials(era)).values():
            row = held[0].row
            points = _closed_loop(held) or _saturated(held)
            if points:
                precision = _shipped_precision(era, row)
                place = (era.name, row.model, precision, row.gpu)
                found.setdefault(place, []).extend((row.tensor_parallel, point) for point in points)
    return {
        profile_key(model, precision, gpu, era): _text((era, model, precision, gpu), points)
        for (era, model, precision, gpu), points in sorted(found.items())
    }


def _trials(era: Era) -> Iterator[Trial]:
    """The rows of an era's engines that were run as its shipped profiles say, with the shipped constants."""
    models, gpus, calibrations = load_models(), load_gpus(), load_calibrations()
    for row in load_measurements():
        constants = calibrations.get((row.gpu, era.name, row.precision))
        of_era = _ERA_OF_ENGINE.get(row.source.engine, _TODAY) == era.name
        if row.table not in ("closed_loop", "saturation") or not of_era or constants is None:
            continue
        if not row.enters_fits or row.source.engine not in ENGINES:
            continue
        if not _shipped_precision(era, row) or (row.precision == "fp8" and row.source.fp8_cache != era.fp8_cache):
            continue
        ready = trial(row, models, gpus, era, constants)
        if ready is not None and (era.name != _TODAY or engine_of(ready) in TODAYS_ENGINES):
            yield ready


def _shipped_precision(era: Era, row: TrainingRow) -> str:
    """The precision of the shipped profile that a row is about; empty if there is none."""
    for precision in era.models.get(row.model, ()):
        if (precision == "fp8") == (row.precision == "fp8"):
            return precision
    return ""


def _by_size(trials: Iterable[Trial]) -> dict[tuple[object, ...], list[Trial]]:
    groups: dict[tuple[object, ...], list[Trial]] = {}
    for each in trials:
        row = each.row
        groups.setdefault((row.model, row.gpu, row.precision, row.tensor_parallel, row.size), []).append(each)
    return dict(sorted(groups.items()))


def _closed_loop(held: Sequence[Trial]) -> list[OperatingPoint]:
    """The points of the first of ENGINES that has a curve worth pinning; none where none has."""
    loops = sorted((each for each in curves(held) if len(each.points) >= LEAST_LOADS), key=_rank)
    for curve in loops:
        others = [other for other in loops if other is not curve]
        points = [point for point in _points(curve, held, others) if point is not None]
        if points:
            return points
    return []


def _rank(curve: LoadCurve) -> int:
    return ENGINES.index(curve.trial.row.source.engine)


def _points(curve: LoadCurve, held: Sequence[Trial], others: Sequence[LoadCurve]) -> Iterator[OperatingPoint | None]:
    replica = _as_shipped(curve.trial)
    if replica.weight_read_s < OVERHEAD_READ_S:
        return
    trials = sorted(
        (each for each in held if each.row.source is curve.trial.row.source and each.row.table == "closed_loop"),
        key=lambda each: each.row.known("concurrency"),
    )
    for each, (tpot_ms, requests_per_s) in zip(trials, curve.points, strict=True):
        measured = [other.rate_within(tpot_ms) for other in others]
        spread = max(
            _spread(each, tpot_ms), *(abs(rate / requests_per_s - 1) for rate in measured if rate is not None), 0.0
        )
        if spread <= WIDEST_SPREAD and _front_end_part(each, tpot_ms, requests_per_s) <= MOST_FRONT_END:
            yield _point(each, requests_per_s, tpot_ms, spread)


def _front_end_part(each: Trial, tpot_ms: float, requests_per_s: float) -> float:
    """The part of a measured step in which the server's front end was busy."""
    front_end = each.replica.calibration.of_engine(each.row.source.engine).front_end.of_layers(each.work.layers)
    busy_s = front_end.step_s + each.decoding * front_end.per_request_s
    return 1000 * busy_s / tpot_ms + requests_per_s * front_end.per_prefill_s


def _saturated(held: Sequence[Trial]) -> list[OperatingPoint]:
    """The newest saturated run that had the era's batch; none where none had, or engines differ too much."""
    runs = [each for each in held if each.row.table == "saturation" and _has_the_batch(each)]
    if not runs:
        return []
    newest = max(runs, key=lambda each: (each.row.source.date, each.row.source.name))
    requests_per_s = newest.row.known("requests_per_s")
    spread = max(
        _spread(newest, _WITHOUT_TARGET), *(abs(each.row.known("requests_per_s") / requests_per_s - 1) for each in runs)
    )
    return [_point(newest, requests_per_s, None, spread)] if spread <= WIDEST_SPREAD else []


def _has_the_batch(each: Trial) -> bool:
    of_era = _as_shipped(each).largest_concurrency(*each.row.size)
    return of_era > 0 and 1 / SAME_BATCH <= each.decoding / of_era <= SAME_BATCH


def _spread(each: Trial, tpot_ms: float) -> float:
    """By how much engines of today differ from the one measured, by their calibrated steps; a fraction of its rate."""
    replica = _as_shipped(each)
    measured = estimated_within(_with(replica, engine_of(each)), each.row.size, tpot_ms)
    if measured == 0:
        return math.inf
    others = TODAYS_ENGINES if replica.era.name == _TODAY else ()
    rates = [estimated_within(_with(replica, other), each.row.size, tpot_ms) for other in others]
    return max((abs(rate / measured - 1) for rate in rates), default=0.0)


def _with(replica: Replica, engine: str) -> Replica:
    return replace(replica, calibration=replica.calibration.of_engine(engine))


def _as_shipped(each: Trial) -> Replica:
    """The replica under the limits of its era."""
    held = each.replica
    era = load_eras()[held.calibration.era]
    return Replica(held.model, held.gpu, held.tensor_parallel, era, held.precision, held.calibration)


def _point(each: Trial, requests_per_s: float, tpot_ms: float | None, spread: float) -> OperatingPoint:
    row = each.row
    return OperatingPoint(
        *row.size,
        concurrency=None if tpot_ms is None else round(row.known("concurrency")),
        requests_per_s=rounded(requests_per_s),
        tpot_ms=tpot_ms,
        ttft_ms=None,
        origin="measured",
        grade="A",
        error=math.ceil(100 * max(ERROR, spread)) / 100,
        source=_TITLE_ENDS.split(row.source.title)[0],
        measured_on=row.source.date,
    )


def _text(place: _Place, points: Sequence[tuple[int, OperatingPoint]]) -> str:
    era_name, model, precision, gpu = place
    era = load_eras()[era_name]
    header = {
        "format": MEASURED_FORMAT,
        "model": model,
        "precision": precision,
        "gpu": gpu,
        "era": era_name,
        "max_total_tokens": str(era.context(load_models()[model])),
        "max_num_seqs": str(era.settings(load_gpus()[gpu]).max_num_seqs),
        "source": "published measurements (profiles/measured); error: by how much engines differ, at least 10 %",
        "calibration": "none, measured",
        "made by": "melange-cloud profiles build",
    }
    return format_profile(header, points)
