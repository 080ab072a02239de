"""examples/paper: what is kept is what it makes, and what it says of the paper follows from the published figures."""

import json
import math

import pytest

from tests import pictures
from tests.golden import how_to_accept

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    printed = pictures.paper(folder)
    assert printed == (folder / "report.md").read_text(encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def published():
    return json.loads((pictures.PAPER / "published.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def expected(made):
    return json.loads((made / "expected.json").read_text(encoding="utf-8"))


def test_the_kept_answers_are_what_it_makes(made):
    for name in ("report.md", "summary.txt", "expected.json"):
        kept = (pictures.PAPER / name).read_text(encoding="utf-8")
        assert kept == (made / name).read_text(encoding="utf-8"), how_to_accept("paper")


def test_the_kept_pictures_show_what_it_draws(made):
    drawn = {path.name: pictures.texts(path.read_text(encoding="utf-8")) for path in made.glob("*.svg")}
    kept = {path.name: pictures.texts(path.read_text(encoding="utf-8")) for path in pictures.PAPER.glob("*.svg")}
    assert {"heat-map-7b.svg", "by-tpot.svg", "costs.svg"} <= drawn.keys()
    assert drawn == kept, how_to_accept("paper")


def test_the_report_shows_every_picture(made):
    report = (made / "report.md").read_text(encoding="utf-8")
    for picture in made.glob("*.svg"):
        assert f"]({picture.name})" in report


def test_every_published_cell_stands_beside_ours(published, expected):
    assert len(expected["heat_map_7b"]) == len(expected["heat_map_70b"]) == 36
    assert len(expected["by_tpot"]) == 7
    assert len(expected["arena_capacity"]) == 8
    for table, name in (("heat_map_7b", "percent_by_output_tokens"), ("heat_map_70b", "winner_by_output_tokens")):
        assert all(len(row) == 6 for row in published[table][name].values())


def test_the_scores_follow_from_the_figures(published, expected):
    right = 0
    for output_tokens, row in published["heat_map_7b"]["percent_by_output_tokens"].items():
        for input_tokens, percent in zip(published["heat_map_7b"]["input_tokens"], row, strict=True):
            right += (expected["heat_map_7b"][f"{input_tokens}/{output_tokens}"] > 1) == (percent > 0)
    assert right == expected["scores"]["heat_map_7b"]["winners"]


def test_a_looser_target_never_carries_less_and_l4_cannot_meet_40_ms(expected):
    capacity = expected["arena_capacity"]
    assert capacity["40/L4"] is None
    for gpu in ("A10G", "A100-80GB", "H100"):
        assert capacity[f"40/{gpu}"] <= capacity[f"120/{gpu}"]


def test_costs_are_consistent(expected):
    assert len(expected["costs"]) == 36
    for one in expected["costs"]:
        alone = [usd for usd in one["single_usd_per_hour"].values() if usd is not None]
        assert alone
        assert one["shares_usd_per_hour"] <= one["mix_usd_per_hour"] + 1e-6
        assert one["mix_usd_per_hour"] <= min(alone) + 1e-6


def test_the_two_published_figures_contradict_each_other_as_the_report_says(made, published):
    ratios = published["by_tpot"]["ratio_by_tpot_ms"].values()
    corners = [
        published["heat_map_7b"]["percent_by_output_tokens"][edge][at] for edge in ("25", "100") for at in (0, 1)
    ]
    looser = math.exp(sum(math.log(1 + percent / 100) for percent in corners) / 4)
    assert looser < min(ratios)
    report = (made / "report.md").read_text(encoding="utf-8")
    for words in (
        "contradict each other",
        "L4 at 40 ms cannot be fp16",
        "H100 at 40 ms carries more",
        "linear program",
    ):
        assert words in report
