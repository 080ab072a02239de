"""Reads files of measured rows: the shipped one, and those that users contribute or check."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from melange_cloud.domain import GPUS
from melange_cloud.domain.evidence import MeasuredRow
from melange_cloud.errors import BadFile, Fault
from melange_cloud.estimator.spec_files import load_models
from melange_cloud.estimator.specs import TENSOR_PARALLEL_DEGREES, Model
from melange_cloud.inputs.csv_tables import CsvRow, read_table
from melange_cloud.inputs.fields import add_fault
from melange_cloud.profiles.attribution.named_model import canonical
from melange_cloud.profiles.evidence.evidence_columns import CITED, COLUMNS, ENGINES, MEASURES, REQUIRED, read_value
from melange_cloud.profiles.evidence.hold_out import hold_out_key, is_held_out
from melange_cloud.profiles.evidence.measurement_sources import MeasurementSource, load_sources
from melange_cloud.shipped import shipped

_DEGREES = tuple(map(str, TENSOR_PARALLEL_DEGREES))
_OR_LEAVE_OUT = "fill it in, or leave the row out"
_LOADS: Mapping[str, tuple[str, ...]] = {
    "closed": ("concurrency",),
    "poisson": ("rate_asked",),
    "burst": ("requests_per_s",),
    "static": ("concurrency",),
}
"""The columns that a row needs for each kind of arrival."""


def read_evidence(
    path: Path, sources: Mapping[str, MeasurementSource], models: Mapping[str, Model]
) -> list[tuple[int, MeasuredRow]]:
    """The rows of a file with their lines, each completed with what its source says about all of its rows.

    A row without a ``source`` must say itself where it comes from; the hold-out rule applies to it.

    Raises:
        BadFile: with all faults, each with line, field and cure.
    """
    faults: list[Fault] = []
    rows: list[tuple[int, MeasuredRow]] = []
    lines: dict[MeasuredRow, int] = {}
    for cells in read_table(path, COLUMNS, REQUIRED, faults):
        before = len(faults)
        row = _joined(cells, sources, models)
        if row is None or len(faults) > before:
            continue
        if row in lines:
            cells.fault("model", f"repeats line {lines[row]}", "remove one of them")
        lines[row] = cells.first_line
        rows.append((cells.first_line, row))
    if faults:
        raise BadFile(faults)
    return rows


def _joined(cells: CsvRow, sources: Mapping[str, MeasurementSource], models: Mapping[str, Model]) -> MeasuredRow | None:
    for column in REQUIRED:
        cells.required(column)
    source = sources.get(cells.choice("source", sources) or "") if cells.has("source") else None
    given = {column: read_value(cells, column) for column in COLUMNS}
    given["gpu"] = cells.choice("gpu", GPUS) if cells.has("gpu") else None
    given["tp"] = int(cells.choice("tp", _DEGREES) or 0) if cells.has("tp") else None
    given["model"] = _model(cells, models) if cells.has("model") else None
    known = _of_source(source) if source else {}
    joined: dict[str, Any] = known | {column: value for column, value in given.items() if value is not None}
    if not cells.has("source"):
        for column in CITED:
            if not cells.has(column):
                _missing(cells, column, f"say where the row comes from: {_OR_LEAVE_OUT}")
        if not cells.has("source_url") and not cells.has("submitter"):
            _missing(cells, "source_url", "fill it in, or submitter if you measured it yourself")
    if not joined.get("engine"):
        _missing(cells, "engine", _OR_LEAVE_OUT)
    elif not joined.get("gpu_only") and cells.has("engine"):
        cells.choice("engine", ENGINES, ", or gpu_only = true if no serving engine took part")
    _check_load(cells, joined)
    if any(joined.get(column) is None for column in (*REQUIRED, "engine")):
        return None
    joined.setdefault("kv_precision", _kv_precision(source, joined["weights_precision"]))
    rule = source is None or source.held_out_by_rule
    row = MeasuredRow(**{**joined, "held_out": False})
    key = hold_out_key(row.model, row.gpu, row.tp, row.weights_precision, row.engine, row.size)
    held_out = rule and not row.gpu_only and is_held_out(key)
    if given["held_out"] is not None and given["held_out"] != held_out:
        what = f"is {str(given['held_out']).lower()}, but the rule says {str(held_out).lower()}"
        cells.fault("held_out", what, "leave it empty: it follows from the other columns")
    return MeasuredRow(**{**joined, "held_out": held_out})


def _missing(cells: CsvRow, column: str, cure: str) -> None:
    """Add a fault of a cell; a missing column is reported once, as a fault of the header."""
    if cells.has_column(column):
        cells.fault(column, "is empty", cure)
        return
    add = cure.replace("fill it in", "add it").removesuffix(", or leave the row out")
    fault = Fault(cells.path, f"column {column} is missing", 1, "header", cure=add)
    if fault not in cells.faults:
        add_fault(cells.faults, fault)


def _model(cells: CsvRow, models: Mapping[str, Model]) -> str | None:
    """The name used in profiles, also for a Hugging Face id and for a model with the dimensions of a shipped one."""
    name = cells.text("model")
    if name not in models and (found := canonical(name)) in models:
        return found
    return cells.choice("model", models)


def _of_source(source: MeasurementSource) -> dict[str, object]:
    return {
        **source.columns,
        "source_url": source.url,
        "date": source.date,
        "licence": source.licence,
    }


def _kv_precision(source: MeasurementSource | None, weights_precision: str) -> str | None:
    """The cache precision that a source states; 16 bits are named like the weights, if those are in 16 bits."""
    if source is None:
        return None
    if weights_precision != "fp8":
        return weights_precision
    return "fp8" if source.fp8_cache else "bf16"


def _check_load(cells: CsvRow, joined: Mapping[str, Any]) -> None:
    arrival = joined.get("arrival")
    for column in _LOADS.get(arrival or "", ()):
        if joined.get(column) is None and not cells.has(column):
            cells.fault(column, f"is missing, but arrival is {arrival}", _OR_LEAVE_OUT)
    if not any(cells.has(column) for column in MEASURES):
        cells.fault("requests_per_s", "is missing, and so are all other figures", f"give one of {', '.join(MEASURES)}")


@cache
def load_evidence() -> tuple[MeasuredRow, ...]:
    """The shipped rows, in the order of their file."""
    path = shipped("profiles") / "measured" / "evidence.csv"
    return tuple(row for _, row in read_evidence(path, load_sources(), load_models()))
