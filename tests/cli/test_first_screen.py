"""The first screen of ``plan``: counted at 80 columns, and what brings the rest of the answer."""

import json
import re

import pytest

from melange_cloud import report
from melange_cloud.cli.options import PlanSection
from tests.schemas import assert_valid

HERE = ("plan", "--region", "us-east-1", "--offline")
ASKED = {
    "the default": HERE,
    "Google": ("plan", "--region", "us-central1", "--offline"),
    "a large model": (*HERE, "--model", "llama-3.1-70b"),
    "no fleet": (*HERE, "--gpu", "A10G", "--max-gpus", "A10G=2"),
    "spot of which no price is fresh": (*HERE, "--purchase", "spot"),
    "a target that no GPU meets": (*HERE, "--tpot-ms", "0.5ms"),
}


@pytest.fixture(scope="module")
def screens():
    """Each question's first screen at 80 columns, as lines."""
    from typer.testing import CliRunner

    from melange_cloud.cli.app import app
    from tests.examples import SHELL

    return {
        name: CliRunner().invoke(app, list(asked), env={**SHELL, "COLUMNS": "80"}).stdout.splitlines()
        for name, asked in ASKED.items()
    }


@pytest.mark.parametrize("name", ASKED)
def test_the_answer_fits_one_screen_of_80_by_24(screens, name):
    assert 5 < len(screens[name]) <= 24
    assert max(map(len, screens[name])) <= 80


@pytest.mark.parametrize("name", ["the default", "Google", "a large model"])
def test_the_first_amount_is_that_of_the_month_and_the_rows_sum_to_it(screens, name):
    page = "\n".join(screens[name])
    month = re.search(r"\$([\d,]+)", page)[1]
    assert f"${month} a month" in page
    table = page[page.index("Getting it") :].split("\n\n")[0]
    rows = [
        int(row.replace(",", "")) for row in re.findall(r" ((?:\d+,)?\d{3}) +(?:\d+ %|\d+ vCPU|\d+ \w+ GPU)", table)
    ]
    assert rows
    assert sum(rows) == int(month.replace(",", ""))


def test_rules_of_ours_that_cost_over_five_percent_are_named_first_with_their_test(screens):
    page = screens["the default"]
    at = next(at for at, line in enumerate(page) if "Worth a decision" in line)
    decisions = " ".join(" ".join(page[at:]).split())
    order = [
        decisions.index(what) for what in ("--sold-as any", "--min-host-memory-gib 0", "survive losing one instance")
    ]
    assert order == sorted(order)
    assert "g5.xlarge, g6.xlarge, which our host-memory rule leaves out" in decisions
    assert decisions.count("(try one)") == 2
    assert decisions.count(" one machine, $8,848 with --spare 1") == 1


def test_each_decision_typed_is_the_plan_that_it_promises(run):
    (region,) = run.json(*HERE, "--brief")["regions"]
    assert 2 <= len(region["worth_deciding"]) <= 4
    for decision in region["worth_deciding"]:
        (typed,) = run.json(*HERE, *decision["option"].split(), "--brief")["regions"]
        assert typed["usd_per_month"] == pytest.approx(decision["usd_per_month"])
        change = typed["usd_per_month"] / region["usd_per_month"] - 1
        assert decision["change_fraction"] == pytest.approx(change)
        assert set(decision["instance_types"]) <= {line["instance_type"] for line in typed["fleet"]}
        assert decision["is_one_machine"] == (typed["is_one_machine"] and not region["is_one_machine"])
        if decision["is_one_machine"]:
            (spared,) = run.json(*HERE, *decision["option"].split(), "--spare", "1", "--brief")["regions"]
            assert decision["with_spare_usd_per_month"] == pytest.approx(spared["usd_per_month"])
    assert any(decision["is_one_machine"] for decision in region["worth_deciding"])


def test_a_machine_that_is_often_sold_out_and_alone_says_both(run):
    page = " ".join(run(*HERE, "--rate", "40", COLUMNS="80").stdout.split())
    assert "One machine: if it fails, nothing serves" in page
    assert "96 vCPU of P, not checked; often unavailable on demand" in page


def test_everything_else_is_one_word_away(run, screens):
    screen = "".join(f"{line}\n" for line in screens["the default"])
    assert "--full" in screen
    assert "Alternatives" not in screen
    assert "A10G only" in run(*HERE, "--full", COLUMNS="80").stdout
    shown = run(*HERE, "--show", "Alternatives,prices", COLUMNS="80").stdout
    assert shown.startswith(screen)
    assert "A10G only" in shown
    assert "karpenter-provider-aws" in shown


def test_a_wrong_section_lists_those_that_exist(run):
    refused = run(*HERE, "--show", "everything")
    assert refused.exit_code == 2
    assert refused.stdout == ""
    for name in report.SHOW:
        assert name in refused.output
    misspelled = run(*HERE, "--show", "prices", "--show", "alternativs")
    assert "--show alternativs: did you mean alternatives?" in misspelled.output


def test_the_option_names_the_sections_of_the_page():
    assert {section.value for section in PlanSection} == report.SHOW
    assert list(report.SECTIONS) == [section.value for section in PlanSection]


def test_the_brief_document_is_described_and_has_the_screen_s_figures(run, screens):
    brief = run(*HERE, "--brief", "--format", "json").stdout
    assert_valid("plan-brief", brief)
    document = json.loads(brief)
    page = "\n".join(screens["the default"])
    assert f"${document['regions'][0]['usd_per_month']:,.0f} a month" in page
    assert all(notice in page for notice in document["notices"])
    assert len(brief) < 5000


def test_one_screen_and_the_whole_page_are_not_asked_for_at_once(run):
    refused = run(*HERE, "--brief", "--full")
    assert refused.exit_code == 2
    assert "--brief is one screen, --full the whole page: leave one of them out" in refused.stderr
    assert refused.stdout == ""


def test_the_json_of_one_screen_and_csv_are_not_asked_for_at_once(run):
    refused = run(*HERE, "--brief", "-f", "csv")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        "melange-cloud: --brief is the JSON of one screen, CSV has a row for each line of the fleet: "
        "leave one of them out\n"
    )


def test_brief_says_that_it_changes_no_table(run):
    plain, brief = run(*HERE, "--gpu", "L4"), run(*HERE, "--gpu", "L4", "--brief")
    assert brief.stdout == plain.stdout
    assert "--brief changes nothing here, only JSON (--format json)" in brief.stderr
    assert "--brief" not in plain.stderr


def test_the_settings_file_may_ask_for_brief_json_and_csv_is_as_it_was(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text('[plan]\nbrief = true\nshow = ["prices"]\n', encoding="utf-8")
    sheet = run(*HERE, "--gpu", "A10G", "--format", "csv")
    assert sheet.exit_code == 0
    assert "--brief changes nothing in CSV" in sheet.stderr
    assert sheet.stdout.startswith("generated_at,")


def test_notes_that_warn_of_nothing_are_counted(run):
    shown = run(*HERE, "--ttft-ms", "500", "--gpu", "H100", "--show", "notes", COLUMNS="80").stdout
    page, more = shown.split("1 note: --show notes")
    assert "without queueing" not in " ".join(page.split())
    assert "without queueing" in " ".join(more.split())


def test_a_target_that_every_gpu_misses_at_every_size_names_no_size_for_each(run):
    page = " ".join(run(*HERE, "--tpot-ms", "2", COLUMNS="80").stdout.split())
    banner, reason = page.split("No plan - infeasible: ")
    assert "OUT OF REACH - no GPU here can serve any request: " in banner
    reason = reason.split(" aws us-east-1,")[0]
    assert all(f"{gpu} x8: " in reason for gpu in ("A100-40GB", "A100-80GB", "A10G", "H100", "L4"))
    assert "% of requests" not in reason
