"""Takes declared fields out of TOML tables and collects what is wrong with them."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from melange_cloud.errors import Fault, echoed, shown
from melange_cloud.inputs import is_number


class TomlReader:
    """Takes declared fields out of one TOML table and collects what is wrong with them."""

    def __init__(self, path: Path, place: str, table: object, faults: list[Fault]) -> None:
        self._path, self._place, self._faults = path, place, faults
        self._table: Mapping[str, Any] = table if isinstance(table, Mapping) else {}
        self._seen: set[str] = set()
        if not isinstance(table, Mapping):
            faults.append(Fault(path, f"is {shown(table)}; it must be a table", field=place))

    def has(self, field: str) -> bool:
        """Whether the table has a field."""
        return field in self._table

    def part(self, field: str) -> "TomlReader":
        """A table within this one."""
        return TomlReader(self._path, f"{self._place}.{field}", self.mapping(field), self._faults)

    def fault(self, field: str, message: str) -> None:
        """Note a fault at a field of this table."""
        self._faults.append(Fault(self._path, message, field=f"{self._place}.{field}"))

    def _take(self, field: str, accepts: Callable[[Any], bool], wanted: str, default: Any, fallback: Any) -> Any:
        self._seen.add(field)
        if field not in self._table:
            if default is None:
                self.fault(field, f"is missing; it must be {wanted}")
                return fallback
            return default
        value = self._table[field]
        if not accepts(value):
            self.fault(field, f"is {shown(value)}; it must be {wanted}")
            return fallback
        return value

    def text(self, field: str) -> str:
        """A text that is not empty."""
        return str(self._take(field, lambda v: isinstance(v, str) and v != "", "a text", None, "?"))

    def word(self, field: str, words: tuple[str, ...]) -> str:
        """One of a closed list."""
        return str(self._take(field, lambda v: v in words, "one of " + ", ".join(words), None, words[0]))

    def texts(self, field: str, default: list[str] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        wanted = "a list of texts"
        return tuple(
            self._take(field, lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v), wanted, default, [])
        )

    def some_of(self, field: str, known: tuple[int, ...]) -> tuple[int, ...]:
        """A list of at least one of ``known``."""
        wanted = f"a list out of {', '.join(map(str, known))}"

        def accepts(value: Any) -> bool:
            return isinstance(value, list) and value != [] and all(x in known for x in value)

        return tuple(self._take(field, accepts, wanted, None, list(known[:1])))

    def number(self, field: str, low: float, high: float, default: float | None = None) -> float:
        """A number in [low, high]."""
        wanted = f"a number from {low:g} to {high:g}"

        def accepts(value: Any) -> bool:
            return is_number(value, low, high)

        return float(self._take(field, accepts, wanted, default, low))

    def count(self, field: str, low: int = 1) -> int:
        """A whole number of at least ``low``."""
        wanted = f"a whole number of at least {low}"
        return int(self._take(field, lambda v: isinstance(v, int) and is_number(v, low), wanted, None, low))

    def flag(self, field: str) -> bool:
        """True or false."""
        return bool(self._take(field, lambda v: isinstance(v, bool), "true or false", None, False))

    def day(self, field: str) -> date:
        """A date."""
        value = self._take(field, lambda v: isinstance(v, date), "a date such as 2024-07-23", None, date.min)
        return value if isinstance(value, date) else date.min

    def mapping(self, field: str) -> dict[str, Any]:
        """A table of its own, empty where absent."""
        return dict(self._take(field, lambda v: isinstance(v, dict), "a table", {}, {}))

    def seconds(self, field: str) -> dict[str, float]:
        """A table of numbers of at least 0 by name, empty where absent."""
        table = self.mapping(field)
        for name, value in table.items():
            if not is_number(value, 0):
                self.fault(field, f"of {shown(name)} is {shown(value)}; it must be a number of at least 0")
                return {}
        return {name: float(value) for name, value in table.items()}

    def triple(self, field: str, names: tuple[str, str, str]) -> tuple[float, float, float]:
        """Three numbers of a table; all 0 where it is absent."""
        table = self.seconds(field)
        if table and set(table) != set(names):
            self.fault(field, f"has {echoed(', '.join(table))}; it must have {', '.join(names)}")
            return 0.0, 0.0, 0.0
        first, second, third = (table.get(name, 0.0) for name in names)
        return first, second, third

    def finish(self) -> None:
        """Note fields that nobody asked for: a misspelt optional field must not be passed over."""
        for field in self._table.keys() - self._seen:
            self.fault(field, "is not a known field; remove it or spell it as its neighbours do")
