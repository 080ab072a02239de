"""The page of ``gpus``: where each GPU is for rent, at which price, whether it can be had, and which models fit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from melange_cloud.domain import GPUS, Availability
from melange_cloud.domain.gpu_list import GpuList, GpuPrice, KnownGpu, MissingGpuPrice, ModelFit
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, TitledSheet
from melange_cloud.report.json_ import values_of
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, UNKNOWN, clean, glued, joined, number

COLUMNS = (
    "gpu",
    "memory_gib",
    "provider",
    "region",
    "place",
    "purchase",
    "usd_per_gpu_hour",
    "instance_type",
    "gpu_count",
    "vcpus",
    "host_memory_gib",
    "usd_per_hour_each",
    "availability",
    "quota",
    "contract",
    "gpu_counts",
    "price_origin",
    "price_age",
    "price_source",
    "price_as_of_from",
    "price_as_of_to",
)
"""One row per GPU, region and purchase with a price."""

AVAILABILITY_WORDS: Mapping[Availability, str] = {
    Availability.NOT_CHECKED: "not checked",
    Availability.OFTEN_UNAVAILABLE: "often unavailable",
    Availability.UNCONFIRMED: "unconfirmed",
    Availability.CAPACITY_BLOCK: "Capacity Block only",
    Availability.INTERRUPTIBLE: "interruptible",
}
AVAILABILITY_MARKS: Mapping[Availability, tuple[str, str]] = {
    Availability.OFTEN_UNAVAILABLE: (
        "!",
        "! often unavailable on demand: confirm quota and capacity first",
    ),
    Availability.UNCONFIRMED: ("?", "? a price is listed, but on-demand availability is unconfirmed"),
    Availability.CAPACITY_BLOCK: ("?", "? sold by Capacity Block only"),
}
"""What stands after a price that may not be had, and the line that explains it."""

_PURCHASE_TITLES = {"on_demand": "On demand", "spot": "Spot", "commit_1y": "1 year", "commit_3y": "3 years"}
_REASONS_SHOWN = 8
NOTHING = "no price matches: loosen --region, --gpu, --provider or --purchase"


def gpus_page(shown: GpuList, *, all_rows: bool = False) -> Page:
    """The GPUs.

    Args:
        all_rows: every region, where none was asked for by name, instead of the cheapest of each cloud.
    """
    memory_gib = {gpu.gpu: gpu.memory_gib for gpu in shown.gpus}

    def blocks(wide: bool) -> Iterator[Block]:
        if shown.notices:
            yield Notices(shown.notices)
        yield from _prices(shown, wide, every=all_rows or shown.regions_named)
        yield _facts(shown.gpus)
        yield from _fits(shown)

    def row(price: GpuPrice) -> list[object]:
        cells = values_of(price)
        cells |= {"memory_gib": memory_gib[price.gpu], "gpu_counts": " ".join(map(str, price.gpu_counts))}
        return [cells[column] for column in COLUMNS]

    return Page(blocks, values_of(shown), COLUMNS, [row(price) for price in shown.prices])


_Place = tuple[str, str, str]


def _prices(shown: GpuList, wide: bool, *, every: bool) -> Iterator[Block]:
    """One row per GPU and region; or per GPU and cloud, that of its cheapest region."""
    by_place: dict[_Place, dict[str, GpuPrice]] = {}
    for price in shown.prices:
        by_place.setdefault((price.gpu, price.provider, price.region), {})[price.purchase] = price
    if not by_place:
        yield Paragraph((NOTHING if not shown.no_price else "No price for what was asked.",))
        yield from _missing(shown.no_price)
        return
    places = list(by_place)
    if not every:
        first = {(gpu, provider): (gpu, provider, region) for gpu, provider, region in reversed(places)}
        places = [place for place in places if first[place[:2]] == place]
    counts = {place[:2]: sum(other[:2] == place[:2] for other in by_place) for place in places}
    places.sort(key=lambda place: GPUS.index(place[0]))
    shown_prices = [price for place in places for price in by_place[place].values()]
    firsts = [next(iter(by_place[place].values())) for place in places]
    marked = any(price.availability in AVAILABILITY_MARKS for price in shown_prices)
    columns: list[tuple[Column, list[str]]] = [
        (Column("GPU"), [place[0] for place in places]),
        (Column("Region"), [clean(f"{provider} {region}").replace(" ", GLUE) for _, provider, region in places]),
    ]
    if not every:
        of = "of: regions of that cloud with a price; --all-rows or --region NAME lists them"
        columns.append((Column("of", right=True, drop=3, legend=of), [number(counts[place[:2]]) for place in places]))
    columns.append((Column("Instance", drop=1), [clean(price.instance_type) for price in firsts]))
    rented = "GPUs: of that instance, rented together"
    columns.append((Column("GPUs", right=True, drop=2, legend=rented), [number(price.gpu_count) for price in firsts]))
    if wide:
        cells = [" ".join(map(str, price.gpu_counts)) for price in firsts]
        columns.append((Column("Sizes", drop=4, legend="Sizes: GPUs of the instances that are for rent there"), cells))
    for purchase in shown.purchases:
        cells = [_cell(by_place[place].get(purchase)) for place in places]
        columns.append((Column(_PURCHASE_TITLES.get(purchase, purchase), right=True), cells))
    if wide:
        columns.append((Column("Getting it", drop=5), [AVAILABILITY_WORDS[price.availability] for price in firsts]))
        columns.append((Column("Price", drop=6), [clean(price.price.age) for price in firsts]))
    notes = [AVAILABILITY_MARKS[price.availability][1] for price in shown_prices if marked and _has_mark(price)]
    notes += _notes(shown, shown_prices)
    sheet = Sheet(
        tuple(column for column, _ in columns),
        tuple(zip(*(cells for _, cells in columns), strict=True)),
        notes=tuple(dict.fromkeys(notes)),
    )
    where = "each region" if every else "each cloud's cheapest region"
    yield TitledSheet(f"USD per GPU and hour: the cheapest instance of {where}", sheet)
    if every and shown.regions_named:
        yield from _missing(shown.no_price)


def _has_mark(price: GpuPrice) -> bool:
    return price.availability in AVAILABILITY_MARKS


def _cell(price: GpuPrice | None) -> str:
    if price is None:
        return UNKNOWN
    mark = AVAILABILITY_MARKS[price.availability][0] if _has_mark(price) else ""
    return f"{price.usd_per_gpu_hour:.4f}{mark}"


def _notes(shown: GpuList, prices: Sequence[GpuPrice]) -> Iterator[str]:
    days = sorted({str(price.price.as_of_to) for price in prices})
    origins = joined(sorted({price.price.origin for price in prices}))
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    contracts = sorted({price.contract for price in prices if price.contract})
    if contracts:
        yield f"Commitments, paid every hour of the term: {'; '.join(map(glued, contracts))}."
    if any(price.purchase == "spot" for price in prices):
        yield "Spot: interruptible, price at one moment."
    yield f"{UNKNOWN}: no data. Prices: {origins}, as of {span}; capacity and quota are not checked."
    if shown.host_memory_floor_gib:
        floor = number(shown.host_memory_floor_gib, 1)
        yield f"Only instances with the GPUs that a replica needs and host memory >= {floor} GiB (weights + 8)."


def _missing(missing: Iterable[MissingGpuPrice]) -> Iterator[Block]:
    by_reason: dict[str, list[MissingGpuPrice]] = {}
    for item in missing:
        by_reason.setdefault(item.reason, []).append(item)
    lines = []
    for reason, items in by_reason.items():
        by_gpu = groupby(sorted(items, key=lambda item: GPUS.index(item.gpu)), key=lambda item: item.gpu)
        words = "; ".join(f"{gpu}: {_places(list(those))}" for gpu, those in by_gpu)
        lines.append(f"{words} ({clean(reason)})")
    if lines:
        yield LabelledLines((("No price", tuple(lines)),))


def _places(items: Sequence[MissingGpuPrice]) -> str:
    names = [f"{clean(item.provider)}{GLUE}{clean(item.region)}" for item in items]
    more = f" and {len(names) - _REASONS_SHOWN} more" if len(names) > _REASONS_SHOWN else ""
    return f"{', '.join(names[:_REASONS_SHOWN])}{more}"


def _facts(gpus: Sequence[KnownGpu]) -> TitledSheet:
    rows = tuple(
        (
            gpu.gpu,
            number(gpu.memory_gib),
            number(gpu.bandwidth_gb_per_s),
            "yes" if gpu.fp8 else "no",
            "; ".join(
                f"{clean(provider)} {_families(types)}" for provider, types in sorted(gpu.instance_types.items())
            ),
        )
        for gpu in gpus
    )
    columns = (
        Column("GPU"),
        Column("Memory, GiB", right=True),
        Column("GB/s", right=True, drop=1),
        Column("fp8"),
        Column("Instance types (GPUs in one)", least=20, hang=2),
    )
    return TitledSheet("The GPUs and the instances that have them", Sheet(columns, rows))


def _families(types: Mapping[str, int]) -> str:
    """``g6 (1 4 8), gr6 (1)``: the names without their sizes."""
    families: dict[str, set[int]] = {}
    for name, count in types.items():
        family = name.partition(".")[0] if "." in name else name.rpartition("-")[0]
        families.setdefault(family, set()).add(count)
    return ", ".join(
        f"{clean(family)}{GLUE}({GLUE.join(map(str, sorted(counts)))})" for family, counts in sorted(families.items())
    )


def _fits(shown: GpuList) -> Iterator[Block]:
    """The fewest GPUs of each model's replica; and why there is none, where one model was asked for."""
    models = [(fit.model, fit.precision) for fit in shown.gpus[0].models]
    fits = {(fit.model, fit.precision, gpu.gpu): fit for gpu in shown.gpus for fit in gpu.models}
    rows = tuple(
        (f"{clean(model)} {clean(precision)}", *(_fewest(fits[model, precision, gpu.gpu]) for gpu in shown.gpus))
        for model, precision in models
    )
    columns = (Column("Model"), *(Column(gpu.gpu, right=True) for gpu in shown.gpus))
    title = f"Fewest GPUs of one instance that a replica needs (profiles of engine era {clean(shown.era)})"
    notes: list[str] = []
    lacking = [(gpu, fit) for gpu in shown.gpus for fit in gpu.models if not fit.tensor_parallel]
    if lacking and shown.model is None:
        notes = [f"{UNKNOWN}: no profile (--model NAME says why). Your own model: --config config.json."]
    elif shown.model is None:
        notes = ["Your own model: --config config.json."]
    yield TitledSheet(title, Sheet(columns, rows, notes=tuple(notes)))
    if lacking and shown.model is not None:
        yield LabelledLines((("No profile", tuple(_why(gpu, fit, shown) for gpu, fit in lacking)),))


def _fewest(fit: ModelFit) -> str:
    return str(min(fit.tensor_parallel)) if fit.tensor_parallel else UNKNOWN


def _why(gpu: KnownGpu, fit: ModelFit, shown: GpuList) -> str:
    """Why a GPU has no profile of the only model, with the way on."""
    if fit.precision == "fp8" and not gpu.fp8:
        return f"{gpu.gpu} does not support fp8; use --precision bf16"
    said = f"{gpu.gpu}: {clean(fit.reason)}"
    if shown.model_source == "own":
        cure = f"profiles estimate --config config.json --model {clean(fit.model)} --gpu {gpu.gpu} --save"
        return f"{said}; to add it: melange-cloud {cure}"
    return said


__all__ = ["AVAILABILITY_MARKS", "AVAILABILITY_WORDS", "COLUMNS", "gpus_page"]
