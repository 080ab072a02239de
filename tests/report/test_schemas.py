"""Schemas from classes: what a docstring says of a field is what the schema says of its key."""

import inspect
import json
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args, get_type_hints

import pytest
from jsonschema import Draft202012Validator

from melange_cloud.domain import Plan, Sensitivity, Status
from melange_cloud.domain.heatmap import HeatMap
from melange_cloud.report.json_ import plain
from melange_cloud.report.schemas import Document, documented, schema


@dataclass(frozen=True)
class Cost:
    """What it costs.

    Attributes:
        fleet_usd_per_hour: of the fleet, USD/h; None without
            one.
        low, high: its range, within fleet_usd_per_hour.
    """

    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    low: int
    high: int = field(metadata={"schema": {"minimum": 3}})


@dataclass(frozen=True)
class Region:
    """One region.

    Attributes:
        cost: what it costs.
        days: the days.
        best: the best of several.
    """

    region: str
    status: Status
    cost: Cost = field(metadata={"flat": True})
    days: tuple[date, ...]
    best: Cost | None
    instances: dict[str, int]


class Form(TypedDict):
    """A file.

    Attributes:
        name: its name.
        kind: what it is.
    """

    name: NotRequired[Annotated[str | None, {"minLength": 2}]]
    kind: Literal["a", "b"]


def of(root: type, **more: Any) -> dict[str, Any]:
    return schema(Document("Title.", "About.", root, **more))


def test_a_class_becomes_an_object_whose_keys_are_those_of_its_json() -> None:
    made = of(Region)
    Draft202012Validator.check_schema(made)
    shown = plain(Region("r", Status.OPTIMAL, Cost(2.5, 1, 4), (date(2026, 7, 20),), None, {"a": 1}))
    assert isinstance(shown, dict)
    assert list(made["properties"]) == ["schema_version", *shown]
    assert made["required"] == ["schema_version", *shown]
    check = Draft202012Validator(made)
    assert check.is_valid({"schema_version": 1, **shown})
    for broken in ({"usd_per_hour": -1}, {"high": 2}, {"region": ""}, {"status": "ok"}, {"instances": {"a": 0}}):
        assert not check.is_valid({"schema_version": 1, **shown, **broken}), broken


def test_descriptions_speak_of_null_and_go_on_over_lines() -> None:
    properties = of(Region)["properties"]
    assert properties["usd_per_hour"]["description"] == "Of the fleet, USD/h; null without one."
    assert properties["usd_per_hour"]["type"] == ["number", "null"]
    assert properties["low"]["description"] == properties["high"]["description"] == "Its range, within usd_per_hour."
    assert properties["instances"]["description"] == "Instances by instance type."
    assert properties["best"]["anyOf"] == [{"$ref": "#/$defs/Cost"}, {"type": "null"}]


def test_a_typed_dict_may_lack_what_is_not_required_and_nothing_else_where_it_is_closed() -> None:
    made = of(Form, schema_version=None, closed=True)
    check = Draft202012Validator(made)
    for good in ({"kind": "a"}, {"kind": "b", "name": None}, {"kind": "b", "name": "ab"}):
        assert check.is_valid(good), good
    for bad in ({}, {"kind": "c"}, {"kind": "a", "name": "x"}, {"kind": "a", "more": 1}):
        assert not check.is_valid(bad), bad


def test_a_field_that_nothing_describes_is_an_error() -> None:
    @dataclass
    class Silent:
        """Says nothing."""

        thing: int

    with pytest.raises(TypeError, match="thing"):
        of(Silent)


def classes(root: type, found: dict[str, type]) -> dict[str, type]:
    """The dataclasses that a document is made of."""
    if root.__name__ not in found:
        found[root.__name__] = root
        hints = list(get_type_hints(root).values())
        while hints:
            hint = hints.pop()
            hints.extend(get_args(hint))
            if is_dataclass(hint) and isinstance(hint, type):
                classes(hint, found)
    return found


@pytest.mark.parametrize("root", [Plan, Sensitivity, HeatMap])
def test_docstrings_describe_fields_that_there_are(root: type) -> None:
    for name, of_document in classes(root, {}).items():
        described = set(documented(of_document)[1])
        assert described <= {part.name for part in fields(of_document)}, name
        assert inspect.getdoc(of_document), name


def test_same_classes_same_schema() -> None:
    assert json.dumps(of(Plan)) == json.dumps(of(Plan))
