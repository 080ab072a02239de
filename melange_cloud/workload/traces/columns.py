"""Finds the columns of a trace that hold input tokens, output tokens, times and labels of requests.

Columns of common logs are known by name (``usage_names``); the user names the others.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.errors import BadFile, BadInput, Fault, echoed
from melange_cloud.inputs.suggestions import closest, did_you_mean
from melange_cloud.workload.traces.time_units import SECONDS_PER_UNIT, UNITS_S
from melange_cloud.workload.traces.usage_names import (
    ADDED_TO_INPUT,
    ADDED_TO_OUTPUT,
    ADDED_WITHOUT,
    CACHE_READ,
    CACHED_INPUT,
    ERROR_NAMES,
    HOLDS_ALL_INPUT,
    INPUT_NAMES,
    MODEL_ENDINGS,
    MODEL_NAMES,
    OUTPUT_NAMES,
    REQUEST_COUNT_NAMES,
    STATUS_NAMES,
    TIME_NAMES,
)

ANY = "*"
"""``--where COLUMN=*``: the user accepts any value of the column."""

_WHERE = "--where COLUMN=VALUE"
_MOST_LIKE_MODELS = 4
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UNIT_SUFFIXES = {
    **{unit: unit for unit in SECONDS_PER_UNIT},
    **dict.fromkeys(("sec", "secs", "seconds"), "s"),
    **dict.fromkeys(("msec", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("usec", "micros", "microseconds"), "us"),
    **dict.fromkeys(("nano", "nanos", "nanoseconds"), "ns"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
}


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """What the user says about the columns; None means "find it".

    Attributes:
        input_column, output_column: one column, or several joined by ``+`` to be added up.
        time_unit: of numeric times: ``s``, ``ms``, ``us``, ``ns``, ``min`` or ``h``.
        time_zone: IANA name, for times without a zone; None is UTC.
        ignore_times: do not read times.
        where: ``COLUMN=VALUE``: count only these rows. Repeat a column to allow another value; ``*`` allows any.
    """

    input_column: str | None = None
    output_column: str | None = None
    time_column: str | None = None
    time_unit: str | None = None
    time_zone: str | None = None
    ignore_times: bool = False
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A column that distinguishes requests.

    Attributes:
        role: ``where`` (only some values count), ``model``, ``status`` or ``error``; or a column that must not be
            above 1: ``requests`` that a row sums up, ``cache`` tokens that may or may not be part of the input.
        wanted: of ``where``, the values that count; None is any.
    """

    column: str
    role: str
    wanted: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TraceColumns:
    """The columns of one file, as it names them.

    Attributes:
        input, output: columns to be added up; missing values count as 0 in all but the first.
        arrival: None if there are no times to read.
        seconds_per_unit: of numeric times; None if their size must tell.
        cached: input tokens that were read from a prompt cache; None if unknown.
        labels: what distinguishes requests.
        names: of all columns of the file, normalised.
        other_cached: other tokens of a cache, such as those written to it, which as far as we know are part of the
            input.
    """

    input: tuple[str, ...]
    output: tuple[str, ...]
    arrival: str | None
    seconds_per_unit: float | None
    cached: str | None = None
    labels: tuple[LabelColumn, ...] = ()
    names: tuple[str, ...] = ()
    other_cached: tuple[str, ...] = ()

    @property
    def input_there(self) -> tuple[str, ...]:
        """The input columns that the file is known to have; others may appear later."""
        known = set(self.names)
        return tuple(name for name in self.input if name == self.input[0] or normal(name) in known)

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        others = [name for name in (self.cached, self.arrival) if name is not None]
        return tuple(dict.fromkeys([*self.input, *self.output, *others, *(label.column for label in self.labels)]))


def find_columns(names: Sequence[str], asked: ColumnChoice, path: Path, *, all_seen: bool = True) -> TraceColumns:
    """Find the columns of sizes and times.

    Args:
        names: the column names of the file, as in its header (dotted if nested).
        all_seen: False if later records may have more columns; then all are searched for what an input column excludes.

    Raises:
        BadFile: a column that is needed or requested is missing or duplicate.
        BadInput: an item of ``where`` is not COLUMN=VALUE.
    """
    found = _ColumnFinder(names, path, all_seen)
    inputs = found.sizes("input tokens", asked.input_column, INPUT_NAMES, "--input-column")
    outputs = found.sizes("output tokens", asked.output_column, OUTPUT_NAMES, "--output-column")
    arrival = ""
    if not asked.ignore_times:
        arrival = found.one("times", asked.time_column, TIME_NAMES, "--time-column", needed=False)
    labels = found.labels(asked.where)
    if inputs[0]:
        labels += found.request_counts(inputs, labels)
    if found.faults:
        raise BadFile(found.faults)
    if asked.input_column is None:
        inputs = found.with_parts(inputs, ADDED_TO_INPUT)
    if asked.output_column is None:
        outputs = found.with_parts(outputs, ADDED_TO_OUTPUT)
    cached = found.cached(inputs)
    if asked.input_column is not None and cached not in inputs:
        cached = None
    return TraceColumns(
        inputs,
        outputs,
        arrival or None,
        UNITS_S[asked.time_unit] if asked.time_unit is not None else seconds_per_unit(arrival),
        cached,
        labels,
        tuple(found.by_normal),
    )


def normal(name: str) -> str:
    """A column's name in the form used for comparison."""
    return re.sub(r"[^a-z0-9.@]+", "_", _CAMEL.sub("_", name.strip()).lower())


def seconds_per_unit(name: str) -> float | None:
    """The unit at the end of a time column's name: 0.001 for ``start_ms``; None if there is none."""
    head, _, suffix = normal(name).strip("_").rpartition(".")[2].rpartition("_")
    # A single letter is a name, not a unit.
    return UNITS_S[_UNIT_SUFFIXES[suffix]] if suffix in _UNIT_SUFFIXES and (head or len(suffix) > 2) else None


def wanted_values(where: Iterable[str]) -> dict[str, frozenset[str] | None]:
    """Column -> the values that count; None for any.

    Raises:
        BadInput: an item without a column or without ``=``.
    """
    values: dict[str, set[str]] = {}
    for word in where:
        column, equals, value = word.partition("=")
        if not equals or not column.strip():
            raise BadInput(f"--where {echoed(word)}: write COLUMN=VALUE, such as model=llama-3.1-8b")
        values.setdefault(column.strip(), set()).add(value.strip())
    return {column: None if ANY in allowed else frozenset(allowed) for column, allowed in values.items()}


class _ColumnFinder:
    def __init__(self, names: Sequence[str], path: Path, all_seen: bool) -> None:
        self.names, self.path, self.all_seen = names, path, all_seen
        self.faults: list[Fault] = []
        self.by_normal: dict[str, list[str]] = {}
        self.by_ending: dict[str, list[str]] = {}
        for name in names:
            word = normal(name)
            self.by_normal.setdefault(word, []).append(name)
            parts = word.split(".")
            for size in range(2, min(len(parts), 6)):
                self.by_ending.setdefault(".".join(parts[-size:]), []).append(name)

    def sizes(self, what: str, asked: str | None, known: Sequence[str], option: str) -> tuple[str, ...]:
        """The columns that the user named (joined by ``+``), or the known one."""
        if asked is None or asked in self.names or "+" not in asked:
            return (self.one(what, asked, known, option),)
        return tuple(self.one(what, part.strip(), known, option) for part in asked.split("+"))

    def one(self, what: str, asked: str | None, known: Sequence[str], option: str, *, needed: bool = True) -> str:
        """A column by the user's name or a known one; empty, with a fault, if there is none."""
        matches = self._named(asked) if asked is not None else self._known(known)
        if len(matches) == 1:
            return matches[0]
        if len(set(matches)) > 1 and asked is None:
            message = f"{' and '.join(map(_short, matches[:3]))} may each hold {what}: choose one with {option}"
            self._fault(message)
        elif matches:
            self._fault(f"duplicate column {_short(matches[0])}: keep one, or name another with {option}")
        elif asked is not None and option == _WHERE:
            self._fault(f"column {echoed(asked)} of --where not found: {self._closest(asked)}")
        elif asked is not None:
            self._fault(f"column {echoed(asked)} not found: name it with {option}; {self._shown()}")
        elif needed:
            self._fault(f"no column found for {what}: name it with {option}; {self._shown()}{self._hint()}")
        return ""

    def labels(self, where: Sequence[str]) -> tuple[LabelColumn, ...]:
        """The columns of ``--where``, and those known to hold models and failures."""
        labels = []
        for column, wanted in wanted_values(where).items():
            if name := self.one("", column, (), _WHERE):
                labels.append(LabelColumn(name, "where", wanted))
        asked = {label.column for label in labels}
        for role, known in (("model", MODEL_NAMES), ("status", STATUS_NAMES), ("error", ERROR_NAMES)):
            # If two columns have the name, it is not clear which one describes the requests.
            match = self._known(known)
            if len(match) == 1 and match[0] not in asked:
                labels.append(LabelColumn(match[0], role))
            elif role == "model" and not match:
                labels += [LabelColumn(name, role) for name in self._like_models() if name not in asked]
        return tuple(labels)

    def _like_models(self) -> list[str]:
        """Columns with a name that ends like one of models: ``metadata.model``, ``model.id``."""
        one, two = map(re.compile, MODEL_ENDINGS)

        def is_like(word: str) -> bool:
            parts = word.split(".")
            return one.fullmatch(parts[-1]) is not None or two.fullmatch(".".join(parts[-2:])) is not None

        found = [names[0] for word, names in self.by_normal.items() if len(names) == 1 and is_like(word)]
        return found[:_MOST_LIKE_MODELS]

    def request_counts(self, inputs: Sequence[str], labels: Sequence[LabelColumn]) -> tuple[LabelColumn, ...]:
        """Columns that may say how many requests a row sums up, without those that ``--where`` names."""
        parent, _ = _parent_and_name(normal(inputs[0]))
        taken = {*inputs, *(label.column for label in labels)}
        found = []
        for word, names in self.by_normal.items():
            before, last = _parent_and_name(word)
            if last in REQUEST_COUNT_NAMES and before in ("", parent) and names[0] not in taken:
                found.append(LabelColumn(names[0], "requests"))
        return tuple(found)

    def with_parts(self, columns: tuple[str, ...], added: Mapping[str, Sequence[Sequence[str]]]) -> tuple[str, ...]:
        """The column, and those next to it that count what it excludes."""
        parent, name = _parent_and_name(normal(columns[0]))
        if any(parent == whole or parent.endswith(f".{whole}") for whole in HOLDS_ALL_INPUT):
            return columns
        parts: list[str] = []
        for alternatives in added.get(name, ()):
            found = next((there for part in alternatives if (there := self._sibling(parent, part))), "")
            pieces = (piece for part in alternatives for piece in ADDED_WITHOUT.get(part, ()))
            parts += [found] if found else [self._sibling(parent, piece) for piece in pieces]
        if not self.all_seen and not any(parts):
            # Spelled like the vendor does, if the file spells its other names that way.
            before = columns[0][: len(columns[0]) - len(columns[0].rpartition(".")[2])]
            parts = [f"{before}{part[0]}" for part in added.get(name, ()) if columns[0] == f"{before}{name}"]
        return (*columns, *(part for part in parts if part))

    def cached(self, inputs: Sequence[str]) -> str | None:
        """The column, next to or among the input tokens, that says how many of them came from a cache."""
        parent, _ = _parent_and_name(normal(inputs[0]))
        siblings = [self._sibling(parent, name) for name in CACHED_INPUT]
        among = [found for name in CACHE_READ if (found := self._sibling(parent, name)) in inputs[1:]]
        return next((found for found in (*siblings, *among) if found), None)

    def _sibling(self, parent: str, name: str) -> str:
        matches = self.by_normal.get(f"{parent}.{name}" if parent else name, [])
        return matches[0] if len(matches) == 1 else ""

    def _named(self, asked: str) -> list[str]:
        exact = [name for name in self.names if name == asked]
        return exact or self.by_normal.get(normal(asked), [])

    def _known(self, known: Sequence[str]) -> list[str]:
        exact = next((self.by_normal[word] for word in known if word in self.by_normal), None)
        if exact is not None:
            return exact
        return next((self.by_ending[word] for word in known if "." in word and word in self.by_ending), [])

    def _fault(self, message: str) -> None:
        self.faults.append(Fault(self.path, message, line=1))

    def _closest(self, asked: str) -> str:
        near = {normal(name): name for name in self.names[:10_000]}
        return did_you_mean(_short(near[word]) for word in closest(normal(asked), near)) or self._shown()

    def _shown(self) -> str:
        return f"found: {', '.join(map(_short, self.names[:12])) or 'nothing'}"[:160]

    def _hint(self) -> str:
        if {"resource_spans", "resource_logs"} & set(self.by_normal):
            return "; write one span per line (jq -c '.resourceSpans[].scopeSpans[].spans[]' FILE)"
        return ""


def _parent_and_name(name: str) -> tuple[str, str]:
    parent, _, last = name.rpartition(".")
    return parent, last


def _short(name: str) -> str:
    return echoed(name, 40)
