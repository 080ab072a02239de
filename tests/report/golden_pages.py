"""The pages that are kept as a terminal shows them, at two widths."""

from collections.abc import Iterator
from pathlib import Path

from melange_cloud import report
from tests.report import plans

FOLDER = Path(__file__).parent / "golden"
NAMES = ("one-region", "several-regions", "seventy-b", "infeasible", "commitment")
WIDTHS = (80, 120)


def file(name: str, width: int) -> Path:
    return FOLDER / f"{name}-{width}.txt"


def kept() -> Iterator[tuple[Path, str]]:
    """Each page, as it is now."""
    pages = plans.pages()
    for name in NAMES:
        for width in WIDTHS:
            yield file(name, width), report.table(pages[name], width=width, colour=False)
