"""One question -> one Plan: loads, evaluates MaxTput, poses, solves, compares.

The CLI's ``plan`` command and ``import melange_cloud`` both call ``answer``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from melange_cloud import catalog, profiles
from melange_cloud.domain import Kind, MaxTput, Offer, Plan, Region, RegionPlan, Status, Unservable
from melange_cloud.planner import prices as market
from melange_cloud.planner.question import DEFAULT_PURCHASE, Asked, Question, close_matches, purchase_of, resolve
from melange_cloud.planner.region import Evaluated, plan_region
from melange_cloud.planner.solving import Solving

__all__ = ["Question", "answer"]


def answer(
    question: Question,
    *,
    now: datetime | None = None,
    on_region: Callable[[int, int, str], None] | None = None,
    on_fetch: Callable[[str, int, int | None], None] | None = None,
) -> Plan:
    """The cheapest fleet for each region that the question names.

    Args:
        question: what is asked; fields left None take their defaults and are named in ``Plan.defaulted``.
        now: the time that price ages are counted to; None is the clock.
        on_region: called with (regions done, regions in all, name of the next) before each region.
        on_fetch: called with (what is read, units done, units in all or None) while clouds are asked.

    Raises:
        BadInput, BadFile: the question or one of its files cannot be right.
        PricesUnavailable: fresh prices were required and are not to be had.
        SolverFailed: the solver asked for is missing or broken.
    """
    moment = datetime.now(UTC) if now is None else now
    purchase = purchase_of(question)
    installed = market.plug_ins()
    regions = market.known_regions(installed)
    sheet: tuple[Offer, ...] = ()
    if question.prices is not None:
        reference = catalog.load_snapshot(purchase)
        sheet = catalog.read_price_sheet(
            question.prices, accept_odd_prices=question.accept_odd_prices, reference=reference, today=moment.date()
        )
        regions = catalog.with_sheet_regions(regions, sheet)
    # A region that sells GPUs on demand stays in a comparison of another purchase, with "no data" where that is so.
    priced = {
        *catalog.load_snapshot(purchase).priced_regions,
        *catalog.load_snapshot(DEFAULT_PURCHASE).priced_regions,
        *((offer.instance_type.provider, offer.region) for offer in sheet),
    }
    selected = catalog.select_regions(question.regions, question.provider, regions, priced)
    gathered = market.gather(
        selected,
        [purchase],
        trust=question.trust,
        sheet=sheet,
        discounts=question.discounts,
        now=moment,
        progress=on_fetch,
        sources=installed,
    )
    prices = gathered.catalog
    machines = {**catalog.load_instance_types()}
    machines.update({(o.instance_type.provider, o.instance_type.name): o.instance_type for o in prices.offers})
    asked = resolve(question, list(machines.values()))
    offers = {region: prices.offers_in(region.provider, region.name, purchase) for region in selected}
    ages = {catalog.key_of(o): gathered.age_words(o, moment) for group in offers.values() for o in group}
    detailed = len(selected) == 1
    evaluated = _evaluate(asked, offers, detailed=detailed)
    solving = Solving(asked.request.solver, asked.request.time_limit_s)
    plans = []
    for done, region in enumerate(selected):
        if on_region is not None:
            on_region(done, len(selected), region.name)
        excluded = prices.excluded_in(region.provider, region.name, purchase)
        plans.append(plan_region(region, asked, offers[region], ages, excluded, evaluated, solving, detailed=detailed))
    return Plan(
        generated_at=moment,
        notices=(
            *_notices(asked, [offer for region in selected for offer in offers[region]], moment),
            *_unknown_regions(sheet),
            *gathered.notes,
        ),
        defaulted=asked.defaulted,
        request=asked.request,
        regions=tuple(sorted(plans, key=_cheapest_first)),
    )


def exit_code(plan: Plan) -> int:
    """0 where a plan is proven, 6 where one is only found in time, else the highest code that applies."""
    statuses = {region.status for region in plan.regions}
    if Status.OPTIMAL in statuses or (Status.FEASIBLE in statuses and len(plan.regions) > 1):
        return 0
    return max(_region_exit_code(region) for region in plan.regions)


def _region_exit_code(region: RegionPlan) -> int:
    if region.status is Status.UNKNOWN and not region.solver:
        return 5
    return {Status.INFEASIBLE: 3, Status.UNKNOWN: 6, Status.FEASIBLE: 6, Status.OPTIMAL: 0}[region.status]


def _cheapest_first(region: RegionPlan) -> tuple[bool, float, str, str]:
    no_fleet = region.usd_per_hour is None
    # Costs that differ only by floating-point noise are one cost; the names decide between them.
    return no_fleet, round(region.usd_per_hour or 0.0, 6), region.provider, region.region


def _evaluate(asked: Asked, offers: Mapping[Region, Sequence[Offer]], *, detailed: bool) -> Evaluated:
    """MaxTput of every bucket on every kind whose GPU has a price in one of the regions."""
    request = asked.request
    gpus = sorted({offer.instance_type.gpu for group in offers.values() for offer in group})
    by_kind, no_profile = profiles.load_profiles(request.model, request.precision, request.era, gpus)

    def table(tpot_ms: float) -> dict[tuple[str, Kind], MaxTput | Unservable]:
        return {
            (bucket.name, kind): profile.max_tput(
                bucket.mean_input_tokens, bucket.mean_output_tokens, tpot_ms, bucket.longest_total_tokens
            )
            for kind, profile in sorted(by_kind.items())
            for bucket in asked.workload.buckets
        }

    return Evaluated(
        max_tput=table(request.tpot_ms),
        max_tput_at_half_tpot=table(request.tpot_ms / 2) if detailed else {},
        no_profile={str(key): reason for key, reason in no_profile.items()},
    )


def _notices(asked: Asked, offers: Sequence[Offer], now: datetime) -> tuple[str, ...]:
    notices = []
    unset = {"workload": "--workload", "peak_requests_per_s": "--rate", "tpot_ms": "--tpot-ms"}
    if {"workload", "peak_requests_per_s"} & set(asked.defaulted):
        options = " ".join(option for name, option in unset.items() if name in asked.defaulted)
        notices.append(f"EXAMPLE TRAFFIC, NOT YOURS - set {options}   (* = default)")
    snapshot = [offer for offer in offers if offer.origin == "snapshot"]
    if snapshot:
        notices.append(f"SNAPSHOT PRICES, NOT LIVE - {_snapshot_age(snapshot, now)}")
    notices.extend(f"{asked.request.workload}: {note}" for note in asked.notes)
    return tuple(notices)


def _unknown_regions(sheet: Sequence[Offer]) -> list[str]:
    """A region that nobody knows is a new one or a slip, and a slip means that a shipped price was used."""
    known = {(region.provider, region.name) for region in catalog.load_regions()}
    names = sorted({(o.instance_type.provider, o.region) for o in sheet} - known)
    return [
        f"the price sheet names a region that we do not know, {provider} {name}: "
        f"{close_matches(name, [region for of, region in known if of == provider])}"
        for provider, name in names
    ]


def _snapshot_age(offers: Sequence[Offer], now: datetime) -> str:
    parts = []
    for provider in sorted({offer.instance_type.provider for offer in offers}):
        dates = [offer.as_of_to for offer in offers if offer.instance_type.provider == provider]
        oldest, newest = min(dates), max(dates)
        span = f"of {newest}" if oldest == newest else f"of {oldest} to {newest}"
        days = sorted({(now.date() - newest).days, (now.date() - oldest).days})
        age = f"{days[0]} days old" if len(days) == 1 else f"{days[0]} to {days[1]} days old"
        parts.append(f"{provider.upper()} list {span}, {age}")
    return "; ".join(parts)
