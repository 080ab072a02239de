"""Reads AIBrix's GPU profile: a table of requests/s by output and input tokens, within a target.

``indexes`` has the output tokens first and ``tputs`` one row per output, transposed compared with most tools. 0 means
"not within the target". The tables that AIBrix ships are simulated, and others are interpolated, so they are not
measurements of a GPU. Therefore only a table that states ``"origin": "measured"`` is read.
"""

from typing import Any

from melange_cloud.errors import shown
from melange_cloud.inputs import is_number
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.record import ResultRecord

TOOL = "aibrix profile"


def recognises(document: Any) -> bool:
    """True if it is an AIBrix profile."""
    return isinstance(document, dict) and {"tputs", "indexes"} <= document.keys()


def read(record: ResultRecord) -> list[BenchmarkRun]:
    """One run per size that is served within the profile's target."""
    name = record.text("gpu")
    if "simul" in name.lower():
        record.fault("gpu", f"is {shown(name)}: simulated rates are not measurements")
        return []
    if record.text("origin") != "measured":
        record.fault(
            "origin",
            "is missing: such tables are often simulated or interpolated; "
            'if these rates were measured on a GPU, add "origin": "measured" to the file',
        )
        return []
    axes = record.items("indexes")
    outputs, inputs = axes if len(axes) == 2 else ([], [])
    rows = record.items("tputs")
    if not (_is_axis(outputs) and _is_axis(inputs)):
        record.fault("indexes", "must be two lists of tokens: outputs, then inputs")
        return []
    if not _has_shape(rows, len(outputs), len(inputs)):
        shape = f"{len(outputs)} rows (outputs) of {len(inputs)} rates (inputs)"
        swapped = _has_shape(rows, len(inputs), len(outputs))
        record.fault("tputs", f"must have {shape}" + (": the table or its indexes are transposed" if swapped else ""))
        return []
    runs = []
    for i, output_tokens in enumerate(outputs):
        for j, input_tokens in enumerate(inputs):
            if rows[i][j] != 0:
                runs.extend(_read_one(record, i, j, input_tokens, output_tokens))
    if not runs:
        record.fault("tputs", "are all 0: no size was served within the target")
    return runs


def _read_one(
    record: ResultRecord, row: int, column: int, input_tokens: float, output_tokens: float
) -> list[BenchmarkRun]:
    cell: dict[str, Any] = {"tputs": record.value("tputs")[row][column]}
    for field in ("e2e", "ttft"):
        table = record.value(field)
        if isinstance(table, list) and len(table) > row and isinstance(table[row], list) and len(table[row]) > column:
            cell[field] = table[row][column]
    part = record.part(f"[{row}][{column}]", cell)
    requests_per_s = part.needed("tputs")
    e2e_s, ttft_s = part.positive("e2e"), part.positive("ttft")
    tpot_ms = None
    if e2e_s is not None and ttft_s is not None and ttft_s < e2e_s and output_tokens > 1:
        tpot_ms = 1000 * (e2e_s - ttft_s) / (output_tokens - 1)
    run = BenchmarkRun(
        tool=TOOL,
        source=part.source,
        model=record.text("model"),
        input_tokens=float(input_tokens),
        output_tokens=float(output_tokens),
        requests_per_s=requests_per_s,
        asked_requests_per_s=requests_per_s,
        max_concurrency=None,
        concurrency=None if e2e_s is None else requests_per_s * e2e_s,
        tpot_ms=tpot_ms,
        p99_tpot_ms=None,
        ttft_ms=None if ttft_s is None else 1000 * ttft_s,
        p99_ttft_ms=None,
        completed=None,
        failed=None,
        duration_s=None,
        measured_on=record.day_of("created"),
        engine="",
        labels=(),
    )
    return part.checked(run, "e2e", "s")


def _is_axis(axis: Any) -> bool:
    return isinstance(axis, list) and bool(axis) and all(is_number(x, 1) for x in axis)


def _has_shape(rows: list[Any], height: int, width: int) -> bool:
    return len(rows) == height and all(isinstance(row, list) and len(row) == width for row in rows)
