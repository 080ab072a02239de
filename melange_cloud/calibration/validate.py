"""The report card: how far off the profiles are on measured rows that their constants have not seen.

Every group of constants is fitted again with rows left out in three ways (``leave_outs.py``), and rows that no fit
uses are compared with the shipped constants. ``comparisons.py`` says which errors are taken, ``kept_share.py`` how sure
the share is that lies within the stated ones.
"""

from collections.abc import Callable, Iterator

from melange_cloud.calibration.calibrate import calibrated, engine_of, fit, made, training_of, unwatched
from melange_cloud.calibration.card_rows import card_rows
from melange_cloud.calibration.choose_pins import era_of
from melange_cloud.calibration.comparisons import Comparison, compared
from melange_cloud.calibration.constant_groups import GROUPS, ConstantGroup, Key
from melange_cloud.calibration.leave_outs import LEAVE_OUTS, NEVER_FITTED, SOURCE, folds
from melange_cloud.calibration.pins_judged import pins_against, pins_without_each_source
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.calibration.trials import Trial, trial
from melange_cloud.domain.report_card import CardRow
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models


def report_card(progress: Callable[[int, int], None] = unwatched) -> list[CardRow]:
    """The errors by what was left out: by GPU, era, precision and quantity; then of all rates by degree, engine, grade.

    Args:
        progress: called with how many fits are done, of how many.
    """
    return [row for left_out, judged in comparisons(progress).items() for row in card_rows(left_out, judged)]


def comparisons(progress: Callable[[int, int], None] = unwatched) -> dict[str, list[Comparison]]:
    """Every comparison that the report card counts, by what was left out."""
    known = calibrated()
    work = [
        (left_out, groups, fold)
        for left_out in LEAVE_OUTS
        for groups in _fitted_together()
        for fold in folds(training_of(groups[0]), left_out)
    ]
    found: dict[str, list[Comparison]] = {left_out: [] for left_out in LEAVE_OUTS}
    for done, (left_out, groups, (seen, unseen)) in enumerate(work):
        progress(done, len(work))
        constants = fit(groups[0], seen, known, near=known[groups[0].key])
        engines = sorted({engine_of(each) for each in seen})
        for group in groups:
            of_group = [each for each in unseen if group.has(each.row)]
            found[left_out] += compared(of_group, made(group, constants, engines))
    progress(len(work), len(work))
    found[SOURCE] += pins_without_each_source(load_measurements())
    found[NEVER_FITTED] = list(_never_fitted())
    return found


def _fitted_together() -> list[list[ConstantGroup]]:
    """The groups that have a fit, those that share one together."""
    found: list[list[ConstantGroup]] = []
    for group in GROUPS:
        if group.fitted:
            same = next((held for held in found if group.precisions and held[0].fitted is group.fitted), None)
            if same is None:
                found.append([group])
            else:
                same.append(group)
    return found


def _never_fitted() -> Iterator[Comparison]:
    """Rows that no fit uses, and that nothing makes doubtful, against what ships; where pins are, against these too."""
    rows = [row for row in load_measurements() if not (row.measured.doubt or any(group.has(row) for group in GROUPS))]
    models, gpus, eras, calibrations = load_models(), load_gpus(), load_eras(), load_calibrations()
    held: dict[Key, list[Trial]] = {}
    for row in rows:
        era = era_of(row.source.engine)
        constants = calibrations.get((row.gpu, era, row.precision))
        ready = constants and trial(row, models, gpus, eras[era], constants)
        if ready:
            held.setdefault((row.gpu, era, row.precision), []).append(ready)
    for key in sorted(held):
        yield from compared(held[key], calibrations[key])
    fitted = [row for row in load_measurements() if row.enters_fits]
    yield from pins_against([row for row in fitted if row not in rows], rows)
