"""Finds out what input and output tokens include from a total next to them; without one, the user is asked.

Vendors disagree on whether cached tokens are part of the input tokens and reasoning part of the output tokens. Common
logs are known by their names (``usage_names``). For others a column of totals tells: whatever must be added to input
and output to get the total is not part of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.workload.traces.clock import number_of
from melange_cloud.workload.traces.columns import ColumnChoice, LabelColumn, TraceColumns, normal
from melange_cloud.workload.traces.usage_names import (
    ADDED_TO_INPUT,
    ADDED_WITHOUT,
    CACHED_INPUT,
    HOLDS_ALL_INPUT,
    TOTAL_NAMES,
)

_MOST_COMPONENTS = 6
_LOOKED_AT = 300
_FITS, _ROUNDING_TOKENS, _FAR = 0.9, 1, 0.01
_OTHER_THINGS = frozenset(
    {"cost", "costs", "price", "prices", "usd", "eur", "dollar", "dollars", "credits", "spend", "savings", "saved",
     "discount", "miss", "misses", "missed", "uncached", "time", "ms", "s", "seconds", "latency", "duration", "rate",
     "ratio", "pct", "percent", "percentage", "fraction", "share", "ttl", "key", "keys", "id", "ids", "enabled",
     "control", "kv", "size", "bytes", "budget", "effort", "max", "limit", "status", "type", "mode", "version"}
)  # fmt: skip
_OF_CACHE = frozenset(
    {"token", "tokens", "read", "reads", "write", "writes", "written", "creation", "created", "hit", "hits", "input",
     "prompt", "stored", "cached"}
)  # fmt: skip
_READ_FROM_CACHE = frozenset({"read", "reads", "hit", "hits", "cached"})
_OF_THOUGHT = frozenset({"reasoning", "thoughts", "thought", "thinking"})
_DETAILS = re.compile(r"(^|\.)[a-z_]*(prompt|input)[a-z_]*_details?\.")
_INCLUDED = frozenset(CACHED_INPUT) | {
    "cache_read_input_tokens", "cache_creation_input_tokens", "cache_write_input_tokens",
    *(piece for pieces in ADDED_WITHOUT.values() for piece in pieces),
}  # fmt: skip
"""Under the parent of input tokens that include everything, these are part of them (or of one another)."""


@dataclass(frozen=True, slots=True)
class _Clues:
    """Columns next to those of the sizes.

    Attributes:
        total: empty if there is none.
        cached: tokens of a cache that the input tokens include, by their names.
        unclear: tokens of a cache that may or may not be part of the input.
        reasoning: part of the output tokens, by OpenAI's rule.
    """

    total: str
    cached: tuple[str, ...]
    unclear: tuple[str, ...]
    reasoning: tuple[str, ...]


def clues(columns: TraceColumns, names: Sequence[str]) -> tuple[str, ...]:
    """The columns that ``settled`` needs."""
    found = _clues(columns, names)
    added = [name for name in (*columns.input, *columns.output) if normal(name) in set(columns.names)]
    others = [found.total] if found.total else []
    return tuple(dict.fromkeys([*added, *others, *found.cached, *found.unclear, *found.reasoning]))


def settled(
    columns: TraceColumns, names: Sequence[str], rows: Sequence[Mapping[str, object]], asked: ColumnChoice, path: Path
) -> tuple[TraceColumns, list[str]]:
    """The columns, with those that the total shows to be missing and with a guard for unexplained caches.

    Args:
        rows: the first ones, by column.

    Returns:
        The columns, and notes for the user.

    Raises:
        BadFile: the total contradicts the names.
    """
    found = _clues(columns, names)
    unclear = () if asked.input_column is not None else _without_copies(found, columns, rows)
    free_input = () if asked.input_column is not None else (*unclear, *found.cached)
    free_output = () if asked.output_column is not None else found.reasoning
    columns = replace(columns, other_cached=tuple(name for name in found.cached if not _is_read(name)))
    notes: list[str] = []
    explained: set[str] = set()
    added: tuple[str, ...] = ()
    if found.total:
        sums = _TotalSums(columns, found.total, (*free_input, *free_output), asked, rows)
        more = sums.added(path)
        added = more or ()
        if more is not None:
            explained = {
                name for name in unclear if sums.has_some(name) and (name in added or not sums.exceeds_input([name]))
            }
            if included := [name for name in unclear if name in explained and name not in added]:
                notes.append(
                    f"{echoed(path.name, 80)}: {_listed(included)} counted as part of {echoed(columns.input[0], 60)}, "
                    f"since {echoed(found.total, 60)} does not add it"
                )
        elif sums.is_far_off:
            notes.append(
                f"{echoed(path.name, 80)}: {echoed(found.total, 60)} is not the sum of input and output in most rows: "
                "check that no part is missing (--input-column A+B, --output-column A+B)"
            )
    if not added and free_output and (beyond := _beyond_output(free_output, columns, rows)):
        added = (beyond,)
        notes.append(
            f"{echoed(path.name, 80)}: {_listed(added)} counted as output too, since it exceeds the output tokens in "
            "some rows"
        )
    elif added:
        notes.append(
            f"{echoed(path.name, 80)}: {_listed(added)} counted too, since {echoed(found.total, 60)} includes it"
        )
    more_input = tuple(name for name in added if name in free_input)
    more_output = tuple(name for name in added if name in free_output)
    guards = tuple(LabelColumn(name, "cache") for name in unclear if name not in explained)
    reads = next((name for name in (*more_input, *sorted(explained)) if _is_read(name)), None)
    return replace(
        columns,
        input=(*columns.input, *more_input),
        output=(*columns.output, *more_output),
        cached=columns.cached or reads,
        labels=(*columns.labels, *guards),
    ), notes


def _clues(columns: TraceColumns, names: Sequence[str]) -> _Clues:
    parent = normal(columns.input[0]).rpartition(".")[0]
    before = f"{parent}." if parent else ""
    used = {*columns.input, *columns.output}
    holds_all = any(parent == whole or parent.endswith(f".{whole}") for whole in HOLDS_ALL_INPUT)
    leaves_out = not holds_all and normal(columns.input[0]).rpartition(".")[2] in ADDED_TO_INPUT
    by_normal = {normal(name): name for name in reversed(names)}
    total = next((by_normal[f"{before}{name}"] for name in TOTAL_NAMES if f"{before}{name}" in by_normal), "")
    cached: list[str] = []
    unclear: list[str] = []
    reasoning: list[str] = []
    for word, name in reversed(by_normal.items()):
        parts = set(re.split(r"[._]+", word.removeprefix(before)))
        if name in used or parts & _OTHER_THINGS:
            continue
        inside = word.removeprefix(before) if word.startswith(before) else ""
        if parts & _OF_THOUGHT and inside and ("tokens" in parts or "token" in parts or parent):
            reasoning.append(name)
        elif any("cache" in part for part in parts) and parts & _OF_CACHE and not parts & {"completion", "output"}:
            if inside and (inside in _INCLUDED or holds_all) and not (leaves_out and _is_piece(inside, columns)):
                cached.append(name)
            elif not (_DETAILS.search(word) or _is_piece(inside, columns)):
                unclear.append(name)
            elif inside and _DETAILS.search(word) is not None:
                cached.append(name)
    return _Clues(total, tuple(cached), tuple(unclear), tuple(reasoning))


def _is_piece(inside: str, columns: TraceColumns) -> bool:
    """True if a column is part of another one that already counts."""
    return any(
        inside in pieces and any(normal(name).endswith(whole) for name in columns.input)
        for whole, pieces in ADDED_WITHOUT.items()
    )


def _is_read(name: str) -> bool:
    return bool(set(re.split(r"[._]+", normal(name))) & _READ_FROM_CACHE)


def _tokens(row: Mapping[str, object], name: str) -> float:
    number = number_of(row.get(name))
    return number if number is not None and number > 0 else 0


def _without_copies(found: _Clues, columns: TraceColumns, rows: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The unclear columns, without those that repeat another one that counts."""
    known = [*columns.input[1:], *([columns.cached] if columns.cached else []), *found.cached]

    def is_copy(name: str) -> bool:
        values = [_tokens(row, name) for row in rows]
        return any(values) and any(values == [_tokens(row, other) for row in rows] for other in known)

    return tuple(name for name in found.unclear if not is_copy(name))


def _beyond_output(reasoning: Sequence[str], columns: TraceColumns, rows: Sequence[Mapping[str, object]]) -> str:
    """A reasoning column that cannot be part of the output tokens, since it exceeds them; empty if there is none."""
    for name in reasoning:
        if any(_tokens(row, name) > sum(_tokens(row, part) for part in columns.output) for row in rows):
            return name
    return ""


def _listed(names: Sequence[str]) -> str:
    return f"{' and '.join(echoed(name, 60) for name in names)} {'are' if len(names) > 1 else 'is'}"


class _TotalSums:
    """Rows with a total: finds what must be added to input and output to get it."""

    def __init__(
        self,
        columns: TraceColumns,
        total: str,
        free: Sequence[str],
        asked: ColumnChoice,
        rows: Sequence[Mapping[str, object]],
    ) -> None:
        self.columns, self.total = columns, total
        fixed = [columns.input[0], columns.output[0]]
        fixed += columns.input[1:] if asked.input_column is not None else ()
        fixed += columns.output[1:] if asked.output_column is not None else ()
        self.usual = tuple(name for name in (*columns.input[1:], *columns.output[1:]) if name not in fixed)
        self.rows = [row for row in rows if _tokens(row, total) and _tokens(row, columns.input[0])]
        self.free = [name for name in dict.fromkeys([*self.usual, *free]) if self.has_some(name)][:_MOST_COMPONENTS]
        telling = [row for row in self.rows if any(_tokens(row, name) for name in self.free)] or self.rows
        self.telling = telling[:_LOOKED_AT]
        self.missing = [_tokens(row, total) - sum(_tokens(row, name) for name in fixed) for row in self.telling]
        self.is_most = 2 * len(self.rows) >= len(rows)

    def has_some(self, name: str) -> bool:
        """True if some of the rows have such tokens."""
        return any(_tokens(row, name) for row in self.rows)

    def exceeds_input(self, names: Sequence[str]) -> bool:
        """True if a row has more such tokens than input tokens, so that they cannot be part of the input."""
        return any(self._sum(row, names) > _tokens(row, self.columns.input[0]) for row in self.rows)

    @property
    def is_far_off(self) -> bool:
        """True if half of the totals differ from the usual sum by more than 1 %."""
        off = sum(
            abs(missing - self._sum(row, self.usual)) > max(_ROUNDING_TOKENS, _FAR * _tokens(row, self.total))
            for row, missing in zip(self.telling, self.missing, strict=True)
        )
        return self.is_most and bool(self.telling) and 2 * off >= len(self.telling)

    def added(self, path: Path) -> tuple[str, ...] | None:
        """Columns to add to the usual ones; None if no sum gives the total."""
        if not self.is_most or not self.telling:
            return None
        if self._fits(self.usual):
            return ()
        for count in range(len(self.free) + 1):
            for some in combinations(self.free, count):
                if self._fits(some):
                    left_out = [name for name in self.usual if name in self.free and name not in some]
                    if any(name in self.columns.input for name in left_out) and not self.exceeds_input(left_out):
                        raise self._contradiction(path, left_out)
                    if left_out:
                        # Gemini's thoughts are never part of its candidates, and tokens that exceed the input are not
                        # part of it, however the total was made.
                        return None
                    return tuple(name for name in some if name not in self.usual)
        return None

    def _fits(self, some: Sequence[str]) -> bool:
        fitting = sum(
            abs(missing - self._sum(row, some)) <= _ROUNDING_TOKENS
            for row, missing in zip(self.telling, self.missing, strict=True)
        )
        return fitting >= _FITS * len(self.telling)

    def _sum(self, row: Mapping[str, object], some: Sequence[str]) -> float:
        return sum(_tokens(row, name) for name in some)

    def _contradiction(self, path: Path, left_out: Sequence[str]) -> BadFile:
        """Report that the total excludes what the input tokens usually exclude, and how the user can decide."""
        first, *others = (echoed(name, 300) for name in self.columns.input_there)
        both = "+".join([first, *others])
        parts = " and ".join(echoed(name, 40) for name in left_out)
        total = echoed(self.total, 60)
        return BadFile(
            [
                Fault(path, f"{total} does not add {parts}. If the input includes them, use --input-column {first}"),
                Fault(path, f"if the input does not include them, use --input-column {both}"),
            ]
        )
