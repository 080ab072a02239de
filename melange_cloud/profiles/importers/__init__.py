"""Reads result files of benchmark tools; the tool is recognised by the content of the file.

Each tool has a module with ``TOOL`` (its name), ``recognises(document)`` and ``read(record)``; they are tried in the
order below.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs import MalformedText, NotJson, NotUtf8, is_there, parse_json, read_text
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers import aibrix, aiperf, guidellm, inference_perf, sglang, vllm
from melange_cloud.profiles.importers.record import ResultRecord

__all__ = ["ImportedFile", "NotAResult", "read_file", "read_runs"]

TOOLS = (vllm, sglang, guidellm, aiperf, inference_perf, aibrix)
_MOST_BYTES = 2**30
"""A result with the time of every token has a few hundred MB."""


_NAMED_AS_JSON = (".json", ".jsonl", ".ndjson", "")


class NotAResult(BadFile):
    """A file is not a benchmark result but, for example, a log, a configuration or server metrics."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The content of a file.

    Attributes:
        tool: the tool that wrote it.
        runs: its runs, in the order of the file.
        notes: what was skipped and why, one clause each.
        averages: why the other files of its folder are better; empty for other files.
    """

    path: Path
    tool: str
    runs: tuple[BenchmarkRun, ...]
    notes: tuple[str, ...] = ()
    averages: str = ""


def read_runs(path: Path) -> list[BenchmarkRun]:
    """The runs in a benchmark tool's result file; none if the file only repeats another one.

    Raises:
        NotAResult: it is not a result of a known tool.
        BadFile: it cannot be read, or a value is invalid; with all faults.
    """
    return list(read_file(path).runs)


def read_file(path: Path) -> ImportedFile:
    """Read a benchmark tool's result file; notes say what was skipped.

    Raises:
        BadFile: as ``read_runs``.
    """
    documents = _documents(path)
    if all(_is_pytorch_list(document) for _, document in documents):
        note = "repeats the result of the same name in PyTorch's format; skipped"
        return ImportedFile(path, "vllm bench serve", (), (note,))
    if len(documents) == 1 and inference_perf.is_summary(path, documents[0][1]):
        return ImportedFile(path, inference_perf.TOOL, (), averages=inference_perf.AVERAGES)
    faults: list[Fault] = []
    runs: list[BenchmarkRun] = []
    tools: list[str] = []
    for line, document in documents:
        tool = next((tool for tool in TOOLS if tool.recognises(document)), None)
        if tool is None:
            names = ", ".join(tool.TOOL for tool in TOOLS)
            faults.append(Fault(path, f"is not a result of a supported benchmark tool ({names})", line))
            continue
        tools.append(tool.TOOL)
        record = ResultRecord(path, line, document, faults)
        runs.extend(tool.read(record))
    if len(set(tools)) > 1:
        faults.append(Fault(path, f"mixes results of {' and '.join(sorted(set(tools)))}: import them one by one"))
    if not tools:
        raise NotAResult(faults)
    if faults:
        raise BadFile(faults)
    return ImportedFile(path, tools[0], tuple(runs))


def _is_pytorch_list(document: Any) -> bool:
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(entry, dict) and {"benchmark", "metric"} <= entry.keys() for entry in document)
    )


def _documents(path: Path) -> list[tuple[int | None, Any]]:
    """The JSON documents of a file: one, or one per line with its number."""
    try:
        text = read_text(path, _MOST_BYTES)
    except BadFile as error:
        # It exists and is readable, but its content is not text, or too long.
        readable = is_there(path) and path.is_file() and os.access(path, os.R_OK)
        if readable and path.suffix.lower() not in _NAMED_AS_JSON and isinstance(error, NotUtf8):
            raise NotAResult([Fault(path, "is not a text file")]) from None
        raise NotAResult(error.faults) if readable else error from None
    if not text.strip():
        raise NotAResult([Fault(path, "is empty: the benchmark did not write a result")])
    try:
        return [(None, parse_json(text, non_finite=True))]
    except NotJson as error:
        whole = error
    except MalformedText as error:
        raise NotAResult([Fault(path, f"{error}, so it is not a benchmark result", error.line)]) from None
    documents: list[tuple[int | None, Any]] = []
    faults = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            documents.append((number, parse_json(line, non_finite=True)))
        except NotJson:
            faults.append(Fault(path, "is truncated or not JSON: remove the line, or repeat the run", number))
        except MalformedText as error:
            raise NotAResult([Fault(path, f"{error}, so it is not a benchmark result", number)]) from None
        if len(faults) > 1:
            break
    if not documents or len(faults) > 1:
        is_cut_off = text.lstrip()[0] in "{["
        what = "is truncated" if is_cut_off else "is not JSON, so it is not a benchmark result"
        fault = Fault(path, f"{what} ({whole.reason})", whole.line)
        raise BadFile([fault]) if is_cut_off and path.suffix.lower() in _NAMED_AS_JSON else NotAResult([fault])
    if faults:
        raise BadFile(faults)
    return documents
