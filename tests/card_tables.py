"""The tables of profiles/README.md that hold figures of the report card.

A table after `<!-- card: NAME -->` is made from profiles/report_card.csv; ``python -m tests.accept card`` renews it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from melange_cloud.domain.report_card import ALL, POOL, CardRow
from tests.calibration.stored import load_card

ROOT = Path(__file__).resolve().parent.parent
PLACES = (ROOT / "profiles" / "README.md",)
TABLE = re.compile(r"<!-- card: (?P<name>[a-z ]+) -->\n(?P<table>(?:\|[^\n]*\n)*)")
LEFT_OUT = {
    "never_fitted": "never fitted",
    "shape": "shape left out",
    "model": "model left out",
    "source": "engine run left out",
}


def with_tables(text: str) -> str:
    """A page with its tables as the stored card has them."""
    return TABLE.sub(lambda found: f"<!-- card: {found['name']} -->\n{table(found['name'])}", text)


def table(name: str) -> str:
    """One of TABLES in Markdown, lines ended."""
    head, *rows = TABLES[name]()
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def kept() -> Iterator[tuple[Path, str]]:
    """The pages, as they are now."""
    for place in PLACES:
        yield place, with_tables(place.read_text(encoding="utf-8"))


def _shown() -> list[str]:
    """The ways to leave rows out that the card has."""
    there = {row.left_out for row in load_card()}
    return [left_out for left_out in LEFT_OUT if left_out in there]


def _table(
    head: str, rows: Sequence[CardRow], name: Callable[[CardRow], str], cell: Callable[[CardRow], str]
) -> Iterator[list[str]]:
    """Rows by name, ways to leave rows out as columns."""
    yield [head, *(LEFT_OUT[left_out] for left_out in _shown())]
    for of in dict.fromkeys(map(name, rows)):
        cells = {row.left_out: cell(row) for row in rows if name(row) == of}
        yield [of, *(cells.get(left_out, "-") for left_out in _shown())]


def _grades() -> Iterator[list[str]]:
    rows = [row for row in load_card() if row.grade != ALL]
    rows.sort(key=lambda row: (POOL in row.grade, row.grade))
    yield from _table("grade", rows, _grade, _within)


def _grade(row: CardRow) -> str:
    """Many that are counted together need no list."""
    return "all together" if row.grade.count(POOL) > 1 else row.grade.replace(POOL, " and ")


def _within(row: CardRow) -> str:
    if row.within_from is None or row.within_to is None:
        return f"{_percent(row.within_stated)} of {row.n}"
    return f"{_percent(row.within_stated)} of {row.n} ({100 * row.within_from:.0f}-{100 * row.within_to:.0f})"


def _parts() -> Iterator[list[str]]:
    rows = [row for row in load_card() if row.grade == ALL and row.gpu == ALL]
    head, *lines = _table("era 2025", rows, _part, _errors)
    named = {_part(row): _with_engine(row) for row in rows if row.left_out == "shape"}
    yield [*head, "shape left out, `--engine`"]
    for line in lines:
        yield [*line, named.get(line[0], "-")]


def _part(row: CardRow) -> str:
    if row.engine != ALL:
        return row.engine
    if row.tensor_parallel == ALL:
        return "all rates"
    return f"{row.tensor_parallel.replace('-', ' to ')} GPU{'' if row.tensor_parallel == '1' else 's'}"


def _errors(row: CardRow) -> str:
    median, p90 = row.shipped_median_error, row.shipped_p90_error
    if median is None or p90 is None:
        median, p90 = row.median_error, row.p90_error
    return f"{_percent(median, 1)} / {_percent(p90)}, {row.n}"


def _with_engine(row: CardRow) -> str:
    median, p90 = row.with_engine_median_error, row.with_engine_p90_error
    return "-" if median is None else f"{_percent(median, 1)} / {_percent(p90)}"


def _by_gpu() -> Iterator[list[str]]:
    rows = [row for row in load_card() if row.gpu != ALL]
    yield from _table(
        "GPU, era, precision: quantity",
        rows,
        lambda row: f"{row.gpu}, {row.era}, {row.precision}: {row.quantity.replace('_', ' ')}",
        _errors,
    )


def _percent(fraction: float | None, decimals: int = 0) -> str:
    return "-" if fraction is None else f"{100 * fraction:.{decimals}f} %"


TABLES: dict[str, Callable[[], Iterator[list[str]]]] = {"grades": _grades, "parts": _parts, "gpus": _by_gpu}
