"""The page of ``regions``: the regions of each cloud, where they are, and what each GPU costs there on demand."""

from collections.abc import Iterator
from itertools import groupby

from melange_cloud.domain import GPUS
from melange_cloud.domain.region_list import ListedRegion, RegionGpu, RegionOverview
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, TitledSheet
from melange_cloud.report.json_ import values_of
from melange_cloud.report.page import Page
from melange_cloud.report.pages.gpu_list import AVAILABILITY_MARKS
from melange_cloud.report.text import GLUE, UNKNOWN, clean, glued, number

COLUMNS = (
    "provider",
    "region",
    "place",
    "government",
    "gpu",
    "usd_per_gpu_hour",
    "availability",
    "as_of_from",
    "as_of_to",
    "price_origins",
)
"""One row per region and GPU with an on-demand price; one with no GPU for a region without any."""

_GOVERNMENT = "G: AWS GovCloud, used only when named"


def region_list_page(shown: RegionOverview) -> Page:
    """The regions."""

    def blocks(wide: bool) -> Iterator[Block]:
        if shown.notices:
            yield Notices(shown.notices)
        for provider, regions in groupby(shown.regions, key=lambda region: region.provider):
            yield from _of_cloud(provider, list(regions), wide)
        yield Paragraph(tuple(_legend(shown)))

    return Page(blocks, values_of(shown), COLUMNS, [row for region in shown.regions for row in _rows(region)])


def _rows(region: ListedRegion) -> Iterator[list[object]]:
    for held in region.gpus or (None,):
        cells = values_of(region) | ({} if held is None else values_of(held))
        cells["price_origins"] = " ".join(region.price_origins)
        yield [cells.get(column) for column in COLUMNS]


def _of_cloud(provider: str, regions: list[ListedRegion], wide: bool) -> Iterator[Block]:
    """A cloud's regions with a price, one a row, and the names of the others."""
    priced = [region for region in regions if region.gpus]
    if priced:
        yield TitledSheet(
            f"{clean(provider)}: on demand, USD per GPU and hour of the cheapest instance", _sheet(priced, wide)
        )
    others = [f"{clean(region.region)}{GLUE}({glued(_city(region.place))})" for region in regions if not region.gpus]
    if others:
        yield LabelledLines(((f"No price, {clean(provider)}", (", ".join(others),)),))


def _sheet(regions: list[ListedRegion], wide: bool) -> Sheet:
    held = [{gpu.gpu: gpu for gpu in region.gpus} for region in regions]
    gpus = [gpu for gpu in GPUS if any(gpu in some for some in held)]
    days = sorted({str(region.as_of_to) for region in regions})
    span = f"prices as of {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
    columns: list[tuple[Column, list[str]]] = [
        (Column("Region"), [f"{clean(region.region)}{f'{GLUE}G' if region.government else ''}" for region in regions]),
        (
            Column("Where", least=12, hang=1),
            [clean(region.place if wide else _city(region.place)) for region in regions],
        ),
    ]
    columns += [(Column(gpu, right=True), [_cell(some.get(gpu)) for some in held]) for gpu in gpus]
    columns.append((Column("Prices of", drop=1, instead=span), [str(region.as_of_to) for region in regions]))
    return Sheet(
        tuple(column for column, _ in columns), tuple(zip(*(cells for _, cells in columns), strict=True)), keys=1
    )


def _city(place: str) -> str:
    """What AWS has in brackets: ``US East (N. Virginia)``; ``Canada (Central)`` keeps its country."""
    inside = place.partition("(")[2].removesuffix(")")
    return place if inside in ("", "Central") else inside


def _legend(shown: RegionOverview) -> Iterator[str]:
    priced = sum(bool(region.gpus) for region in shown.regions)
    yield f"{number(priced)} of {number(len(shown.regions))} regions have a price; {UNKNOWN}: no data"
    yield from sorted(
        {AVAILABILITY_MARKS[gpu.availability][1] for region in shown.regions for gpu in region.gpus if _has_mark(gpu)}
    )
    if any(region.government for region in shown.regions):
        yield _GOVERNMENT


def _has_mark(gpu: RegionGpu) -> bool:
    return gpu.availability in AVAILABILITY_MARKS


def _cell(held: RegionGpu | None) -> str:
    if held is None:
        return UNKNOWN
    mark = AVAILABILITY_MARKS[held.availability][0] if _has_mark(held) else ""
    return f"{held.usd_per_gpu_hour:.2f}{mark}"
