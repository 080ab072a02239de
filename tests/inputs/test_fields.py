"""One vocabulary for the fields of CSV rows, JSON objects and TOML tables."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs.csv_tables import CsvRow
from melange_cloud.inputs.fields import MOST_FAULTS, Fields
from melange_cloud.inputs.json_fields import JsonObject, json_object
from melange_cloud.inputs.toml_tables import TomlTable

PATH = Path("mine")


def of_csv(value: object, faults: list[Fault]) -> Fields:
    return CsvRow(PATH, 3, {"size": str(value)}, faults)


def of_json(value: object, faults: list[Fault]) -> Fields:
    return JsonObject(PATH, {"size": value}, faults)


def of_toml(value: object, faults: list[Fault]) -> Fields:
    return TomlTable(PATH, "L4", {"size": value}, faults)


EVERY = pytest.mark.parametrize("record", [of_csv, of_json, of_toml])
Record = Callable[[object, list[Fault]], Fields]


@EVERY
def test_what_is_right_comes_back(record: Record) -> None:
    faults: list[Fault] = []
    assert record(2.5, faults).number("size", 0, 3) == 2.5
    assert record(7, faults).whole("size", 1, 9) == 7
    assert record(0.5, faults).positive("size") == 0.5
    assert record("b", faults).text("size") == "b"
    assert record("b", faults).choice("size", ("a", "b")) == "b"
    assert faults == []


@EVERY
@pytest.mark.parametrize(
    ("take", "value", "cure"),
    [
        (lambda fields: fields.number("size", 0, 3), 3.5, "must be a number from 0 to 3"),
        (lambda fields: fields.number("size", 0, 3), "x", "must be a number from 0 to 3"),
        (lambda fields: fields.number("size", 0, 3), float("nan"), "must be a number from 0 to 3"),
        (lambda fields: fields.whole("size", 1, 10_000), 0, "must be a whole number from 1 to 10,000"),
        (lambda fields: fields.whole("size", 1, 10_000), 1.5, "must be a whole number from 1 to 10,000"),
        (lambda fields: fields.day("size"), "2026-02-30", "must be a date such as 2026-07-30"),
        (lambda fields: fields.choice("size", ("spot", "on_demand")), "spt", "did you mean spot? use spot, on_demand"),
        (lambda fields: fields.choice("size", ("spot", "on_demand")), "zzz", "use spot, on_demand"),
    ],
)
def test_a_fault_says_the_same_of_every_kind_of_file(
    record: Record, take: Callable[[Fields], object], value: object, cure: str
) -> None:
    faults: list[Fault] = []
    take(record(value, faults))
    (fault,) = faults
    assert fault.cure == cure
    assert fault.path == PATH
    assert (fault.field or "").endswith("size")


def test_what_is_absent_is_a_fault_of_a_table_alone() -> None:
    faults: list[Fault] = []
    assert CsvRow(PATH, 3, {"size": ""}, faults).number("size") is None
    assert JsonObject(PATH, {}, faults).number("size") is None
    assert faults == []
    assert TomlTable(PATH, "L4", {}, faults).number("size", 1, 2) == 1  # a stand-in
    assert [str(fault) for fault in faults] == ["mine, L4.size: is missing: add a number from 1 to 2"]


def test_days() -> None:
    faults: list[Fault] = []
    assert of_csv("2026-07-30", faults).day("size") == date(2026, 7, 30)
    assert of_toml(date(2026, 7, 30), faults).day("size") == date(2026, 7, 30)
    assert faults == []


def test_unknown_missing_and_duplicate_fields() -> None:
    faults: list[Fault] = []
    fields = JsonObject(PATH, {"shar": 1}, faults, "buckets[3].")
    fields.refuse_missing(["share"])
    fields.refuse_unknown(["share", "input_tokens"])
    assert [str(fault) for fault in faults] == [
        "mine, buckets[3].share: is missing: add it",
        "mine, buckets[3].shar: is not a known field: did you mean share?",
    ]
    faults.clear()
    assert json_object('{"share": 1, "share": 2}', PATH, faults) is None
    assert str(faults[0]) == "mine: has a duplicate field share in one object: keep one"


def test_true_is_no_number() -> None:
    faults: list[Fault] = []
    assert of_json(True, faults).whole("size") is None
    assert of_toml(True, faults).flag("size") is True
    assert len(faults) == 1


def test_reading_ends_at_so_many_faults() -> None:
    faults: list[Fault] = []
    for line in range(1, MOST_FAULTS):
        CsvRow(PATH, line, {"size": "x"}, faults).number("size")
    with pytest.raises(BadFile) as ended:
        CsvRow(PATH, MOST_FAULTS, {"size": "x"}, faults).number("size")
    assert len(ended.value.faults) == MOST_FAULTS
    assert "at least" in str(ended.value)
