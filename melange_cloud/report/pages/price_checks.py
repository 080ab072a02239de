"""The pages of ``prices doctor`` and ``prices refresh``: what is in the way of fresh prices, and what was read."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

from melange_cloud.domain import CloudRefresh, DoctorCheck
from melange_cloud.report.blocks import Block, LabelledLines, Paragraph
from melange_cloud.report.page import Page
from melange_cloud.report.text import clean, number

CHECK_COLUMNS = ("about", "what", "status", "found", "cure")
REFRESH_COLUMNS = ("provider", "regions", "purchase", "prices", "seconds")


class DoctorReport(TypedDict):
    """What is in the way of fresh prices.

    Attributes:
        checks: everything that was looked at.
    """

    checks: list[DoctorCheck]


class PriceRefresh(TypedDict):
    """What the clouds answered to a refresh of the cache.

    Attributes:
        clouds: one entry for each cloud that answered.
    """

    notices: list[str]
    clouds: list[CloudRefresh]


def checks(made: Sequence[DoctorCheck]) -> Page:
    """Every check with its status, what was found and, where something is wrong, the cure."""
    document: DoctorReport = {"checks": list(made)}
    return Page(
        blocks=lambda _: (LabelledLines(tuple((check.status, tuple(_lines(check))) for check in made)),),
        document=document,
        columns=CHECK_COLUMNS,
        rows=[[getattr(check, column) for column in CHECK_COLUMNS] for check in made],
    )


def _lines(check: DoctorCheck) -> Iterator[str]:
    yield clean(f"{check.about} {check.what}: {check.found}")
    if check.cure:
        yield f"-> {clean(check.cure)}"


def refreshed(clouds: Sequence[CloudRefresh], notices: Sequence[str]) -> Page:
    """How many prices each cloud answered, of how many regions, and how long it took.

    Args:
        notices: for the JSON, which has no stderr next to it.
    """
    document: PriceRefresh = {"notices": list(notices), "clouds": list(clouds)}

    def blocks(_: bool) -> Iterator[Block]:
        yield Paragraph(tuple(_sentence(cloud) for cloud in clouds))

    return Page(
        blocks=blocks,
        document=document,
        columns=REFRESH_COLUMNS,
        rows=[
            (cloud.provider, cloud.regions, purchase, count, cloud.seconds)
            for cloud in clouds
            for purchase, count in cloud.prices.items()
        ],
    )


def _sentence(cloud: CloudRefresh) -> str:
    total = sum(cloud.prices.values())
    places = "1 region" if cloud.regions == 1 else f"{number(cloud.regions)} regions"
    found = "1 price" if total == 1 else f"{number(total)} prices"
    each = ", ".join(f"{number(count)} {clean(purchase)}" for purchase, count in cloud.prices.items())
    return f"{clean(cloud.provider)}: {found} of {places} in {cloud.seconds:.1f} s ({each})"
