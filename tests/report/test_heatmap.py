import csv
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from rich.style import Style

from melange_cloud.domain import IneligibleType, PriceProvenance
from melange_cloud.domain.heatmap import HeatCell, HeatMap, ReplicaPrice, Yield
from melange_cloud.report.charts import GridPanel, LinePanel
from melange_cloud.report.page import written
from melange_cloud.report.pages.heatmap import LETTERS, STYLES, heat_map_page
from melange_cloud.report.pages.heatmap_chart import heat_map_chart
from melange_cloud.report.pages.heatmap_data import COLUMNS
from melange_cloud.report.terminal import NOTICE_STYLE

DAY = date(2026, 7, 20)


def price(gpu, usd_per_hour, degree=1):
    return ReplicaPrice(
        gpu,
        degree,
        f"{gpu.lower()}.big",
        1,
        usd_per_hour,
        usd_per_hour,
        PriceProvenance("snapshot", f"snapshot {DAY}", "list", DAY, DAY),
    )


def served(gpu, tokens_per_usd, error=0.1):
    return Yield(gpu, 1, 2.0, 100.0, tokens_per_usd, "B", error, error, "estimated")


def cell(input_tokens, output_tokens, *ranked, tpot_ms=100.0):
    refused = {"L4": "54 ms to read the weights > 50 ms", "A10G": "too slow", "H100": "too slow"}
    for one in ranked:
        del refused[one.gpu]
    return HeatCell(input_tokens, output_tokens, tpot_ms, ranked, refused)


CELLS = (
    cell(25, 25, served("A10G", 2000.0), served("H100", 1000.0), served("L4", 500.0)),
    cell(25, 100, served("H100", 1050.0), served("A10G", 1000.0)),
    cell(100, 25, served("H100", 900.0)),
    cell(100, 100),
)
MAP = HeatMap(
    generated_at=datetime(2026, 11, 22, tzinfo=UTC),
    notices=("SNAPSHOT PRICES, NOT LIVE - AWS list of 2026-07-20, 125 days old",),
    defaulted=("model", "tpot_ms"),
    provider="aws",
    region="us-east-1",
    place="US East (N. Virginia)",
    model="llama-3.1-8b",
    precision="bf16",
    era="2025",
    engine="sglang",
    purchase="on_demand",
    tpot_ms=100.0,
    over="size",
    gpus=("L4", "A10G", "H100"),
    missing={"A100-80GB": "no on demand price here"},
    prices=(price("A10G", 1.2), price("H100", 6.9), price("L4", 0.98)),
    cells=CELLS,
    left_out=(IneligibleType("g5.xlarge", "host memory < 23 GiB", "host_memory"),),
)


def of(*gpus):
    """The map of these GPUs alone."""
    return replace(
        MAP,
        gpus=gpus,
        prices=tuple(held for held in MAP.prices if held.gpu in gpus),
        cells=tuple(replace(c, ranked=tuple(one for one in c.ranked if one.gpu in gpus)) for c in CELLS),
    )


PAIR = of("A10G", "H100")
OVER = replace(
    MAP,
    over="tpot",
    tpot_ms=None,
    cells=tuple(
        cell(64, 64, served("H100", 900.0 + tpot_ms), served("A10G", 500.0 + tpot_ms), tpot_ms=tpot_ms)
        for tpot_ms in (40.0, 80.0)
    ),
)


def heat_map_table(shown, width, colour):
    return written(heat_map_page(shown), "table", width=width, colour=colour)


def rows(page, title):
    """The lines of the table under a title: first word -> the rest."""
    lines = page.split(title)[1].split("\n\n")[0].splitlines()[1:]
    return {line.split()[0]: line.split()[1:] for line in lines}


def test_a_lead_beyond_the_errors_is_named_and_within_them_every_gpu_that_may_be_the_best():
    table = rows(heat_map_table(MAP, width=80, colour=False), "GPUs that may be the best")
    assert table["out\\in"] == ["25", "100"]
    assert table["25"] == ["G+100", "H"]
    assert table["100"] == ["HG", "-"]
    worst = rows(heat_map_table(MAP, width=80, colour=False), "The worst GPU")
    assert worst["25"] == ["L4.0x", "-"]
    assert worst["100"] == ["any", "-"]


def test_a_gpu_that_is_clearly_behind_is_no_contender():
    """Of 1,050 and 1,000 tokens per dollar either may be the best at an error of 10 %; 500 may not."""
    three = cell(25, 25, served("H100", 1050.0), served("A10G", 1000.0), served("L4", 500.0))
    assert three.contenders == ("H100", "A10G")
    assert three.is_clear_of_worst
    assert cell(25, 25).contenders == ()


def test_outputs_stand_the_longest_on_top_as_the_paper_draws_them():
    page = heat_map_table(MAP, width=80, colour=False)
    part = page.split("GPUs that may be the best")[1]
    assert part.index("\n    100 ") < part.index("\n     25 ")


def test_two_gpus_are_shown_one_against_the_other():
    table = rows(heat_map_table(PAIR, width=80, colour=False), "A10G against H100")
    assert table["25"] == ["+100", "H"]
    assert table["100"] == ["~-5", "-"]
    turned = rows(heat_map_table(replace(PAIR, gpus=("H100", "A10G")), width=80, colour=False), "H100 against A10G")
    assert turned["25"] == ["-50", "H"]


def test_one_gpu_shows_its_own_figures():
    page = heat_map_table(of("H100"), width=80, colour=False)
    assert "against" not in page
    assert "T/$ of H100" in page


def test_what_shapes_the_answer_is_said():
    page = heat_map_table(MAP, width=120, colour=False)
    for words in (
        "llama-3.1-8b* bf16, profiles of engine era 2025, SGLang",
        "aws us-east-1 - US East (N. Virginia), on demand, snapshot prices of 2026-07-20",
        "mean TPOT <= 100 ms*",
        "tokens/s per USD/h",
        "SNAPSHOT PRICES, NOT LIVE",
        "±10 %",
        "g5.xlarge: host memory < 23 GiB",
        "A100-80GB  no on demand price here",
        "Of 2 sizes that several GPUs serve, 1 has a clear winner; clearly behind: L4 at 1 and H100 at 1.",
        "* default",
    ):
        assert words in page


@pytest.mark.parametrize("shown", [MAP, PAIR, OVER], ids=["all", "pair", "over"])
@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_longer_than_asked_and_colour_changes_no_character(shown, width):
    plain = heat_map_table(shown, width=width, colour=False)
    assert max(map(len, plain.splitlines())) <= width
    assert "\x1b" not in plain
    coloured = heat_map_table(shown, width=width, colour=True)
    assert "\x1b[" in coloured
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in without.splitlines()] == plain.splitlines()


def test_a_narrow_terminal_splits_the_table_and_loses_nothing():
    inputs = (25, 100, 250, 500, 1000, 2000, 4000, 8000, 12000, 16000)
    wide_map = replace(MAP, cells=tuple(cell(tokens, 25, served("H100", float(tokens))) for tokens in inputs))
    page = heat_map_table(wide_map, width=40, colour=False)
    for tokens in inputs:
        assert f"{tokens:,}" in page.split("GPUs that may be the best")[1].split("The worst GPU")[0]


def test_over_targets_there_is_a_row_per_target():
    page = heat_map_table(OVER, width=80, colour=False)
    assert re.search(r"40 +- +540 +940 +H\+74", page)
    assert re.search(r"80 +- +580 +980 +H\+69", page)
    assert "64 input + 64 output tokens by target" in page


def test_json_has_all_figures_and_nulls_for_what_is_not():
    document = json.loads(written(heat_map_page(replace(MAP, tpot_ms=None)), "json", width=None))
    assert document["tpot_ms"] is None
    assert document["missing"] == {"A100-80GB": "no on demand price here"}
    first = document["cells"][0]
    assert [one["gpu"] for one in first["ranked"]] == ["A10G", "H100", "L4"]
    assert first["clear"] is True
    assert [entry["contenders"] for entry in document["cells"]] == [["A10G"], ["H100", "A10G"], ["H100"], []]
    assert [entry["clear"] for entry in document["cells"][1:]] == [False, False, False]
    assert document["cells"][3]["ranked"] == []
    assert document["prices"][0]["usd_per_hour"] == 1.2


def test_csv_has_a_row_per_cell_and_gpu():
    read = list(csv.DictReader(StringIO(written(heat_map_page(MAP), "csv", width=None))))
    assert tuple(read[0]) == COLUMNS
    assert len(read) == 3 * len(CELLS)
    assert [row["clear_of_next"] for row in read[:3]] == ["yes", "yes", ""]
    refused = [row for row in read if row["refused"]]
    assert len(refused) == 6
    assert all(row["requests_per_s"] == "" and row["rank"] == "" for row in refused)


def test_errors_add_up_in_quadrature():
    one, other = served("H100", 125.0, 0.1), served("L4", 100.0, 0.2)
    assert one.is_clear_of(other)  # 25 > hypot(12.5, 20) = 23.6
    assert other.is_clear_of(one)
    assert not served("H100", 123.0, 0.1).is_clear_of(other)  # 23 < hypot(12.3, 20) = 23.5


def test_every_gpu_has_its_letter():
    assert len(set(LETTERS.values())) == len(LETTERS) == 5


def test_the_chart_says_what_the_page_says():
    chart = heat_map_chart(MAP)
    assert chart.title == "llama-3.1-8b bf16: which GPU for which requests, aws us-east-1"
    assert chart.banners == MAP.notices
    assert chart.subtitle[0] == "profiles of engine era 2025, SGLang"
    assert "mean TPOT ≤ 100 ms" in " ".join(chart.subtitle)
    assert "snapshot prices of 2026-07-20" in " ".join(chart.subtitle)
    best, worst = chart.panels
    assert isinstance(best, GridPanel)
    assert [[field.text for field in row] for row in best.rows] == [["G +100 %", "H only"], ["H G", "-"]]
    assert best.rows[1][0].strength < best.rows[0][0].strength
    assert isinstance(worst, GridPanel)
    assert [[field.text for field in row] for row in worst.rows] == [["L 4.0×", "-"], ["any", "-"]]
    (over,) = heat_map_chart(OVER).panels
    assert isinstance(over, LinePanel)
    assert {line.name: line.points[0] for line in over.lines} == {"A10G": (40.0, 540.0), "H100": (40.0, 940.0)}


@pytest.mark.parametrize("style", [NOTICE_STYLE, *STYLES.values()])
def test_colours_can_be_read_on_a_white_terminal_and_on_a_black_one(style):
    """Contrast of at least 3:1 (WCAG 2 for bold text) with both."""
    colour = Style.parse(style).color
    assert colour is not None
    parts = [part / 255 for part in colour.get_truecolor()]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 3
    assert (luminance + 0.05) / 0.05 >= 3
