"""Which columns of a trace hold input tokens, output tokens and times: the common logs are known by their names.

Names are compared in lower case with everything but letters, digits and dots as ``_``; a dot leads into a nested
record (``usage.prompt_tokens``). Of several known names the first of the list counts.

=====================  ==============================  ==========================  ==========================
log                    input tokens                    output tokens               time
=====================  ==============================  ==========================  ==========================
ours                   input_tokens                    output_tokens               arrival_s (seconds)
Azure LLM traces       ContextTokens                   GeneratedTokens             TIMESTAMP (ISO)
BurstGPT               Request tokens                  Response tokens             Timestamp (seconds)
Mooncake               input_length                    output_length               timestamp (milliseconds)
OpenAI-style records   usage.prompt_tokens             usage.completion_tokens     created (Unix seconds)
vLLM                   prompt_tokens, prompt_len       completion_tokens           arrival_time (seconds)
ServeGen               input_tokens                    output_tokens               timestamp (seconds)
=====================  ==============================  ==========================  ==========================
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.errors import BadFile, Fault
from melange_cloud.workload.times import SECONDS_PER_UNIT

INPUT_NAMES = (
    "input_tokens", "prompt_tokens", "usage.prompt_tokens", "usage.input_tokens", "response.usage.prompt_tokens",
    "response.usage.input_tokens", "response.body.usage.prompt_tokens", "response.body.usage.input_tokens",
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "contexttokens", "context_tokens", "request_tokens",
    "input_length", "input_len", "prompt_length", "prompt_len", "num_prompt_tokens", "num_input_tokens",
    "num_prefill_tokens", "prompt_token_count", "data.input_tokens",
)  # fmt: skip
OUTPUT_NAMES = (
    "output_tokens", "completion_tokens", "usage.completion_tokens", "usage.output_tokens",
    "response.usage.completion_tokens", "response.usage.output_tokens", "response.body.usage.completion_tokens",
    "response.body.usage.output_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
    "generatedtokens", "generated_tokens", "response_tokens", "output_length", "output_len", "generation_length",
    "generation_len", "num_generation_tokens", "num_output_tokens", "num_decode_tokens", "completion_token_count",
    "data.output_tokens",
)  # fmt: skip
TIME_NAMES = (
    "arrival_s", "timestamp", "timestamp_ms", "timestamp_s", "arrival_time", "arrival_ms", "arrived_at", "created",
    "created_at", "response.created", "response.created_at", "response.body.created", "response.body.created_at",
    "start_time", "request_time", "time", "datetime", "t_s", "timestamp_utc", "@timestamp",
)  # fmt: skip
MILLISECONDS_BESIDE = "input_length"
"""Mooncake's traces count milliseconds in ``timestamp``; this column beside it is what tells them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user says of the columns; None is "find it".

    Attributes:
        time_unit: of times that are numbers: ``s``, ``ms``, ``us`` or ``ns``.
        time_zone: of times that carry none, as in the IANA list; None is UTC.
        ignore_times: there are no times worth reading.
    """

    input_column: str | None = None
    output_column: str | None = None
    time_column: str | None = None
    time_unit: str | None = None
    time_zone: str | None = None
    ignore_times: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one file, as it names them; ``arrival`` is None where there are no times to read.

    ``seconds_per_unit`` is of times that are numbers; None where their size must tell.
    """

    input: str
    output: str
    arrival: str | None
    seconds_per_unit: float | None


def find_columns(names: Sequence[str], asked: Asked, path: Path, line: int = 1) -> Columns:
    """The columns that hold sizes and times.

    Args:
        names: the file's own, as in its header (dotted where nested).
        line: where they stand, for faults.

    Raises:
        BadFile: a column that is needed or asked for is not there, or stands twice.
    """
    faults: list[Fault] = []

    def found(what: str, wanted: str | None, known: Sequence[str], option: str) -> str:
        matches = [name for name in names if name == wanted] if wanted is not None else _first_known(names, known)
        if wanted is not None and not matches:
            matches = [name for name in names if normal(name) == normal(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            faults.append(Fault(path, f"{matches[0]} stands twice: keep one, or name another with {option}", line=line))
        elif wanted is not None or known is not TIME_NAMES:
            missing = f"there is no column {wanted}" if wanted is not None else f"no column is known to hold {what}"
            faults.append(Fault(path, f"{missing}: name it with {option}; found: {_shown(names)}", line=line))
        return ""

    sizes = (
        found("input tokens", asked.input_column, INPUT_NAMES, "--input-column"),
        found("output tokens", asked.output_column, OUTPUT_NAMES, "--output-column"),
    )
    arrival = ""
    if not asked.ignore_times:
        arrival = found("times", asked.time_column, TIME_NAMES, "--time-column")
    if faults:
        raise BadFile(faults)
    return Columns(*sizes, arrival or None, _seconds_per_unit(arrival, sizes[0], asked) if arrival else None)


def normal(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[^a-z0-9.@]+", "_", name.strip().lower())


def _first_known(names: Sequence[str], known: Sequence[str]) -> list[str]:
    by_normal: dict[str, list[str]] = {}
    for name in names:
        by_normal.setdefault(normal(name), []).append(name)
    return next((by_normal[word] for word in known if word in by_normal), [])


def _seconds_per_unit(arrival: str, input_column: str, asked: Asked) -> float | None:
    if asked.time_unit is not None:
        return SECONDS_PER_UNIT[asked.time_unit]
    name = normal(arrival)
    suffix = name.rpartition("_")[2]
    if suffix in SECONDS_PER_UNIT and "_" in name:
        return SECONDS_PER_UNIT[suffix]
    if name == "timestamp" and normal(input_column) == MILLISECONDS_BESIDE:
        return SECONDS_PER_UNIT["ms"]
    return None


def _shown(names: Sequence[str]) -> str:
    text = ", ".join(names) or "nothing"
    return text if len(text) <= 160 else f"{text[:157]}..."
