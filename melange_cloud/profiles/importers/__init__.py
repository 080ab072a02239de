"""Reads result files of benchmark tools; whose a file is, is seen from its content.

Each tool has a module with ``TOOL`` (its name), ``recognises(document)`` and ``read(record)``; the order below is that
in which they are tried.
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
"""A result with every token's time in it has some hundred MB."""


_NAMED_AS_JSON = (".json", ".jsonl", ".ndjson", "")


class NotAResult(BadFile):
    """A file that no benchmark tool wrote as its result: a log, a configuration, metrics of the server."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What a file holds.

    Attributes:
        tool: the tool that wrote it.
        runs: its runs, in the order of the file.
        notes: what was passed over and why, one clause each.
        averages: why the other files of its folder say it better; empty for others.
    """

    path: Path
    tool: str
    runs: tuple[BenchmarkRun, ...]
    notes: tuple[str, ...] = ()
    averages: str = ""


def read_runs(path: Path) -> list[BenchmarkRun]:
    """The runs in a benchmark tool's result file; none where it is one that only repeats another's.

    Raises:
        NotAResult: no tool that we know wrote it as its result.
        BadFile: it cannot be read, or a value cannot be right; all faults together.
    """
    return list(read_file(path).runs)


def read_file(path: Path) -> ImportedFile:
    """A benchmark tool's result file, with what was passed over.

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
            faults.append(Fault(path, f"is not a result of a benchmark tool that can be read ({names})", line))
            continue
        tools.append(tool.TOOL)
        record = ResultRecord(path, line, document, faults)
        runs.extend(tool.read(record))
    if len(set(tools)) > 1:
        faults.append(Fault(path, f"mixes results of {' and '.join(sorted(set(tools)))}; import them one by one"))
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
        # It is there and may be read: its content is not text, or too long.
        readable = is_there(path) and path.is_file() and os.access(path, os.R_OK)
        if readable and path.suffix.lower() not in _NAMED_AS_JSON and isinstance(error, NotUtf8):
            raise NotAResult([Fault(path, "is not a text file")]) from None
        raise NotAResult(error.faults) if readable else error from None
    if not text.strip():
        raise NotAResult([Fault(path, "is empty: the benchmark wrote no result")])
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
            faults.append(Fault(path, "is cut off or not JSON: remove the line, or repeat the run", number))
        except MalformedText as error:
            raise NotAResult([Fault(path, f"{error}, so it is not a benchmark result", number)]) from None
        if len(faults) > 1:
            break
    if not documents or len(faults) > 1:
        is_cut_off = text.lstrip()[0] in "{["
        what = "is cut off" if is_cut_off else "is not JSON, so it is not a benchmark result"
        fault = Fault(path, f"{what} ({whole.reason})", whole.line)
        raise BadFile([fault]) if is_cut_off and path.suffix.lower() in _NAMED_AS_JSON else NotAResult([fault])
    if faults:
        raise BadFile(faults)
    return documents
