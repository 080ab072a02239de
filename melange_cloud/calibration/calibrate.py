"""Makes calibration.toml: the estimator's constants per (GPU, era, precision), fitted to profiles/measured.

``constant_groups.py`` says what each rests on. Constants are rounded to three digits before anything is made of them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from melange_cloud.calibration.constant_groups import (
    CHOSEN,
    COLUMNS,
    DEFAULTS,
    ENGINES_SEEN_ON,
    FRONT_END,
    GROUPS,
    LAYERS,
    TODAY,
    TODAYS_ENGINES,
    UNKNOWNS,
    ConstantGroup,
    Key,
)
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.calibration.trials import Trial, trial
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.fitting import fitted
from melange_cloud.estimator.roofline import NO_FRONT_END
from melange_cloud.estimator.spec_files import load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import ENGINE_NAMES, Calibration, FrontEnd

_DIGITS = 3


def trials_of(group: ConstantGroup, constants: Calibration | None = None) -> list[Trial]:
    """The rows of a group that can be estimated; refused replicas and overfull static batches are left out."""
    return [each for each in training_of(group, constants) if group.has(each.row)]


def training_of(group: ConstantGroup, constants: Calibration | None = None) -> list[Trial]:
    """The rows of a group's fit: its own, and those of the other precision that is fitted with it."""
    models, gpus, era = load_models(), load_gpus(), load_eras()[group.era]
    any_constants = constants or made(group, group.chosen, ())
    found = (trial(row, models, gpus, era, any_constants) for row in load_measurements() if group.fits(row))
    return [each for each in found if each is not None]


def fit(
    group: ConstantGroup,
    trials: Sequence[Trial],
    found: Mapping[Key, Mapping[str, float]],
    near: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The constants of a group by name, rounded; trials of one engine and precision see that one's.

    Args:
        trials: of its ``training_of``.
        found: the constants of the groups before it; what it borrows, and how engines differ.
        near: constants that the fit is expected near, which makes it quick.
    """
    known = {**CHOSEN, **(found[group.borrowed] if group.borrowed else {}), **group.chosen}
    if not trials or not group.fitted:
        return _with_engines(group, known, (), found)
    engines = sorted({engine_of(each) for each in trials})
    precisions = sorted({each.row.precision for each in trials})
    of_precision = {precision: replace(group, precision=precision) for precision in group.precisions}

    kinds = [(engine_of(each), each.row.precision) for each in trials]
    # Rows of one replica and engine have one law, and making it takes as long as asking it.
    laws_of: dict[object, int] = {}
    which = [
        laws_of.setdefault((*kind, each.work, each.row.source.front_end), len(laws_of))
        for each, kind in zip(trials, kinds, strict=True)
    ]

    def residuals(values: Mapping[str, float]) -> list[float]:
        constants = {
            (engine, precision): made(of_precision.get(precision, group), {**known, **values}, engines).of_engine(
                engine
            )
            for precision in precisions
            for engine in engines
        }
        laws: dict[int, StepLaw] = {}
        logs = []
        for each, kind, at in zip(trials, kinds, which, strict=True):
            k = constants[kind]
            if at not in laws:
                laws[at] = each.law(k)
            logs.append(math.log(each.predicted_over_measured(k, laws[at])))
        return logs

    unknowns = {
        name: group.starts.get(name) or UNKNOWNS.get(name) or UNKNOWNS[name.partition(" @ ")[0]]
        for name in group.fitted
        if "@" not in name or name.partition(" @ ")[2] in (*engines, *precisions)
    }
    values = {**known, **fitted(residuals, unknowns, near)}
    for name, value in values.items():
        if name.partition(" @ ")[0] in ("read_weights", "compute", "attention", "block_scaled"):
            values[name] = min(value, 1.0)
    return _with_engines(group, values, engines, found)


def _with_engines(
    group: ConstantGroup,
    values: Mapping[str, float],
    measured: Sequence[str],
    found: Mapping[Key, Mapping[str, float]],
) -> dict[str, float]:
    """The constants, rounded, with a step of each of today's engines.

    One that was not measured takes as much longer or shorter than the measured ones as where all were, unless the group
    chose its step or says that engines are alike.
    """
    seen = found.get(ENGINES_SEEN_ON)
    rounded_values = {name: rounded(value) for name, value in values.items()}
    if seen is None or group.era != TODAY or group.gpu == ENGINES_SEEN_ON[0]:
        return rounded_values
    steps = {engine: seen.get(f"step_s @ {engine}", seen["step_s"]) for engine in TODAYS_ENGINES}
    here = [engine for engine in TODAYS_ENGINES if engine in measured] or TODAYS_ENGINES
    mean_here_s = math.fsum(steps[engine] for engine in here) / len(here)
    for engine, step_s in steps.items():
        name = f"step_s @ {engine}"
        if name not in group.chosen:
            difference_s = 0.0 if group.engines_alike else step_s - mean_here_s
            rounded_values[name] = rounded(max(values["step_s"] + difference_s, 0.0))
    return rounded_values


def engine_of(each: Trial) -> str:
    """The engine of a row: one of TODAYS_ENGINES, or a past one as its source calls it."""
    return ENGINE_NAMES.get(each.row.source.engine, each.row.source.engine)


def made(group: ConstantGroup, values: Mapping[str, float], engines: Sequence[str]) -> Calibration:
    """The Calibration of a group from constants by name; what engines share is their mean.

    Args:
        engines: that were measured; of today's era today's engines are always there.
    """

    def value(name: str, engine: str = "") -> float:
        names = (f"{name} @ {engine}", f"{name} @ {group.precision}", name)
        return next((values[each] for each in names if each in values), DEFAULTS[name])

    today = TODAYS_ENGINES if group.era == TODAY else ()
    past = [engine for engine in engines if engine not in today]

    def by_engine(name: str) -> dict[str, float]:
        return {engine: value(name, engine) for engine in (*today, *past)}

    def mean(name: str) -> float:
        each = [value(name, engine) for engine in today or past]
        return math.fsum(each) / len(each) if each else value(name)

    front_ends = {engine: FrontEnd(*(value(name, engine) for name in FRONT_END)) for engine in today}
    slowest = max(front_ends.values(), key=_of_a_prompt, default=NO_FRONT_END)
    return Calibration(
        gpu=group.gpu,
        era=group.era,
        precision=group.precision,
        step_s=mean("step_s"),
        cache_loss=mean("cache_loss"),
        front_end=slowest,
        engine_step_s=by_engine("step_s"),
        engine_cache_loss=by_engine("cache_loss"),
        engine_front_end=front_ends,
        grade=group.grade,
        rests_on="",
        rows={},
        fitted=group.own,
        chosen=tuple(group.chosen),
        borrowed=", ".join(group.borrowed) if group.borrowed else "",
        **{name: value(name) for name in COLUMNS if name not in ("step_s", "cache_loss")},
    )


def _of_a_prompt(front_end: FrontEnd) -> float:
    return front_end.of_layers(LAYERS).per_prefill_s


def unwatched(done: int, total: int) -> None:
    """Progress that is not shown."""


def calibrated(progress: Callable[[int, int], None] = unwatched) -> dict[Key, dict[str, float]]:
    """The constants of all groups by name; ``progress`` is called with how many are done, of how many."""
    found: dict[Key, dict[str, float]] = {}
    for done, group in enumerate(GROUPS):
        progress(done, len(GROUPS))
        same = next((each for each in GROUPS[:done] if each.precisions and each.fitted is group.fitted), None)
        found[group.key] = found[same.key] if same else fit(group, training_of(group), found)
    progress(len(GROUPS), len(GROUPS))
    return found


def rounded(value: float) -> float:
    """To three significant digits."""
    return float(f"{value:.{_DIGITS}g}")
