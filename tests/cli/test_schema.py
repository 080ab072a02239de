"""``melange-cloud schema``: each document is valid by the schema that is printed for it."""

import csv
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.cli.schema import DocumentName
from tests.schemas import assert_valid, schema_of

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--region", "us-east-1", "--gpu", "L4", "--gpu", "A10G", "--offline")
COMMANDS = {
    "plan": ["plan", *SMALL, "--format", "json"],
    "sensitivity": ["sensitivity", *SMALL, "--over", "rate", "--from", "9", "--to", "11", "--format", "json"],
    "heatmap": ["profiles", "heatmap", "--size", "64x64", "--over", "tpot", "--offline", "--format", "json"],
    "evidence": ["profiles", "evidence", "--gpu", "H100", "--format", "json"],
    "prices-list": ["prices", "list", "--offline", "--region", "us-east-1", "--format", "json"],
    "prices-doctor": ["prices", "doctor", "--offline", "--format", "json"],
    "solve": ["solve", str(ROOT / "examples" / "paper-toy" / "input.json"), "--format", "json"],
}


def run(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == 0, ran.output
    return ran.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_a_command_prints_is_valid_by_its_schema(name: str) -> None:
    assert_valid(name, run(*COMMANDS[name]))


def test_a_difference_of_prices_is_valid_by_its_schema(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    only = ("--offline", "--region", "us-east-1", "--purchase", "on_demand")
    run("prices", "export", *only, "--output", str(sheet))
    with sheet.open(encoding="utf-8", newline="") as file:
        moved, _, *kept = csv.DictReader(file)
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, moved)
        writer.writeheader()
        price = str(float(moved["usd_per_hour"]) * 1.1)
        writer.writerows([{**moved, "usd_per_hour": price, "list_usd_per_hour": price}, *kept])
    for sides in (("snapshot", str(sheet)), (str(sheet), "snapshot")):
        text = run("prices", "diff", *sides, "--format", "json")
        found = json.loads(text)
        assert {change["change"] for change in found["changes"]} >= {"moved"}
        assert found["only_before"] or found["only_after"]
        assert_valid("prices-diff", text)


def test_a_workload_file_is_valid_by_its_schema() -> None:
    text = (ROOT / "profiles" / "workloads" / "conversation.json").read_text(encoding="utf-8")
    assert Draft202012Validator(schema_of("workload")).is_valid(json.loads(text))
    assert not Draft202012Validator(schema_of("workload")).is_valid({**json.loads(text), "weight": 1})


def test_a_schema_is_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.schema.json"
    ran = CliRunner().invoke(app, ["schema", "plan", "--output", str(file)])
    assert ran.exit_code == 0
    assert json.loads(file.read_text(encoding="utf-8")) == schema_of("plan")


def test_an_unknown_document_is_refused_with_those_that_there_are() -> None:
    ran = CliRunner().invoke(app, ["schema", "prices"])
    assert ran.exit_code == 2
    assert all(name in ran.stderr for name in DocumentName)
