"""The pages that are kept as a terminal shows them: plans at two widths, prices at the narrower one."""

from collections.abc import Iterator
from pathlib import Path

from melange_cloud.report.page import written
from tests.report import forms, plans, price_pages, profile_pages

FOLDER = Path(__file__).parent / "golden"
NAMES = ("one-region", "several-regions", "seventy-b", "infeasible", "commitment")
PRICES = ("prices-list", "prices-diff", "prices-doctor", "prices-refresh", "prices-renew")
FIRST_SCREENS = ("one-region", "one-machine", "infeasible", "seventy-b")
WIDTHS = (80, 120)
PROFILE_WIDTHS = (60, 80)


def file(name: str, width: int) -> Path:
    return FOLDER / f"{name}-{width}.txt"


def screen_file(name: str) -> Path:
    return FOLDER / f"first-screen-{name}-80.txt"


def kept() -> Iterator[tuple[Path, str]]:
    """Each page, as it is now."""
    pages = plans.pages()
    for name in NAMES:
        for width in WIDTHS:
            yield file(name, width), forms.table(pages[name], width=width, colour=False)
    for name in FIRST_SCREENS:
        yield screen_file(name), forms.screen(pages[name])
    of_prices = price_pages.pages()
    for name in PRICES:
        yield file(name, 80), written(of_prices[name], "table", width=80)
    for name, page in profile_pages.pages().items():
        for width in PROFILE_WIDTHS:
            yield file(name, width), written(page, "table", width=width)
