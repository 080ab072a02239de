"""Documents against the schemas that ``melange-cloud schema`` prints."""

import json

from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from melange_cloud.cli.app import app


def schema_of(name: str) -> dict[str, object]:
    """The schema that is printed for a document, which is a schema itself."""
    ran = CliRunner().invoke(app, ["schema", name])
    assert ran.exit_code == 0, ran.output
    made: dict[str, object] = json.loads(ran.stdout)
    Draft202012Validator.check_schema(made)
    return made


def assert_valid(name: str, text: str) -> None:
    """A printed document holds what its schema describes and no other key, and the schema asks for its version."""
    document = json.loads(text)
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
