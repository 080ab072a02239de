"""Reads profiles/measured/sources.toml: who measured, and with which limits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs import read_toml
from melange_cloud.inputs.toml_tables import TomlTable
from melange_cloud.profiles.evidence.evidence_columns import ENGINES, OF_A_SOURCE, read_value
from melange_cloud.shipped import shipped


@dataclass(frozen=True, slots=True)
class MeasurementSource:
    """Who measured, and with which limits; ``sources.toml`` explains the fields.

    Attributes:
        memory_utilization, growth, block_tokens, max_num_seqs: None is the engine's default.
        engine: the engine whose constants apply: ``constants`` of the file, else its ``engine``.
        columns: values for all of its rows, by column of a row.
    """

    name: str
    title: str
    url: str
    licence: str
    date: date
    engine: str
    memory_utilization: float | None
    growth: float | None
    block_tokens: int | None
    max_num_seqs: int | None
    fp8_cache: bool
    front_end: bool
    requests: Mapping[str, int]
    held_out_by_rule: bool
    whole_ms: bool
    columns: Mapping[str, object]

    def requests_of(self, input_tokens: int, output_tokens: int) -> float:
        """Requests of a saturated run at a size; infinite if unknown."""
        return self.requests.get(f"{input_tokens}/{output_tokens}", self.requests.get("default", math.inf))


def read_sources(path: Path) -> dict[str, MeasurementSource]:
    """The sources of a ``sources.toml``, by name.

    Raises:
        BadFile: a field is missing, unknown or out of range.
    """
    faults: list[Fault] = []
    sources: dict[str, MeasurementSource] = {}
    for name, table in read_toml(path, non_finite=True).items():
        reader = TomlTable(path, name, table, faults)
        has = reader.has
        engine = reader.choice("engine", ENGINES)
        columns = {column: read_value(reader, column) for column in OF_A_SOURCE}
        sources[name] = MeasurementSource(
            name=name,
            title=reader.text("title"),
            url=reader.text("url"),
            licence=reader.text("licence"),
            date=reader.day("date"),
            engine=reader.text("constants") if has("constants") else engine,
            memory_utilization=reader.number("memory_utilization", 0.1, 1) if has("memory_utilization") else None,
            growth=reader.number("growth", 0, 1) if has("growth") else None,
            block_tokens=reader.whole("block_tokens") if has("block_tokens") else None,
            max_num_seqs=reader.whole("max_num_seqs") if has("max_num_seqs") else None,
            fp8_cache=reader.flag("fp8_cache"),
            front_end=reader.flag("front_end"),
            requests={size: int(requests) for size, requests in reader.seconds("requests").items()},
            held_out_by_rule=reader.flag("held_out_by_rule"),
            whole_ms=has("whole_ms") and reader.flag("whole_ms"),
            columns={column: value for column, value in columns.items() if value is not None},
        )
        reader.finish()
    if faults:
        raise BadFile(faults)
    return sources


@cache
def load_sources() -> dict[str, MeasurementSource]:
    """The shipped sources, by name."""
    return read_sources(shipped("profiles") / "measured" / "sources.toml")
