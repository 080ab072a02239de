"""A plan whose target is near a GPU's latency floor, on the command line: none or few is said, and what it costs.

The target is set from the profile: a little above the TPOT of one long request alone on an L4.
"""

import csv
import io
import json
import re

import jsonschema
import pytest

from melange_cloud.domain import Kind
from melange_cloud.profiles import load_profiles
from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema

PLAN = ("plan", "--region", "us-east-1", "--offline", "--workload", "chat", "--rate", "10")
NOTICE = (
    r"L4 is near its latency floor at [\d.]+ ms per output token: it may serve none of this traffic; measure it, or "
)


@pytest.fixture(scope="module")
def floor_ms():
    """TPOT of one request of 4,000 + 500 tokens alone, ms: longer than any of chat's."""
    profile = load_profiles("llama-3.1-8b", "bf16", "2025", ["L4"])[0][Kind("L4", 1)]
    return next(point.tpot_ms for point in profile.points[4000, 500] if point.concurrency == 1)


@pytest.fixture(scope="module")
def near(floor_ms):
    return "--tpot-ms", f"{1.02 * floor_ms:.2f}"


def words(text):
    return " ".join(text.split())


def test_a_fleet_that_may_serve_none_says_so_and_has_no_worse_end(run, near):
    document = run.json(*PLAN, *near, "--gpu", "L4:1")
    jsonschema.validate(document, schema(json_documents.PLAN))
    (region,) = document["regions"]
    (use,) = region["kinds"]
    assert (use["gpu"], use["grade"], use["error_down"], use["may_be_none_share"]) == ("L4", "D", 1, 1)
    assert use["error"] >= 0.5
    (notice,) = (notice for notice in document["notices"] if "latency floor" in notice)
    assert re.fullmatch(NOTICE + "take a looser target", notice)
    better, worse = region["usd_per_month_range"]
    assert worse is None
    assert better < region["usd_per_month"]
    first = region["error_bars"]["profiles"][0]
    assert (first["gpu"], first["error_down"], first["usd_per_month_if_worse"]) == ("L4", 1, None)
    page = words(run(*PLAN, *near, "--gpu", "L4:1", "--full").stdout)
    assert re.search(NOTICE, page)
    assert re.search(r"estimated \(grade D\), none to \+?[\d.]+ (%|times) on L4", page)
    assert re.search(r"If profiles are better by their errors .* if worse: no fleet can serve this\.", page)
    assert "alone decide whether there is a fleet" in page


def test_the_csv_has_both_errors_and_the_notice_goes_to_stderr(run, near):
    result = run(*PLAN, *near, "--gpu", "L4:1", "--format", "csv")
    row = next(csv.DictReader(io.StringIO(result.stdout)))
    assert float(row["profile_error_down"]) == 1
    assert float(row["profile_error"]) >= 0.5
    assert re.search(NOTICE, words(result.stderr))


def test_the_low_end_of_a_floor_is_no_plan(run, near):
    result = run(*PLAN, *near, "--gpu", "L4:1", "--pessimistic")
    assert result.exit_code == 3
    assert "so near its latency floor that it may serve none within the target" in words(result.stdout)


def test_far_from_the_floor_both_ways_are_alike(run):
    document = run.json(*PLAN, "--tpot-ms", "150", "--gpu", "L4:1")
    (use,) = document["regions"][0]["kinds"]
    assert use["error"] == pytest.approx(use["error_down"])
    assert use["may_be_none_share"] == 0
    assert not [notice for notice in document["notices"] if "latency floor" in notice]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_profile_marks_what_may_be_none_with_one_line_of_legend(run, near, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    page = run("profiles", "show", "--gpu", "L4", *near).stdout
    assert re.search(r"\d D\?", page)
    assert words(page).count("D? near the latency floor: may be none, or several times as much") == 1
    assert "D?" not in run("profiles", "show", "--gpu", "L4", "--tpot-ms", "150").stdout


def test_a_profile_s_json_and_csv_have_both_errors(run, near, floor_ms):
    shown = run.json("profiles", "show", "--gpu", "L4", *near)
    cells = {(cell["input_tokens"], cell["output_tokens"]): cell for cell in shown["cells"]}
    assert cells[4000, 500]["error_down"] == 1
    rows = csv.DictReader(io.StringIO(run("profiles", "show", "--gpu", "L4", *near, "--format", "csv").stdout))
    downs = {(int(row["input_tokens"]), int(row["output_tokens"])): row["error_down"] for row in rows}
    assert all(float(downs[size]) == cell["error_down"] for size, cell in cells.items())
    missed = run.json("profiles", "show", "--gpu", "L4", "--tpot-ms", f"{0.95 * floor_ms:.2f}")["refused"]
    reason = next(size["reason"] for size in missed if (size["input_tokens"], size["output_tokens"]) == (4000, 500))
    assert reason.endswith("(within its error: none or few)")


def test_a_heat_map_has_both_errors(run, near):
    shown = run.json("profiles", "heatmap", "--offline", "--gpu", "L4,A10G", *near)
    ranked = [one for cell in shown["cells"] for one in cell["ranked"] if one["gpu"] == "L4"]
    assert 1 in {one["error_down"] for one in ranked}
    page = run("profiles", "heatmap", "--offline", "--gpu", "L4,A10G", *near).stdout
    assert re.search(r"L4 .*none to", page)


def test_a_sweep_starts_at_the_low_end(run, near):
    command = (
        "sensitivity",
        "--region",
        "us-east-1",
        "--offline",
        "--workload",
        "chat",
        "--rate",
        "2",
        "--gpu",
        "L4:1",
    )
    document = json.loads(run(*command, *near, "--over", "throughput:L4", "--format", "json").stdout)
    (notice,) = (notice for notice in document["notices"] if "latency floor" in notice)
    assert re.fullmatch(NOTICE + "take a looser target", notice)
    sweep = document["sweep"]
    assert (sweep["error_down"], sweep["low"]) == (1, 0.2)
    assert sweep["high"] == pytest.approx(1 + sweep["error"])


def test_a_profile_just_under_its_floor_shows_how_few(run, floor_ms):
    target = ("--tpot-ms", f"{0.97 * floor_ms:.2f}")
    shown = run.json("profiles", "show", "--gpu", "L4", *target)
    few = {(size["input_tokens"], size["output_tokens"]): size["may_be_requests_per_s"] for size in shown["refused"]}
    assert few[4000, 500] > 0
    page = run("profiles", "show", "--gpu", "L4", *target).stdout
    assert f"<={few[4000, 500]:.3g} D?" in page
    assert "D? near the latency floor: may be none, or several times as much; <= none as stated, or few" in words(page)
