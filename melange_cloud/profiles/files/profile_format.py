"""The format of a profile file: its two versions, their columns, and the text of a file.

Version 1 is for estimates: thousands of rows without empty fields. Version 2 is for measurements: its rows also have a
p99 TPOT, a date and a source, and concurrency and latencies are empty if the benchmark tool does not have them.
"""

from collections.abc import Iterable, Mapping

from melange_cloud.domain import OperatingPoint

FORMAT = "melange-cloud profile 1"
MEASURED_FORMAT = "melange-cloud profile 2"
COLUMNS = (
    "tensor_parallel", "input_tokens", "output_tokens", "concurrency", "requests_per_s", "tpot_ms", "ttft_ms", "origin",
    "grade", "error",
)  # fmt: skip
MEASURED_COLUMNS = (
    "tensor_parallel", "input_tokens", "output_tokens", "concurrency", "requests_per_s", "tpot_ms", "p99_tpot_ms",
    "ttft_ms", "origin", "grade", "error", "measured_on", "source",
)  # fmt: skip
COLUMNS_OF = {FORMAT: COLUMNS, MEASURED_FORMAT: MEASURED_COLUMNS}


def format_profile(header: Mapping[str, str], kinds_and_points: Iterable[tuple[int, OperatingPoint]]) -> str:
    """The text of a profile file.

    Args:
        header: values by key, in the order of writing; ``format`` decides the columns.
        kinds_and_points: (tensor_parallel, point), sorted.
    """
    columns = COLUMNS_OF[header["format"]]
    lines = [f"# {key}: {value}" for key, value in header.items()]
    lines.append(",".join(columns))
    lines.extend(
        ",".join([str(degree), *(_field(getattr(point, column)) for column in columns[1:])])
        for degree, point in kinds_and_points
    )
    return "\n".join(lines) + "\n"


def _field(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
