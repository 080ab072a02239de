"""The question and the answer in sentences, shared by every page."""

import math
from collections.abc import Iterable
from datetime import date

from melange_cloud.domain import OLD_PRICE_DAYS, Allocation, Kind, KindUse, Plan, RegionPlan, Status
from melange_cloud.domain.engines import engine_title, engines_in
from melange_cloud.domain.purchases import TERM_YEARS
from melange_cloud.domain.question import PlannedTraffic
from melange_cloud.errors import echoed
from melange_cloud.report.text import (
    GLUE,
    clean,
    difference,
    dollars,
    error_range,
    glued,
    joined,
    number,
    once,
    own_errors,
    quantity,
    usd_per_million,
    usd_per_month,
)

OLD_PRICE = f"! price older than {OLD_PRICE_DAYS} days"
PURCHASE = {
    "on_demand": "on demand",
    "spot": "spot",
    "commit_1y": "1-year commitment",
    "commit_3y": "3-year commitment",
}
ROUTER = {
    "plain": "weighted load balancer",
    "prompt": "sends by prompt length",
    "oracle": "sends by prompt and answer length, which none knows",
}
NO_CACHE = "; no prefix cache"
CACHE_EFFECT = "less prompt work, same memory"


def notices(plan: Plan) -> tuple[str, ...]:
    """The plan's notices, each once."""
    return tuple(once(clean(notice) for notice in plan.notices))


def legend(plan: Plan) -> tuple[str, ...]:
    """What the star means."""
    return ("* default",) if plan.defaulted else ()


def star(plan: Plan, field: str) -> str:
    """The mark of a value that the user did not set."""
    return "*" if field in plan.defaulted else ""


def bought(plan: Plan, allocations: Iterable[Allocation]) -> str:
    """How these are bought, for how many hours they are billed, and whether at list price."""
    allocations = tuple(allocations)
    basis = plan.basis
    contracts = once(clean(allocation.contract) for allocation in allocations)
    named = f" ({'; '.join(sorted(contracts))})" if contracts else ""
    text = f"{PURCHASE.get(basis.fleet.purchase, clean(basis.fleet.purchase))}{star(plan, 'purchase')}{named}, billed "
    text += f"{quantity(basis.calculation.hours_per_month)}{GLUE}h/month{star(plan, 'hours_per_month')}"
    if not allocations:
        return text
    discounted = any(
        not math.isclose(allocation.usd_per_instance_hour, allocation.list_usd_per_instance_hour, rel_tol=1e-6)
        for allocation in allocations
    )
    if discounted:
        return f"{text} after your discounts{_of_whom(plan)}"
    own = {allocation.price.origin == "user" for allocation in allocations}
    return (
        f"{text} at {'your own price' if own == {True} else 'list price' if own == {False} else 'list or your price'}"
    )


def _of_whom(plan: Plan) -> str:
    """Whose prices the user's discounts change, where they are not those of every provider in the comparison."""
    changed = {
        region.region_name.provider: any(
            not math.isclose(line.usd_per_instance_hour, line.list_usd_per_instance_hour, rel_tol=1e-6)
            for other in plan.regions
            if other.region_name.provider == region.region_name.provider
            for line in other.allocations
        )
        for region in plan.regions
        if region.allocations
    }
    names = sorted(clean(provider).upper() for provider, discounted in changed.items() if discounted)
    return "" if all(changed.values()) else f" ({joined(names)} only)"


def question(plan: Plan, kinds: Iterable[KindUse]) -> tuple[str, ...]:
    """The model and its profiles, the traffic, the rate and the target, the router, and what else was requested."""
    basis = plan.basis
    served, traffic = basis.served, basis.traffic
    model = f"{clean(served.model)}{star(plan, 'model')} {clean(served.precision)}{star(plan, 'precision')}"
    profiles = profiles_of(served.era, served.engine, star(plan, "era"), star(plan, "engine"))
    trust = profile_trust(kinds)
    title = echoed(traffic.workload_title, 200)
    lines = [
        f"{model}, {profiles}{f': {trust}' if trust else ''}",
        f"{echoed(traffic.workload, 100)}{star(plan, 'workload')}{f' ({title})' if title else ''}: mean "
        f"{quantity(round(traffic.mean_input_tokens))} in / {quantity(round(traffic.mean_output_tokens))} out tokens",
        f"peak {quantity(traffic.peak_requests_per_s)}{GLUE}req/s{star(plan, 'peak_requests_per_s')}"
        f"{of_arrivals(traffic)} + "
        f"{quantity(traffic.headroom * 100)}{GLUE}% headroom{star(plan, 'headroom')} = "
        f"{quantity(traffic.planned_requests_per_s)}{served_part(plan)}"
        f"{_mean_rate(plan)}; {_targets(plan)}",
        f"router {clean(basis.fleet.router)}{star(plan, 'router')}: {ROUTER.get(basis.fleet.router, 'unknown here')}"
        f"{'' if traffic.cached_input else NO_CACHE + star(plan, 'cached_input')}",
        *([cached_input(plan)] if traffic.cached_input else []),
    ]
    asked = restrictions(plan)
    return (*lines, *([asked] if asked else []))


def profiles_of(era: str, engine: str, era_mark: str = "", engine_mark: str = "") -> str:
    """Whose profiles they are: ``profiles of engine era 2025*, vLLM``."""
    return f"profiles of engine {era_and_engine(era, engine, era_mark, engine_mark)}"


def era_and_engine(era: str, engine: str, era_mark: str = "", engine_mark: str = "") -> str:
    """``era 2025, vLLM``; the name of an era of one engine says it already, and what is measured has none."""
    text = f"era {clean(era)}{era_mark}"
    return text if engines_in(era) == (engine,) or not engine else f"{text}, {clean(engine_title(engine))}{engine_mark}"


def cached_input(plan: Plan) -> str:
    """Which part of the input tokens the prefix cache holds, what that changes, and whose log says so."""
    traffic = plan.basis.traffic
    share = f"{of_input(traffic.cached_input)} from the prefix cache{star(plan, 'cached_input')}"
    if not traffic.cached_input_source:
        return f"{share}: {CACHE_EFFECT}"
    where = clean(traffic.cached_input_source)
    return (
        f"{share}, as in {where}: {CACHE_EFFECT}. Your replicas do not share their caches, so that a plain load "
        "balancer may hit them less (--cached-input)"
    )


def of_input(share: float) -> str:
    """A share of the input tokens, to three digits: ``60 % of input tokens``."""
    return f"{quantity(float(f'{100 * share:.3g}'))}{GLUE}% of input tokens"


def _targets(plan: Plan) -> str:
    """Every target that was requested; TTFT is named also where nothing limits it."""
    limits = plan.basis.targets
    free = ["no TTFT target"] if limits.ttft_ms is None and limits.e2e_ms is None else []
    return "; ".join([*targets(plan), *free])


def targets(plan: Plan) -> list[str]:
    """Every target that was requested."""
    limits = plan.basis.targets
    named = (
        ("mean TPOT", limits.tpot_ms, star(plan, "tpot_ms")),
        ("p99 TPOT", limits.p99_tpot_ms, ""),
        ("mean TTFT", limits.ttft_ms, ""),
        ("mean end to end", limits.e2e_ms, ""),
    )
    return [f"{name} <={GLUE}{quantity(ms)}{GLUE}ms{mark}" for name, ms, mark in named if ms is not None]


def of_arrivals(traffic: PlannedTraffic) -> str:
    """Which of the workload's own arrivals the rate is, and when its peak was; empty for a number."""
    if not traffic.rate_source:
        return ""
    began = traffic.peak_window_starts_at
    when = "" if began is None else f", {began:%Y-%m-%d}{GLUE}{began:%H:%M}{GLUE}UTC"
    return f" ({clean(traffic.rate_source)}{when})"


def served_part(plan: Plan) -> str:
    """Which part of the requests is planned for, where that is not all of them."""
    share = plan.basis.traffic.served_requests_share
    return f" for the {number(100 * share, 2)}{GLUE}% of requests that are served" if share < 1 else ""


def _mean_rate(plan: Plan) -> str:
    mean = plan.basis.traffic.mean_requests_per_s
    return "" if mean is None else f"; mean {quantity(mean)}{GLUE}req/s"


def restrictions(plan: Plan) -> str:
    """What narrows the answer; empty if nothing does."""
    basis = plan.basis
    parts = []
    if basis.fleet.gpus is not None:
        parts.append(f"only {joined(clean(gpu) for gpu in basis.fleet.gpus)}")
    if basis.fleet.spare:
        parts.append("the fleet survives losing any one instance")
    if basis.fleet.sold_as == "any":
        parts.append("however it is sold")
    if basis.fleet.min_host_memory_gib is not None:
        parts.append(f"host memory >={GLUE}{quantity(basis.fleet.min_host_memory_gib)}{GLUE}GiB")
    limits = [
        f"{glued(name)}{GLUE}<={GLUE}{limit}{unit}"
        for mapping, unit in (
            (basis.fleet.max_gpus, f"{GLUE}GPUs"),
            (basis.fleet.max_instances, ""),
            (basis.fleet.max_vcpus, f"{GLUE}vCPU"),
        )
        for name, limit in sorted(mapping.items())
    ]
    if limits:
        parts.append(f"quota {', '.join(limits)}")
    return f"asked for: {'; '.join(parts)}" if parts else ""


def merged_kinds(regions: Iterable[RegionPlan]) -> tuple[KindUse, ...]:
    """One KindUse per kind over all regions, that with the largest error."""
    largest: dict[Kind, KindUse] = {}
    for region in regions:
        for use in region.fleet.kinds:
            kind = Kind(use.gpu, use.tensor_parallel)
            if kind not in largest or (use.error_down, use.error) > (largest[kind].error_down, largest[kind].error):
                largest[kind] = use
    return tuple(largest[kind] for kind in sorted(largest))


def profile_trust(kinds: Iterable[KindUse]) -> str:
    """``estimated (grade C), ±30 % on A10G and L4``, one part per origin and grade.

    Kinds that serve nothing (rented as spares) have no profile cells to trust; empty if no kind is left.
    """
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for use in kinds:
        if use.requests_share:
            errors = groups.setdefault((clean(use.origin), clean(use.grade)), {})
            width = error_range(use.error, use.error_down)
            errors.setdefault(width, []).append(glued(Kind(clean(use.gpu), use.tensor_parallel)))
    return "; ".join(
        f"{origin} (grade{GLUE}{grade}), " + ", ".join(f"{error} on {joined(names)}" for error, names in errors.items())
        for (origin, grade), errors in groups.items()
    )


def proof(region: RegionPlan, hours_per_month: float) -> str:
    """Whether the fleet is the cheapest, and by how much it may not be."""
    if region.status is Status.OPTIMAL and region.context.current is None:
        return f"Proven cheapest if speeds are {speeds(region)}."
    if region.status is Status.OPTIMAL:
        return f"Proven if speeds are {speeds(region)}: the least change within what it may cost."
    above = above_cheapest(region)
    if above is None or region.cost.fleet_lower_bound_usd_per_hour is None:
        return "Not proven cheapest: no bound was found."
    bound = dollars(usd_per_month(region.cost.fleet_lower_bound_usd_per_hour * hours_per_month))
    return f"Not proven: at most {above} above the cheapest (bound {bound})."


def speeds(region: RegionPlan) -> str:
    """How the speeds that a fleet rests on are known: ``as estimated``, ``as measured``."""
    origins = {use.origin for use in region.fleet.kinds if use.requests_share}
    return "as measured" if origins == {"measured"} else "as estimated"


def above_cheapest(region: RegionPlan) -> str | None:
    """By how many percent the fleet's cost may exceed the cheapest fleet's, rounded up; None without a bound."""
    cost, bound = region.fleet_usd_per_hour, region.cost.fleet_lower_bound_usd_per_hour
    if cost is None or bound is None or bound <= 0:
        return None
    return f"{math.ceil(max(0.0, cost / bound - 1) * 1000 - 1e-6) / 10:,.1f}{GLUE}%"


def per_million(plan: Plan, region: RegionPlan) -> str:
    """Cost per million tokens with what it was divided by; empty if unknown."""
    if region.cost.usd_per_million_tokens is None:
        return ""
    tokens = f"{quantity(round(region.cost.million_tokens_per_month, 1))}{GLUE}million/month"
    when = (
        f"{while_the_peak_lasts(plan)} ({tokens})"
        if plan.basis.traffic.mean_requests_per_s is None
        else f"at the mean rate ({tokens})"
    )
    return f"${usd_per_million(region.cost.usd_per_million_tokens)} per 1M tokens in+out {when}."


def while_it_is_billed(plan: Plan) -> str:
    """When a month costs what it says: what is signed costs the same with no traffic at all."""
    return "used or not" if plan.basis.fleet.purchase in TERM_YEARS else while_the_peak_lasts(plan)


def while_the_peak_lasts(plan: Plan) -> str:
    """For how long a cost takes the peak to last: the whole month, or the hours of it that are billed by request."""
    if "hours_per_month" in plan.defaulted:
        return "if the peak lasts all month"
    return f"if the peak lasts all {quantity(plan.basis.calculation.hours_per_month)}{GLUE}h billed"


def one_kind(region: RegionPlan, gpu: str, tensor_parallel: int | None) -> str:
    """A kind's name; with its degree also where it is 1 if the fleet itself uses several degrees of that GPU.

    The GPU's own name where the degree is None.
    """
    if tensor_parallel is None:
        return clean(gpu)
    kind = glued(Kind(clean(gpu), tensor_parallel))
    several = sum(use.gpu == gpu for use in region.fleet.kinds) > 1
    return f"{kind}{GLUE}x1" if several and tensor_parallel == 1 else kind


def against_single(region: RegionPlan) -> str:
    """What the mix saves against one GPU kind, set against the profiles' errors; empty if it saves nothing."""
    single = region.best_single
    if single is None or single.saving_fraction is None or single.saving_fraction <= 1e-6 or not region.fleet.kinds:
        return ""
    widest = max(region.fleet.kinds, key=lambda use: max(use.error_down, use.error))
    kind = one_kind(region, single.gpu, single.tensor_parallel)
    text = f"The mix saves {single.saving_fraction * 100:.1f}{GLUE}% against {kind} alone"
    if single.saving_fraction >= max(widest.error_down, widest.error):
        return f"{text}."
    return f"{text}, less than the profiles' {own_errors(widest.error, widest.error_down)}."


def list_price(plan: Plan, region: RegionPlan) -> str:
    """What the fleet would cost without the user's own discounts; empty if there are none."""
    listed = math.fsum(line.list_usd_per_instance_hour * line.instances for line in region.allocations)
    if region.fleet_usd_per_hour is None or math.isclose(listed, region.fleet_usd_per_hour, rel_tol=1e-6):
        return ""
    change = difference(region.fleet_usd_per_hour, listed)
    list_usd_per_month = listed * plan.basis.calculation.hours_per_month
    return f"Your discounts change the list price of ${usd_per_month(list_usd_per_month)} by {change}."


def odd_sales(region: RegionPlan) -> tuple[str, ...]:
    """A sentence for what is in the fleet and cannot simply be bought as requested."""
    odd: dict[str, list[str]] = {}
    for allocation in region.allocations:
        if allocation.sold_as in ("capacity_block", "unknown"):
            odd.setdefault(allocation.sold_as, []).append(glued(allocation.instance_type))
    return tuple(
        f"{joined(once(names))}: "
        + (
            "sold only by Capacity Block."
            if sold_as == "capacity_block"
            else "listed, but availability is unconfirmed."
        )
        for sold_as, names in odd.items()
    )


def no_fleet(region: RegionPlan) -> str:
    """Why there is no fleet: infeasible, or unknown."""
    return nothing_bought(region.status, region.outcome.reason)


def nothing_bought(status: Status, why: str) -> str:
    """Why there is no fleet, from a status and its reason."""
    reason = clean(why)
    if status is Status.INFEASIBLE:
        return f"infeasible: {reason}" if reason else "infeasible"
    return f"{clean(status)}: {reason or 'nothing was found in time'}"


def price_lines(region: RegionPlan) -> tuple[str, ...]:
    """Where the fleet's prices come from and when they were true, one line per source."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for use in region.allocations:
        origin = clean(use.price.age if use.price.origin == "cached" else use.price.origin)
        key = (origin, _dates(use.price.as_of_from, use.price.as_of_to), clean(use.price.source))
        groups.setdefault(key, []).append(glued(use.instance_type))
    alone = len(groups) == 1
    return tuple(
        f"{'' if alone else ', '.join(once(names)) + ': '}{origin}, {dates}: {source}"
        for (origin, dates, source), names in groups.items()
    )


def _dates(first: date, last: date) -> str:
    return f"{last}" if first == last else f"{first} to {last}"


def fetched_words(region: RegionPlan) -> str:
    """``live`` or ``cached 3 h`` if every price of the fleet came from its cloud; empty otherwise."""
    if not all(allocation.price.origin in ("live", "cached") for allocation in region.allocations):
        return ""
    cached = [clean(line.price.age) for line in region.allocations if line.price.origin == "cached"]
    return min(cached, default="live" if region.allocations else "")


def not_included(plan: Plan) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the answer does not cover, as labelled lines."""
    entries = [
        (
            "Capacity",
            (
                "not checked. Not included: disks, load balancer, egress, Kubernetes, support, tax. "
                "Nights are billed like peaks.",
            ),
        )
    ]
    if plan.basis.fleet.purchase == "spot":
        entries.append(("Spot", ("interruptible, price at one moment.",)))
    if plan.basis.fleet.purchase in ("commit_1y", "commit_3y"):
        years = plan.basis.fleet.purchase[-2]
        span = f"{years}{GLUE}year{'' if years == '1' else 's'}"
        entries.append(("Commitment", (f"a 24x7 obligation for {span}, used or not.",)))
    return tuple(entries)
