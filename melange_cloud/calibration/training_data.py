"""Reads profiles/measured: public measurements that the estimator is calibrated with and compared with.

``sources.toml`` says who measured and how their runs differed from the engine that profiles describe; four tables hold
the rows, one kind of experiment each:

    saturation.csv    all requests queued at once: requests/s
    closed_loop.csv   a fixed number of requests in flight: mean TPOT and TTFT
    open_loop.csv     requests that arrive at random at a rate: mean TPOT
    static.csv        a batch that starts and ends together: seconds
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from melange_cloud.domain import GPUS
from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.estimator.specs import PRECISIONS, TENSOR_PARALLEL_DEGREES, Model
from melange_cloud.inputs import NotANumber, parse_number, read_text, read_toml
from melange_cloud.inputs.toml_tables import TomlTable
from melange_cloud.shipped import shipped

_KEYS = ("source", "model", "gpu", "tensor_parallel", "precision", "input_tokens", "output_tokens")
TABLES = {
    "saturation": ("requests_per_s",),
    "closed_loop": ("concurrency", "tpot_ms", "ttft_ms"),
    "open_loop": ("requests_per_s", "tpot_ms"),
    "static": ("batch", "latency_s"),
}
"""Columns after those of the size, by table; the file is named like the table."""


@dataclass(frozen=True, slots=True)
class MeasurementSource:
    """Who measured, and under which limits; the fields are explained in ``sources.toml``."""

    name: str
    title: str
    url: str
    licence: str
    date: date
    engine: str
    memory_utilization: float
    growth: float
    block_tokens: int
    max_num_seqs: int
    fp8_cache: bool
    front_end: bool
    requests: Mapping[str, int]

    def requests_of(self, input_tokens: int, output_tokens: int) -> float:
        """Requests of a saturated run at a size; infinite if not known."""
        return self.requests.get(f"{input_tokens}/{output_tokens}", self.requests.get("default", math.inf))


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One measured row.

    Attributes:
        table: one of TABLES.
        precision: ``fp16`` covers bf16 too.
        values: by column of its table.
    """

    table: str
    source: MeasurementSource
    model: str
    gpu: str
    tensor_parallel: int
    precision: str
    input_tokens: int
    output_tokens: int
    values: Mapping[str, float]

    @property
    def size(self) -> tuple[int, int]:
        """Input and output tokens."""
        return self.input_tokens, self.output_tokens

    @property
    def replica(self) -> tuple[str, str, int, str, str]:
        """What ran: model, GPU, degree, precision, source."""
        return self.model, self.gpu, self.tensor_parallel, self.precision, self.source.name

    def known(self, column: str) -> float:
        """The value of a column of its table."""
        return self.values[column]


def read_sources(path: Path) -> dict[str, MeasurementSource]:
    """The sources of a ``sources.toml``, by name.

    Raises:
        BadFile: a field is missing, unknown or out of range.
    """
    faults: list[Fault] = []
    sources: dict[str, MeasurementSource] = {}
    for name, table in read_toml(path, non_finite=True).items():
        reader = TomlTable(path, name, table, faults)
        sources[name] = MeasurementSource(
            name=name,
            title=reader.text("title"),
            url=reader.text("url"),
            licence=reader.text("licence"),
            date=reader.day("date"),
            engine=reader.text("engine"),
            memory_utilization=reader.number("memory_utilization", 0.1, 1),
            growth=reader.number("growth", 0, 1),
            block_tokens=reader.whole("block_tokens"),
            max_num_seqs=reader.whole("max_num_seqs"),
            fp8_cache=reader.flag("fp8_cache"),
            front_end=reader.flag("front_end"),
            requests={size: int(requests) for size, requests in reader.seconds("requests").items()},
        )
        reader.finish()
    if faults:
        raise BadFile(faults)
    return sources


def read_measurements(folder: Path, models: Mapping[str, Model]) -> tuple[TrainingRow, ...]:
    """All rows of a folder like profiles/measured, in the order of TABLES and of their files.

    Raises:
        BadFile: a file is missing or broken; all faults of all files, with line and field.
    """
    sources = read_sources(folder / "sources.toml")
    faults: list[Fault] = []
    rows = [row for table in TABLES for row in _read_table(folder, table, sources, models, faults)]
    if faults:
        raise BadFile(faults)
    return tuple(rows)


def _read_table(
    folder: Path, table: str, sources: Mapping[str, MeasurementSource], models: Mapping[str, Model], faults: list[Fault]
) -> list[TrainingRow]:
    path = folder / f"{table}.csv"
    try:
        lines = read_text(path).splitlines()
    except BadFile as error:
        faults.extend(error.faults)
        return []
    columns = (*_KEYS, *TABLES[table])
    if not lines or lines[0] != ",".join(columns):
        faults.append(Fault(path, f"must begin with the columns {','.join(columns)}", line=1))
        return []
    words = {
        "source": sources,
        "model": models,
        "gpu": GPUS,
        "tensor_parallel": tuple(map(str, TENSOR_PARALLEL_DEGREES)),
        "precision": PRECISIONS,
    }
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        fields = dict(zip(columns, line.split(","), strict=False))
        before = len(faults)
        if line.count(",") != len(columns) - 1:
            faults.append(Fault(path, f"has {line.count(',') + 1} fields; it must have {len(columns)}", line=number))
            continue
        for column, known in words.items():
            if fields[column] not in known:
                faults.append(Fault(path, f"is {shown(fields[column])}; known are {', '.join(known)}", number, column))
        numbers = {column: _positive(path, number, column, fields[column], faults) for column in columns[len(words) :]}
        if len(faults) > before:
            continue
        size = int(numbers.pop("input_tokens")), int(numbers.pop("output_tokens"))
        precision = "fp8" if fields["precision"] == "fp8" else "fp16"
        degree = int(fields["tensor_parallel"])
        who = sources[fields["source"]]
        rows.append(TrainingRow(table, who, fields["model"], fields["gpu"], degree, precision, *size, numbers))
    return rows


def _positive(path: Path, line: int, column: str, text: str, faults: list[Fault]) -> float:
    try:
        value = parse_number(text)
    except NotANumber:
        value = 0.0
    if value <= 0:
        faults.append(Fault(path, f"is {shown(text)}", line, column, cure="must be a number above 0"))
        return 1.0
    return value


@cache
def load_measurements() -> tuple[TrainingRow, ...]:
    """The shipped measurements."""
    from melange_cloud.estimator.spec_files import load_models

    return read_measurements(shipped("profiles") / "measured", load_models())
