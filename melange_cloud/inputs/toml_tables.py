"""The fields of TOML tables that become one of our records; every field is required."""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from melange_cloud.errors import Fault, echoed, shown
from melange_cloud.inputs.fields import Fields
from melange_cloud.inputs.numbers import MOST, is_number


class TomlTable(Fields):
    """The fields of one table.

    An absent field is a fault: check for optional ones with ``has``. After a fault a placeholder is returned, so that
    the record can be built and further faults found; the caller discards a record with faults.
    """

    def __init__(self, path: Path, name: str, table: object, faults: list[Fault]) -> None:
        super().__init__(path, table if isinstance(table, dict) else {}, faults, f"{name}.")
        if not isinstance(table, dict):
            faults.append(Fault(path, f"is {shown(table)}", field=name, cure="must be a table"))

    def part(self, field: str) -> "TomlTable":
        """A table within this one, empty if absent."""
        return TomlTable(Path(self.path), f"{self.place}{field}", self.mapping(field), self.faults)

    def text(self, field: str) -> str:
        """A text that is not blank."""
        return super().text(field) or "?"

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty if the field is absent."""
        return super().texts(field) if self.has(field) else ()

    def choice(self, field: str, known: Collection[str], or_else: str = "") -> str:
        """One of the known words."""
        return super().choice(field, known, or_else) or next(iter(known))

    def number(self, field: str, low: float = -MOST, high: float = MOST, of: str = "") -> float:
        """A number in [low, high]."""
        found = super().number(field, low, high, of)
        return low if found is None else found

    def whole(self, field: str, low: int = 1, high: int = int(MOST)) -> int:
        """A whole number in [low, high]."""
        found = super().whole(field, low, high)
        return low if found is None else found

    def flag(self, field: str) -> bool:
        """True or false."""
        return bool(super().flag(field))

    def day(self, field: str) -> date:
        """A date."""
        return super().day(field) or date.min

    def some_of(self, field: str, known: tuple[int, ...]) -> tuple[int, ...]:
        """A list of at least one of ``known``."""

        def read(value: object) -> tuple[int, ...] | None:
            some = isinstance(value, list) and value != [] and all(number in known for number in value)
            return tuple(value) if some and isinstance(value, list) else None

        return self._take(field, read, f"a list out of {', '.join(map(str, known))}") or known[:1]

    def mapping(self, field: str) -> dict[str, Any]:
        """A nested table as it is, empty if absent."""
        if not self.has(field):
            return {}
        return self._take(field, lambda value: dict(value) if isinstance(value, dict) else None, "a table") or {}

    def seconds(self, field: str) -> dict[str, float]:
        """A table of numbers of at least 0 by name, empty if absent."""
        numbers: dict[str, float] = {}
        for name, value in self.mapping(field).items():
            if not is_number(value, 0):
                self.fault(field, f"of {shown(name)} is {shown(value)}", "must be a number of at least 0")
                return {}
            numbers[name] = float(value)
        return numbers

    def numbers(self, field: str, names: tuple[str, ...]) -> tuple[float, ...]:
        """The numbers of a table that has exactly these names; all 0 if it is absent."""
        table = self.seconds(field)
        if table and set(table) != set(names):
            self.fault(field, f"has {echoed(', '.join(table))}", f"must have {', '.join(names)}")
            return (0.0,) * len(names)
        return tuple(table.get(name, 0.0) for name in names)

    def finish(self) -> None:
        """Add a fault for each field that nothing has read."""
        self.refuse_unknown(sorted(self._taken))

    def _absent(self, field: str, wanted: str) -> None:
        super()._absent(field, wanted)
        self.fault(field, "is missing", f"add {wanted}")
