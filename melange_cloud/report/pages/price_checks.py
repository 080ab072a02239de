"""The pages of ``prices doctor`` and ``prices refresh``: what is in the way of fresh prices, and what was read."""

from collections.abc import Iterator, Sequence

from melange_cloud.domain import CloudRefresh, DoctorCheck
from melange_cloud.report.blocks import Block, LabelledLines, Paragraph
from melange_cloud.report.page import Page
from melange_cloud.report.text import clean, number

CHECK_COLUMNS = ("about", "what", "status", "found", "cure")
REFRESH_COLUMNS = ("provider", "regions", "purchase", "prices", "seconds")


def checks(made: Sequence[DoctorCheck]) -> Page:
    """Every check with its status, what was found and, where something is wrong, the cure."""
    records = [{column: getattr(check, column) for column in CHECK_COLUMNS} for check in made]
    return Page(
        blocks=lambda _: (LabelledLines(tuple((check.status, tuple(_lines(check))) for check in made)),),
        document={"checks": records},
        columns=CHECK_COLUMNS,
        rows=[list(record.values()) for record in records],
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

    def blocks(_: bool) -> Iterator[Block]:
        yield Paragraph(tuple(_sentence(cloud) for cloud in clouds))

    return Page(
        blocks=blocks,
        document={"notices": notices, "clouds": clouds},
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
