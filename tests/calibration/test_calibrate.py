"""`maintain calibrate`: deterministic, from the measurements alone, and stated row by row."""

import math
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.calibration.calibrate import trials_of
from melange_cloud.calibration.calibration_text import calibration_text
from melange_cloud.calibration.constant_groups import GROUPS
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.cli.maintain.commands import app
from melange_cloud.estimator.fitting import FreeConstant, fitted
from melange_cloud.estimator.spec_files import load_calibrations
from melange_cloud.shipped import shipped

MEASURED = shipped("profiles") / "measured"


def test_the_shipped_constants_are_what_the_measurements_give() -> None:
    assert calibration_text() == (shipped("profiles") / "calibration.toml").read_text("utf-8")


def test_out_writes_the_constants_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "calibration.toml"
    made = CliRunner().invoke(app, ["calibrate", "--out", str(out)], catch_exceptions=False)
    assert made.exit_code == 0
    assert made.stdout == ""
    assert out.read_text("utf-8") == (shipped("profiles") / "calibration.toml").read_text("utf-8")


def test_every_row_says_what_it_rests_on() -> None:
    rows = load_calibrations()
    for group in GROUPS:
        row = rows[group.key]
        assert sum(row.rows.values()) == len(trials_of(group))
        assert row.rows or row.borrowed
        assert row.fitted == group.own
        for name in row.chosen:
            assert name not in row.fitted


def test_a_fit_finds_constants_that_made_the_data_and_shrugs_at_strange_rows() -> None:
    dice = random.Random(4)  # noqa: S311 - noise for a test
    truth = {"a": 2.0, "b": 0.3}
    xs = [dice.uniform(0.1, 10) for _ in range(60)]
    ys = [(truth["a"] + truth["b"] * x) * math.exp(dice.gauss(0, 0.02)) for x in xs]
    ys[:3] = [10 * y for y in ys[:3]]

    found = fitted(
        lambda k: [math.log((k["a"] + k["b"] * x) / y) for x, y in zip(xs, ys, strict=True)],
        {"a": FreeConstant(1.0, 2.0), "b": FreeConstant(1.0, 2.0)},
    )
    assert found == pytest.approx(truth, rel=0.04)


def test_a_constant_that_no_row_sees_stays_where_it_starts() -> None:
    found = fitted(lambda k: [math.log(k["a"] / 3)] * 20, {"a": FreeConstant(1.0, 1.0), "b": FreeConstant(0.7, 0.5)})
    assert found["a"] == pytest.approx(3, rel=0.01)
    assert found["b"] == pytest.approx(0.7)


def test_measured_rows_are_small_enough_to_ship_and_name_their_source() -> None:
    assert sum(file.stat().st_size for file in MEASURED.iterdir()) < 1_500_000
    for row in load_measurements():
        assert row.source.title
        assert row.source.url.startswith("https://")
        assert row.source.date.year >= 2024
