"""``melange-cloud schema``: each document is valid by the schema that is printed for it."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.cli.schema import DocumentName

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--region", "us-east-1", "--gpu", "L4", "--gpu", "A10G", "--offline")
COMMANDS = {
    "plan": ["plan", *SMALL, "--format", "json"],
    "sensitivity": ["sensitivity", *SMALL, "--over", "rate", "--from", "9", "--to", "11", "--format", "json"],
    "heatmap": ["profiles", "heatmap", "--size", "64x64", "--over", "tpot", "--offline", "--format", "json"],
    "solve": ["solve", str(ROOT / "examples" / "paper-toy" / "input.json"), "--format", "json"],
}


def run(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def schema_of(name: str) -> dict[str, object]:
    made: dict[str, object] = json.loads(run("schema", name))
    Draft202012Validator.check_schema(made)
    return made


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_a_command_prints_is_valid_by_its_schema(name: str) -> None:
    document = json.loads(run(*COMMANDS[name]))
    checker = Draft202012Validator.FORMAT_CHECKER
    validator = Draft202012Validator(closed(schema_of(name)), format_checker=checker)
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []
    document.pop("schema_version")
    assert not validator.is_valid(document)


def closed(schema: object) -> object:
    """The schema with every object closed, so that a key that is not described is an error."""
    if isinstance(schema, dict):
        made = {key: closed(value) for key, value in schema.items()}
        return {**made, "additionalProperties": False} if "properties" in made and "type" in made else made
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


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
