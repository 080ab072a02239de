"""Reads declared fields from one JSON document and collects their faults."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from melange_cloud.errors import Fault, shown
from melange_cloud.inputs import is_number
from melange_cloud.inputs.fields import Fields
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.request_counts import counted, whole

LABELS = (
    "gpu", "gpu_name", "gpu_type", "gpu_model", "accelerator", "hardware", "tp", "tensor_parallel",
    "tensor_parallel_size", "tp_size", "precision", "weight_dtype", "weights_dtype", "weight_precision", "dtype",
    "model_dtype", "torch_dtype", "quantization", "quantization_method", "quantization_config", "quantisation", "quant",
    "quant_method", "torchao_config", "load_format", "kv_cache_dtype", "era", "version", "engine",
)  # fmt: skip
"""Keys that users write into results (``--metadata gpu=A10G``) and that an import reads."""

OTHER_NAMES = ("served_model_name", "model", "model_name", "model_path", "tag", "tokenizer_id", "tokenizer")
"""Keys of a result that name the model, in addition to the tool's own."""

_MOST_NAMES = 10

FAILED = ("failed", "failed_requests", "num_failed", "num_failed_requests", "failures", "errored", "error_count")
"""Keys under which tools and their wrappers count failed requests."""

FAILED_PARTS = ("error_rate", "failure_rate", "failed_rate")

LEAST_TPOT_MS = 0.2
"""No engine is faster; a time per token below this must be in seconds."""

MOST_TPOT_MS = 10_000.0
_DISAGREE = 1.1

NO_TTFT = "is missing, so the estimate is used for targets of TTFT or end-to-end latency"


class ResultRecord(Fields):
    """One document of a file; fields are read by their path, such as ``successes.latency.request_latency.mean``.

    Many versions of other tools wrote it, so a text, a flag or a count may be written in several ways; anything else
    counts as absent.
    """

    def __init__(
        self, path: Path, line: int | None, document: Mapping[str, Any], faults: list[Fault], place: str = ""
    ) -> None:
        super().__init__(path, document, faults, f"{place}." if place else "", line)
        self._name, self._part_of = path.name, place

    @property
    def source(self) -> str:
        """File, and line or place in it, for messages."""
        line = f"line {self.line}" if self.line else ""
        return ", ".join(filter(None, (self._name, line, self._part_of)))

    @property
    def is_sound(self) -> bool:
        """True if the file has no fault so far; after a fault, placeholders make further checks meaningless."""
        return not self.faults

    def has(self, field: str) -> bool:
        """True if the field has a value; null does not count."""
        return self.value(field) is not None

    def value(self, field: str) -> Any:
        """The value of a field; None if there is none."""
        found: Any = self._record
        for key in field.split("."):
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found

    def part(self, place: str, document: Any) -> "ResultRecord":
        """A document within this one, such as one of its benchmarks."""
        if not isinstance(document, Mapping):
            self.fault(place, "is not an object")
            document = {}
        return ResultRecord(Path(self.path), self.line, document, self.faults, place)

    def items(self, field: str) -> list[Any]:
        """A list with at least one item; empty after a fault."""
        found = self.value(field)
        if isinstance(found, list) and found:
            return found
        self.fault(field, "must be a list with at least one item")
        return []

    def text(self, field: str) -> str:
        """A text; empty if there is none."""
        found = self.value(field)
        return found.strip() if isinstance(found, str) else ""

    def needed(self, field: str) -> float:
        """A required number above 0; 1 after a fault."""
        found = self.positive(field)
        if not self.has(field):
            self.fault(field, "is missing", "it must be a number above 0")
        return 1.0 if found is None else found

    def per_token_ms(self, field: str, output_tokens: float) -> float | None:
        """A time per output token; None if absent. With one output token there is none, and tools write 0."""
        if output_tokens < 2 and self.value(field) == 0:
            return None
        return self.positive(field)

    def failed(self, completed: int, *asked: str) -> int | None:
        """The number of failed requests: the largest number that the file gives; None if unknown.

        Looks at the counts of FAILED, the fractions of FAILED_PARTS, ``errors`` (one text per request, empty for
        success), ``success`` (one per request), ``output_lens`` (0 if there was no output), and at how many of the
        requests in ``asked`` are missing: names of fields, numbers, or lists with an entry per request.
        """
        counts = [stated for field in FAILED if (stated := self.failures(field)) is not None]
        counts += [
            round(completed * part / (1 - part)) for field in FAILED_PARTS if (part := self._part(field)) is not None
        ]
        if (part := self._part("success_rate")) is not None:
            counts.append(round(completed * (1 - part) / part) if part else completed)
        errors, success, lengths = (self.value(field) for field in ("errors", "success", "output_lens"))
        if isinstance(errors, list) and errors:
            counts.append(sum(1 for error in errors if error))
        elif isinstance(errors, Mapping):
            counts.append(counted(errors))
        if isinstance(success, list) and success:
            counts.append(sum(1 for one in success if not one))
        if isinstance(lengths, list) and any(one == 0 for one in lengths):
            counts.append(sum(1 for one in lengths if one == 0))
        for field in asked:
            found = self.value(field)
            sent = len(found) if isinstance(found, list) else self.count(field)
            if sent:
                counts.append(max(0, sent - completed))
        return max(counts, default=None)

    def failures(self, field: str) -> int | None:
        """Failures in a field: a count, a list, or kinds with their counts; None if absent or null."""
        found = self.value(field)
        return counted(found) if isinstance(found, list | Mapping) else self.count(field)

    def _part(self, field: str) -> float | None:
        """A fraction of all requests; a value above 1 is in %."""
        found = self.value(field)
        if not is_number(found, 0, 100):
            return None
        part = found if found <= 1 else found / 100
        return min(float(part), 0.999)

    def cancelled(self) -> str:
        """How the document says that the run was not finished, one clause; empty if it was."""
        for field in (
            "was_cancelled",
            "is_cancelled",
            "cancelled",
            "canceled",
            "interrupted",
            "was_interrupted",
            "aborted",
        ):
            if self.flag(field):
                return f"{field} is true"
        return "is_complete is false" if self.flag("is_complete") is False else ""

    def flag(self, field: str) -> bool | None:
        """``true`` or ``false``, also as text; None for anything else."""
        found = self.value(field)
        word = str(found).strip().lower() if isinstance(found, str | bool | int) else ""
        if word in ("true", "yes", "1"):
            return True
        return False if word in ("false", "no", "0") else None

    def count(self, field: str) -> int | None:
        """A whole number of at least 0; None if absent or null."""
        found = self.value(field)
        if found is None:
            return None
        if isinstance(found, str) and (number := whole(found)) is not None:
            return number
        if not is_number(found, 0) or found % 1:
            self.fault(field, f"is {shown(found)}", "must be a whole number of at least 0")
            return None
        return int(found)

    def completed(self, field: str) -> int:
        """The number of completed requests; 0 after a fault, and then the rest of the run is not checked."""
        found = self.count(field)
        if found is None:
            self.fault(field, "is missing", "it must be the number of completed requests")
        elif found == 0:
            self.fault(field, "is 0: no request was completed")
        return found or 0

    def asked_rate(self, field: str) -> float | None:
        """The requested rate, requests/s; None for "inf", which means as fast as possible."""
        found = self.value(field)
        if found is None or (isinstance(found, str) and found.strip().lower() in ("inf", "infinity")):
            return None
        if isinstance(found, float) and math.isinf(found):
            return None
        return self.positive(field)

    def labels(self) -> tuple[tuple[str, str], ...]:
        """The labels that the user wrote into the result, with keys in lower case."""
        return labels_of(self._record)

    def other_names(self, model: str, *fields: str) -> tuple[tuple[str, str], ...]:
        """Other names of the model: (field, name) from OTHER_NAMES and ``fields``, texts or lists of texts."""
        named: list[tuple[str, str]] = []
        for field in (*OTHER_NAMES, *fields):
            found = self.value(field)
            names = [name.strip() for name in (found if isinstance(found, list) else [found]) if isinstance(name, str)]
            named.extend((field, name) for name in names[:_MOST_NAMES] if name not in ("", model))
        return tuple(named)

    def day_as(self, field: str, form: str) -> date | None:
        """A date written in a form of strptime; None if absent."""
        text = self.text(field)
        if not text:
            return None
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date()
        except ValueError:
            self.fault(field, f"is {shown(text)}", "must be a time such as 20260131-235959")
            return None

    def day_of(self, field: str) -> date | None:
        """A date given as seconds since 1970; None if absent."""
        seconds = self.positive(field)
        if seconds is None:
            return None
        try:
            return datetime.fromtimestamp(seconds, UTC).date()
        except (OverflowError, ValueError, OSError):
            self.fault(field, f"is {seconds:g}", "must be seconds since 1970")
            return None

    def agree(self, field: str, said: float, derived: float) -> None:
        """Add a fault if a field differs by more than 10 % from the value that other, valid fields give."""
        if self.is_sound and max(said, derived) > _DISAGREE * min(said, derived):
            self.fault(
                field, f"is {said:.4g}, but the other fields give {derived:.4g}: the file was edited or is broken"
            )

    def checked(self, run: BenchmarkRun, tpot_field: str, unit: str = "ms") -> list[BenchmarkRun]:
        """The run, after a check that its times are in the tool's unit."""
        other = "seconds" if unit == "ms" else "milliseconds"
        if not self.is_sound:
            return [run]
        if run.tpot_ms is not None and not LEAST_TPOT_MS <= run.tpot_ms <= MOST_TPOT_MS:
            self.fault(
                tpot_field,
                f"means {run.tpot_ms:.3g} ms per output token, which is impossible: {other} instead of {unit}?",
            )
        elif run.ttft_ms is not None and run.tpot_ms is not None and run.ttft_ms < 0.05 * run.tpot_ms:
            self.fault(
                "time to first token",
                f"means {run.ttft_ms:.3g} ms, a small part of one decode step ({run.tpot_ms:.3g} ms): {other} instead "
                f"of {unit}?",
            )
        return [run]


def labels_of(document: Any) -> tuple[tuple[str, str], ...]:
    """The entries of an object that name GPU, degree, precision or engine, with keys in lower case."""
    if not isinstance(document, Mapping):
        return ()
    return tuple(
        (key.lower(), said)
        for key, value in sorted(document.items(), key=lambda entry: str(entry[0]))
        if isinstance(key, str) and key.lower() in LABELS and (said := _label(key.lower(), value))
    )


def _label(key: str, value: Any) -> str:
    """The text of a label; ``true`` and objects count if the label may be an engine's option for quantisation."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value).strip()
    if not key.startswith("quant") or not value:
        return ""
    if not isinstance(value, Mapping):
        return "true"
    said = (value.get(name) for name in ("quant_method", "quant_algo", "format"))
    return next((one.strip() for one in said if isinstance(one, str) and one.strip()), "object")
