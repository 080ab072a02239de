"""Derives profiles/pinned from profiles/measured: the measurements that override the estimates of an era.

A profile is about an era's engines under the era's limits; a measurement of one engine under its own. It is pinned
only where the two say the same thing:

- the row enters fits, and is of one of ENGINES;
- the shipped profile has the replica, and keeps its cache in as many bits;
- the engine is of the era: TensorRT-LLM 0.x, which today's era rests on in part, is no longer in use;
- a closed loop was run at LEAST_LOADS loads or more, on a replica that is not mostly overhead, and the server's front
  end left the pace to the engine;
- of saturated runs, where as many requests fit at once as under the era's limits, within SAME_BATCH;
- for the mean of engines, where today's engines agree with it at that TPOT, or at saturation, within WIDEST_SPREAD: as
  measured where several engines were, and by what the calibration found of each.

An engine has the pins of its own measurements. The mean of engines has them moved: with as many requests in flight,
rate and TPOT change as the estimate does from that engine's constants to the mean's. The error of a moved point is the
largest difference between the mean and an engine, measured or calibrated; of either kind it is at least 15 %, since
versions of an engine differ. Of several closed loops at one size one is pinned, by ENGINES; closed loops go before
saturated runs, newer before older ones. TTFT is left to the estimate: the measured ones hold the start-up burst of runs
of a few hundred requests.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.calibration.calibrate import engine_of
from melange_cloud.calibration.constant_groups import TODAY, TODAYS_ENGINES
from melange_cloud.calibration.training_data import TrainingRow, load_measurements
from melange_cloud.calibration.trials import LoadCurve, Trial, curves, estimated_within, trial
from melange_cloud.domain import OperatingPoint
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.estimator.closed_loop import rounded
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import Era
from melange_cloud.profiles.estimates.estimate_table import replica_of
from melange_cloud.profiles.files.profile_format import MEASURED_FORMAT, format_profile
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.pinned_place import pinned_place

ENGINES = ("vLLM", "SGLang", "TensorRT-LLM 1.x", "vLLM 0.x")
"""Whose closed loop is pinned where several were measured: what most people run goes first."""

LEAST_LOADS = 3
"""A closed loop at fewer loads is not a curve: a rate under a target would be a guess between far points."""

SAME_BATCH = 1.1
"""Most by which the requests that fit at once may differ from the era's."""

PIN_ERROR = 0.15
"""Least error of a pinned point: a published measurement is of one version of one engine on one host. Of 46 rates that
another engine run measured at a pinned size, 85 % were within 16 %, 76 % within 10 %."""

WIDEST_SPREAD = ERROR_OF_GRADE["B"]
"""Where engines differ by more, one engine's measurement is not better than a calibrated estimate of all (grade B)."""

OVERHEAD_READ_S = 0.0015
"""Where a replica reads all its weights in less, a step is mostly overhead, in which engines and hosts differ most."""

MOST_FRONT_END = 0.6
"""Of a step: at this part a front end slows its server by 3 %, at 0.8 by 12 % (fourth powers add, ``roofline.py``)."""

_ERA_OF_ENGINE = {"vLLM 0.x": "vllm-0.2.7"}
_WITHOUT_TARGET = math.inf
_TITLE_ENDS = re.compile(r" \(|,")

_Place = tuple[str, str, str, str, str]


def pinned() -> dict[Path, str]:
    """All shipped measured profiles: text by place under profiles/pinned."""
    found: dict[_Place, list[tuple[int, OperatingPoint]]] = {}
    for era in load_eras().values():
        runs = runs_by_size(load_measurements(), era)
        for engine in (MEAN_OF_ENGINES, *TODAYS_ENGINES) if era.name == TODAY else (MEAN_OF_ENGINES,):
            for held, points in pins(runs, engine):
                row = held[0].row
                place = (era.name, engine, row.model, _shipped_precision(era, row), row.gpu)
                found.setdefault(place, []).extend((row.tensor_parallel, point) for point in points)
    return {
        pinned_place(load_eras()[place[0]], *place[1:]): _text(place, points) for place, points in sorted(found.items())
    }


def era_of(engine: str) -> str:
    """The era of a measured engine."""
    return _ERA_OF_ENGINE.get(engine, TODAY)


def pins(
    runs: Iterable[Sequence[Trial]], engine: str = MEAN_OF_ENGINES
) -> Iterator[tuple[Sequence[Trial], list[OperatingPoint]]]:
    """The runs at each size of a replica, with the points of them that are pinned; sizes without one are left out.

    Args:
        engine: whose speed the points say; of one engine only its own runs count.
    """
    for each in runs:
        held = [run for run in each if engine in (MEAN_OF_ENGINES, engine_of(run))]
        points = _closed_loop(held, engine) or _saturated(held, engine)
        if points:
            yield held, points


def runs_by_size(rows: Iterable[TrainingRow], era: Era) -> list[list[Trial]]:
    """The rows of an era's engines that were run as its shipped profiles say, by replica and size."""
    groups: dict[tuple[object, ...], list[Trial]] = {}
    for each in _trials(rows, era):
        row = each.row
        groups.setdefault((row.model, row.gpu, row.precision, row.tensor_parallel, row.size), []).append(each)
    return [groups[key] for key in sorted(groups)]


def _trials(rows: Iterable[TrainingRow], era: Era) -> Iterator[Trial]:
    """The rows of an era's engines that were run as its shipped profiles say, with the shipped constants."""
    models, gpus, calibrations = load_models(), load_gpus(), load_calibrations()
    for row in rows:
        constants = calibrations.get((row.gpu, era.name, row.precision))
        of_era = era_of(row.source.engine) == era.name
        if row.table not in ("closed_loop", "saturation") or not of_era or constants is None:
            continue
        if not row.enters_fits or row.source.engine not in ENGINES:
            continue
        if row.cached_prompts:  # what is pinned is moved by the share of cached input that a question asks for
            continue
        if not _shipped_precision(era, row) or (row.precision == "fp8" and row.source.fp8_cache != era.fp8_cache):
            continue
        ready = trial(row, models, gpus, era, constants)
        if ready is not None and (era.name != TODAY or engine_of(ready) in TODAYS_ENGINES):
            yield ready


def _shipped_precision(era: Era, row: TrainingRow) -> str:
    """The precision of the shipped profile that a row is about; empty if there is none."""
    for precision in era.models.get(row.model, ()):
        if (precision == "fp8") == (row.precision == "fp8"):
            return precision
    return ""


def _closed_loop(held: Sequence[Trial], engine: str) -> list[OperatingPoint]:
    """The points of the first of ENGINES that has a curve worth pinning; none where none has."""
    loops = [each for each in curves(held) if len(each.points) >= LEAST_LOADS]
    moved = [
        loop for curve in sorted(loops, key=_rank) if (loop := _Loop.of(curve, _runs_of(curve, held), engine)).points
    ]
    for loop in moved:
        points = list(_points(loop, [other for other in moved if other is not loop], engine))
        if points:
            return points
    return []


def _rank(curve: LoadCurve) -> int:
    return ENGINES.index(curve.trial.row.source.engine)


def _runs_of(curve: LoadCurve, held: Sequence[Trial]) -> list[Trial]:
    """The runs of a curve, by rising concurrency."""
    source = curve.trial.row.source.name
    runs = (each for each in held if each.row.source.name == source and each.row.table == "closed_loop")
    return sorted(runs, key=lambda each: each.row.known("concurrency"))


@dataclass(frozen=True)
class _Loop:
    """A closed loop, moved to an engine.

    Attributes:
        points: (tpot_ms, requests_per_s) of each run.
    """

    runs: tuple[Trial, ...]
    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, curve: LoadCurve, runs: Sequence[Trial], engine: str) -> "_Loop":
        """A measured one, without the runs of which the estimate says nothing."""
        moves = [(each, at, _move(each, engine)) for each, at in zip(runs, curve.points, strict=True)]
        kept = [(each, at, move) for each, at, move in moves if move is not None]
        points = tuple((at[0] * move[0], at[1] * move[1]) for _, at, move in kept)
        return cls(tuple(each for each, *_ in kept), points)

    @property
    def curve(self) -> LoadCurve:
        """What it says at a TPOT."""
        return LoadCurve(self.runs[0], self.points)


def _move(each: Trial, engine: str) -> tuple[float, float] | None:
    """TPOT and rate of an engine over those of the measured one, with as many requests in flight; None if unknown."""
    if not _is_moved(each, engine):
        return 1.0, 1.0
    at_once = round(each.row.known("concurrency"))
    of_both = [_as_shipped(each, name).estimate(*each.row.size, (at_once,)) for name in (engine, engine_of(each))]
    there, here = (None if isinstance(found, MemoryShortfall) or not found else found[0] for found in of_both)
    if there is None or here is None:
        return None
    return there.tpot_ms / here.tpot_ms, there.requests_per_s / here.requests_per_s


def _is_moved(each: Trial, engine: str) -> bool:
    return engine == MEAN_OF_ENGINES and engine_of(each) in TODAYS_ENGINES


def _points(loop: _Loop, others: Sequence[_Loop], engine: str) -> Iterator[OperatingPoint]:
    if _as_shipped(loop.runs[0], engine).weight_read_s < OVERHEAD_READ_S:
        return
    for each, (tpot_ms, requests_per_s) in zip(loop.runs, loop.points, strict=True):
        measured = [other.curve.rate_within(tpot_ms) for other in others]
        differences = [abs(rate / requests_per_s - 1) for rate in measured if rate is not None]
        spread = max(_spread(each, tpot_ms, engine), *differences, 0.0)
        if spread <= WIDEST_SPREAD and _front_end_part(each) <= MOST_FRONT_END:
            yield _point(each, (requests_per_s, tpot_ms), spread, engine)


def _front_end_part(each: Trial) -> float:
    """The part of a measured step in which the server's front end was busy."""
    front_end = each.replica.calibration.of_engine(each.row.source.engine).front_end.of_layers(each.work.layers)
    begun = each.decoding / (each.row.output_tokens - 1)
    busy_s = front_end.step_s + each.decoding * front_end.per_request_s + begun * front_end.per_prefill_s
    return 1000 * busy_s / each.row.known("tpot_ms")


def _saturated(held: Sequence[Trial], engine: str) -> list[OperatingPoint]:
    """The newest saturated run that had the era's batch; none where none had, or engines differ too much."""
    runs = [each for each in held if each.row.table == "saturation" and _has_the_batch(each, engine)]
    if not runs:
        return []
    newest = max(runs, key=lambda each: (each.row.source.date, each.row.source.name))
    requests_per_s, *others = (
        each.row.known("requests_per_s") * _saturation_move(each, engine) for each in (newest, *runs)
    )
    spread = max(_spread(newest, _WITHOUT_TARGET, engine), *(abs(rate / requests_per_s - 1) for rate in others))
    return [_point(newest, (requests_per_s, None), spread, engine)] if spread <= WIDEST_SPREAD else []


def _saturation_move(each: Trial, engine: str) -> float:
    """The rate of an engine over that of the measured one, without a target."""
    if not _is_moved(each, engine):
        return 1.0
    there, here = (
        estimated_within(_as_shipped(each, name), each.row.size, _WITHOUT_TARGET) for name in (engine, engine_of(each))
    )
    return there / here if here else 1.0


def _has_the_batch(each: Trial, engine: str) -> bool:
    of_era = _as_shipped(each, engine).largest_concurrency(*each.row.size)
    return of_era > 0 and 1 / SAME_BATCH <= each.decoding / of_era <= SAME_BATCH


def _spread(each: Trial, tpot_ms: float, engine: str) -> float:
    """By how much today's engines differ from their mean, by their calibrated steps; a fraction of its rate."""
    if not _is_moved(each, engine):
        return 0.0
    mean = estimated_within(_as_shipped(each, engine), each.row.size, tpot_ms)
    if mean == 0:
        return math.inf
    rates = [estimated_within(_as_shipped(each, name), each.row.size, tpot_ms) for name in TODAYS_ENGINES]
    return max(abs(rate / mean - 1) for rate in rates)


def _as_shipped(each: Trial, engine: str) -> Replica:
    """The replica under the limits of its era, with an engine's constants."""
    held, constants = each.replica, each.replica.calibration
    era = load_eras()[constants.era]
    return replica_of(held.model, held.gpu, held.tensor_parallel, era, held.precision, constants, engine=engine)


def _point(each: Trial, at: tuple[float, float | None], spread: float, engine: str) -> OperatingPoint:
    row, (requests_per_s, tpot_ms) = each.row, at
    title = _TITLE_ENDS.split(row.source.title)[0]
    return OperatingPoint(
        *row.size,
        concurrency=None if tpot_ms is None else round(row.known("concurrency")),
        requests_per_s=rounded(requests_per_s),
        tpot_ms=None if tpot_ms is None else rounded(tpot_ms),
        ttft_ms=None,
        origin="measured",
        grade="A",
        error=math.ceil(100 * max(PIN_ERROR, spread)) / 100,
        source=f"{title} (moved to the mean of engines)" if _is_moved(each, engine) else title,
        measured_on=row.source.date,
    )


def _text(place: _Place, points: Sequence[tuple[int, OperatingPoint]]) -> str:
    era_name, engine, model, precision, gpu = place
    era = load_eras()[era_name]
    is_mean = engine == MEAN_OF_ENGINES and MEAN_OF_ENGINES in era.engines
    error = "error: by how much engines differ from their mean, at least 15 %" if is_mean else "error: 15 %"
    header = {
        "format": MEASURED_FORMAT,
        "model": model,
        "precision": precision,
        "gpu": gpu,
        "era": era_name,
        "max_total_tokens": str(era.context(load_models()[model])),
        "max_num_seqs": str(era.settings(load_gpus()[gpu], engine if engine in era.engines else None).max_num_seqs),
        "source": f"published measurements (profiles/measured); {error}",
        "calibration": "none, measured",
        "made by": "melange-cloud maintain build",
    }
    return format_profile(header, points)
