"""Measured rows compared with what was predicted of them, as shipped and by the estimator alone.

Three errors are taken of each row, all relative:

- as shipped: with the era's limits and the mean of the engines, as a profile has it unless an engine is chosen. This is
  what a plan suffers, and what a stated error must cover.
- with the engine: the same with the limits and constants of the engine that was measured (``--engine``).
- of the estimator: under the measurement's limits (batch, memory, cache precision, server) and with that engine's
  constants. This says how good the formulas are.

A rate under a target is read from measured closed loops at TPOT_TARGETS_MS, on a line between the runs about it, and
from the estimator as a profile derives it. A closed loop that says nothing at any target is compared by its TPOT. A
target that the product calls out of reach is an error of 1. A size that it refuses, since it is longer than the
context, has no error as shipped.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from melange_cloud.calibration.as_shipped import ShippedReplica, as_shipped, with_its_engine
from melange_cloud.calibration.constant_groups import Key
from melange_cloud.calibration.trials import TPOT_TARGETS_MS, LoadCurve, Trial, curves, estimated_within
from melange_cloud.domain import MaxTput
from melange_cloud.domain.report_card import NEAR_FLOOR
from melange_cloud.estimator.specs import Calibration

SATURATION, UNDER_SLO, IN_FLIGHT = "saturation", "rate_under_slo", "rate_in_flight"
TPOT_AT_RATE, TPOT_IN_FLIGHT = "tpot_at_rate", "tpot_in_flight"
FIRST_TOKEN, BATCH_LATENCY = "ttft_alone", "batch_latency"
QUANTITIES = (SATURATION, UNDER_SLO, IN_FLIGHT, TPOT_AT_RATE, TPOT_IN_FLIGHT, FIRST_TOKEN, BATCH_LATENCY)
SPEEDS = QUANTITIES[:5]
"""Rates, and TPOT at a load, whose error is that of a rate: what the product states an error of. A TPOT is within it if
the measured rate is within the error of the rate at that TPOT."""

MEASURED = "A"
"""The grade of pins."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measured figure and what was predicted of it.

    Attributes:
        key: GPU, era and precision.
        off, shipped_off, with_engine_off: the errors; None where there is none of the kind.
        grade: that the product gives, or NEAR_FLOOR; None where it states no error.
        stated: the stated error, upwards.
        is_kept: whether the measured rate is within it; None where no rate was measured.
    """

    key: Key
    quantity: str
    model: str
    tensor_parallel: int
    engine: str
    source: str
    cell: tuple[object, ...]
    off: float | None
    shipped_off: float | None = None
    with_engine_off: float | None = None
    grade: str | None = None
    stated: float | None = None
    is_kept: bool | None = None


def compared(trials: Sequence[Trial], constants: Calibration) -> Iterator[Comparison]:
    """Every row of ``trials``, and the closed loops among them, against constants that have not seen them."""
    at_targets = [(curve, list(_under_targets(curve, constants))) for curve in curves(trials)]
    judged = {curve.trial.row.cell for curve, found in at_targets if found}
    for each in trials:
        if each.row.table != "closed_loop" or each.row.cell not in judged:
            yield _OF_ROWS[each.row.table](each, constants)
    for _, found in at_targets:
        yield from found


def _saturated(each: Trial, constants: Calibration) -> Comparison:
    rate = each.row.known("requests_per_s")
    return _of_rate(SATURATION, each, constants, (_estimated(each, constants), rate, math.inf))


def _under_targets(curve: LoadCurve, constants: Calibration) -> Iterator[Comparison]:
    row, of_this = curve.trial.row, constants.of_engine(curve.trial.row.source.engine)
    under_its_limits = replace(
        curve.trial.replica,
        calibration=of_this,
        front_end=of_this.front_end.of_layers(curve.trial.work.layers),
        cached_input=row.cached_prompts,
    )
    for target_ms in TPOT_TARGETS_MS:
        rate = curve.rate_within(target_ms)
        if rate is not None:
            off = estimated_within(under_its_limits, row.size, target_ms) / rate - 1
            yield _of_rate(UNDER_SLO, curve.trial, constants, (off, rate, target_ms))


def _of_rate(quantity: str, each: Trial, constants: Calibration, figures: tuple[float, float, float]) -> Comparison:
    """A rate as shipped.

    Args:
        figures: the estimator's error, the measured rate, and the TPOT target, ms.
    """
    off, rate, tpot_ms = figures
    shipped, of_this = as_shipped(each, constants), with_its_engine(each, constants)
    facts = _facts(quantity, each, constants, tpot_ms)
    if not shipped.fits:
        return Comparison(**facts, off=off)
    served = shipped.served(tpot_ms)
    return Comparison(
        **facts,
        off=off,
        shipped_off=_rate(served) / rate - 1,
        with_engine_off=None if of_this is None else _rate(of_this.served(tpot_ms)) / rate - 1,
        **_promise(shipped, served, rate, tpot_ms),
    )


def _at_rate(each: Trial, constants: Calibration) -> Comparison:
    """A TPOT at the rate at which requests arrived."""
    rate, tpot_ms = each.row.known("requests_per_s"), each.row.known("tpot_ms")
    shipped, of_this = as_shipped(each, constants), with_its_engine(each, constants)
    facts = _facts(TPOT_AT_RATE, each, constants, rate)
    if not shipped.fits:
        return Comparison(**facts, off=_estimated(each, constants))
    return Comparison(
        **facts,
        off=_estimated(each, constants),
        shipped_off=shipped.tpot_off(rate, tpot_ms),
        with_engine_off=None if of_this is None else of_this.tpot_off(rate, tpot_ms),
        **_promise(shipped, shipped.served(tpot_ms), rate, tpot_ms),
    )


def _in_flight(each: Trial, constants: Calibration) -> Comparison:
    """A TPOT or a rate with so many requests in flight, or the first token of one request alone."""
    row = each.row
    shipped, of_this = as_shipped(each, constants), with_its_engine(each, constants)
    facts = _facts(_QUANTITY[row.table], each, constants, row.values.get("concurrency", 1.0))
    off = _estimated(each, constants)
    if not shipped.fits:
        return Comparison(**facts, off=off)
    shipped_off = _on(shipped, each) - 1
    promise: dict[str, Any] = {}
    if row.table == "closed_loop":
        tpot_ms = row.known("tpot_ms")
        rate = 1000 * each.decoding / ((row.output_tokens - 1) * tpot_ms)
        promise = _promise(shipped, shipped.served(tpot_ms), rate, tpot_ms)
    elif row.table == "closed_rate":
        served = shipped.served()
        is_kept = served is not None and -served.error_down <= 1 / (1 + shipped_off) - 1 <= served.error
        promise = {"grade": served and served.grade, "stated": served and served.error, "is_kept": is_kept}
    with_engine_off = None if of_this is None else _on(of_this, each) - 1
    return Comparison(**facts, off=off, shipped_off=shipped_off, with_engine_off=with_engine_off, **promise)


_QUANTITY = {
    "closed_loop": TPOT_IN_FLIGHT,
    "closed_tpot": TPOT_IN_FLIGHT,
    "closed_rate": IN_FLIGHT,
    "first_token": FIRST_TOKEN,
}


def _on(shipped: ShippedReplica, each: Trial) -> float:
    """What a shipped replica does at the load of a row over what was measured."""
    decoding = each.decoding if each.row.table == "closed_loop" else float(shipped.most_at_once)
    there = Trial(each.row, shipped.replica, shipped.replica.work, decoding)
    return there.predicted_over_measured(shipped.replica.calibration)


def _batch(each: Trial, constants: Calibration) -> Comparison:
    off = _estimated(each, constants)
    return Comparison(**_facts(BATCH_LATENCY, each, constants, each.row.known("batch")), off=off)


_OF_ROWS = {
    "saturation": _saturated,
    "open_loop": _at_rate,
    "static": _batch,
    **dict.fromkeys(_QUANTITY, _in_flight),
}


def _estimated(each: Trial, constants: Calibration) -> float:
    return each.predicted_over_measured(constants.of_engine(each.row.source.engine)) - 1


def _facts(quantity: str, each: Trial, constants: Calibration, at: float) -> dict[str, Any]:
    row = each.row
    return {
        "key": constants.key,
        "quantity": quantity,
        "model": row.model,
        "tensor_parallel": row.tensor_parallel,
        "engine": row.source.engine,
        "source": row.source.name,
        "cell": (*row.cell, at),
    }


def _promise(shipped: ShippedReplica, served: MaxTput | None, rate: float, tpot_ms: float) -> dict[str, Any]:
    """What the product states of a rate, and whether it is kept."""
    near_floor = served is None or tpot_ms < shipped.near_floor_ms
    return {
        "grade": NEAR_FLOOR if served is None or near_floor else served.grade,
        "stated": 0.0 if served is None else served.error,
        "is_kept": shipped.is_within_error(rate, tpot_ms),
    }


def _rate(served: MaxTput | None) -> float:
    return 0.0 if served is None else served.requests_per_s
