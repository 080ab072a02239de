"""The cheapest fleet for each region that one question names, ranked, with all that an answer rests on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from melange_cloud.domain import GPUS, Kind, MissingProfile, Offer, Plan, RegionName, RegionPlan, Status
from melange_cloud.domain.question import FIGURE_LIMIT_S
from melange_cloud.errors import BadInput
from melange_cloud.market.markets import Market, open_markets, snapshot_notice
from melange_cloud.planner.coverage import coverage, kinds_in_question, traffic_of, unreached_notice, without
from melange_cloud.planner.floor_notice import floor_notice, floors_in_plans
from melange_cloud.planner.max_tput_table import ProfileEvaluation, evaluate, front_end_notice
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.purchases import compare_purchases, compared
from melange_cloud.planner.question import Question, purchase_of
from melange_cloud.planner.ranking.rank_regions import compared_with_base, rank, ranked
from melange_cloud.planner.region.plan_region import plan_region
from melange_cloud.planner.region_question import region_question
from melange_cloud.planner.resolve import ResolvedQuestion, refuse_impossible, resolve
from melange_cloud.planner.user_measurements import imports_in
from melange_cloud.profiles import import_notices
from melange_cloud.profiles.front_end import note_of
from melange_cloud.workload import list_workloads


def answer(
    question: Question,
    *,
    now: datetime | None = None,
    on_region: Callable[[int, int, str], None] | None = None,
    on_fetch: Callable[[str, int, int | None], None] | None = None,
) -> Plan:
    """The cheapest fleet for each region that the question names.

    Args:
        question: what to answer; fields left None take their defaults and are named in ``Plan.defaulted``.
        now: the time that price ages are counted to; None is the clock.
        on_region: called with (regions done, regions in all, name of the next) before each region.
        on_fetch: called with (what is read, units done, units in all or None) while prices are fetched.

    Raises:
        BadInput, BadFile: the question or one of its files cannot be right.
        PricesUnavailable: fresh prices were required and are not to be had.
        SolverFailed: the requested solver is missing or broken.
    """
    moment = datetime.now(UTC) if now is None else now
    refuse_impossible(question)
    purchase = purchase_of(question)
    ways = compared(purchase, spot=question.detail.compare_spot) if question.detail.compares_purchases else ()
    bought = dict.fromkeys([purchase, *ways])
    markets = open_markets(question.of_prices, tuple(bought), moment, on_fetch)
    market = markets[purchase]
    if question.detail.current is not None and len(market.regions) > 1:
        raise BadInput(f"--current is the fleet of one region, and --region names {len(market.regions)}")
    asked = resolve(question, market.machines)
    detailed = len(market.regions) == 1
    every_offer = [offer for other in markets.values() for offer in other.every_offer]
    evaluated = evaluate(asked.basis, asked.workload.buckets, every_offer)
    traffic = traffic_of(asked, market.every_offer, evaluated.max_tput, drop=question.traffic.drop_unservable)
    if traffic.dropped:
        asked = without(asked, traffic.outside)
    solving = ProblemSolver(asked.basis.calculation.solver, asked.basis.calculation.time_limit_s, FIGURE_LIMIT_S)
    plans = []
    may_enter: set[Kind] = set()
    for done, region in enumerate(market.regions):
        if on_region is not None:
            on_region(done, len(market.regions), region.name)
        plan = plan_region(region_question(region, asked, market, evaluated, solving), detailed=detailed)
        kinds = kinds_in_question(market.offers[region], evaluated.max_tput, asked)
        may_enter |= kinds
        covered = coverage(plan, traffic, kinds, evaluated.max_tput, evaluated.profiles)
        purchases = compare_purchases(region, asked, markets, evaluated, solving) if ways else None
        plans.append(replace(plan, coverage=covered, purchases=purchases))
    orders = rank(plans, asked, market, evaluated, solving)
    plans = [replace(plan, difference=orders.from_cheapest.get(plan.region_name)) for plan in plans]
    in_fleet = {Kind(use.gpu, use.tensor_parallel) for plan in plans for use in plan.fleet.kinds}
    imports = imports_in(evaluated, may_enter, [asked.basis.targets.slo], in_fleet)
    unranked = Plan(
        generated_at=moment,
        notices=(
            *notices_of(asked, market, every_offer),
            *unreached_notice(traffic),
            *model_notices(asked, evaluated),
            *market.notes,
            *import_notices(imports, asked.basis.served.engine),
            *profile_notes(evaluated),
            *floor_notice(floors_in_plans(plans), able_alone(plans), asked.basis.targets.slo),
            *(() if detailed else front_end_notice(_front_end_shares(plans), asked.basis.served.api_servers)),
        ),
        defaulted=asked.defaulted,
        basis=asked.basis,
        regions=tuple(sorted(plans, key=_cheapest_first)),
        imports=imports,
        no_profile=tuple(missing for missing in evaluated.missing if _is_requested(missing, asked)),
        named=tuple(RegionName(region.provider, region.name) for region in market.named),
        against=None if market.base is None else RegionName(market.base.provider, market.base.name),
        minor_notices=(*_minor_notices(asked), *market.minor_notes),
    )
    return compared_with_base(ranked(unranked), orders.from_base)


def _is_requested(missing: MissingProfile, asked: ResolvedQuestion) -> bool:
    """Whether it may be used by ``--gpu``."""
    return asked.may_use is None or any(
        kind.gpu == missing.gpu and missing.tensor_parallel in (None, kind.tensor_parallel) for kind in asked.may_use
    )


def able_alone(plans: Sequence[RegionPlan]) -> set[str]:
    """The GPUs that can serve everything alone in some region."""
    alone = (single for plan in plans for single in plan.context.single_gpu)
    return {single.gpu for single in alone if single.fleet_usd_per_hour is not None}


def _front_end_shares(plans: Sequence[RegionPlan]) -> list[tuple[str, float]]:
    return [(use.gpu, use.front_end_load_share) for plan in plans for use in plan.fleet.kinds]


def exit_code(plan: Plan) -> int:
    """0 if a plan is proven, 6 where one is only found in time, else the highest code that applies."""
    statuses = {region.status for region in plan.regions}
    if Status.OPTIMAL in statuses or (Status.FEASIBLE in statuses and len(plan.regions) > 1):
        return 0
    return max(_region_exit_code(region) for region in plan.regions)


def _region_exit_code(region: RegionPlan) -> int:
    if region.status is Status.UNKNOWN and not region.outcome.solver:
        return 5
    return {Status.INFEASIBLE: 3, Status.UNKNOWN: 6, Status.FEASIBLE: 6, Status.OPTIMAL: 0}[region.status]


def _cheapest_first(region: RegionPlan) -> tuple[bool, float, RegionName]:
    no_fleet = region.fleet_usd_per_hour is None
    # Costs that differ only by floating-point noise are one cost; the names decide between them.
    return no_fleet, round(region.fleet_usd_per_hour or 0.0, 6), region.region_name


def profile_notes(evaluated: ProfileEvaluation) -> tuple[str, ...]:
    """Where the user's own measurements contradict each other or the front end's law, and what is used."""
    held = [profile for _, profile in sorted(evaluated.profiles.items())]
    faster = (note_of(profile, evaluated.api_servers) for profile in held)
    return (*(note for profile in held for note in profile.notes), *(note for note in faster if note))


def model_notices(asked: ResolvedQuestion, evaluated: ProfileEvaluation) -> tuple[str, ...]:
    """Of a model that is not shipped: what its profiles were made from, and which GPUs it has none for."""
    model, choice = asked.basis.served.model, asked.choice
    notices = [f"{model}: {clause}" for clause in choice.notes]
    if asked.basis.served.config is None and not choice.is_own:
        return ()
    profiled = {kind.gpu for kind in evaluated.profiles}
    may_use = None if asked.may_use is None else {kind.gpu for kind in asked.may_use}
    without = [gpu for gpu in GPUS if gpu in evaluated.no_profile and gpu not in profiled]
    without = [gpu for gpu in without if may_use is None or gpu in may_use]
    if without and choice.is_own:
        notices.append(
            f"left out: no profile of {model} for {', '.join(without)}, with which a fleet may be cheaper; estimate "
            "all with plan --config config.json, or profiles estimate --config config.json --gpu all --save"
        )
    elif without:
        by_reason: dict[str, list[str]] = {}
        for gpu in without:
            by_reason.setdefault(evaluated.no_profile[gpu], []).append(gpu)
        reasons = "; ".join(f"{', '.join(gpus)}: {reason}" for reason, gpus in by_reason.items())
        notices.append(f"left out: no profile of {model} for {reasons}")
    notices.extend(_degrees_without(asked, evaluated))
    return tuple(notices)


def _degrees_without(asked: ResolvedQuestion, evaluated: ProfileEvaluation) -> Iterator[str]:
    """The degrees of a config's model that have no profile although fewer GPUs hold it."""
    if asked.basis.served.config is None:
        return
    fewest: dict[str, int] = {}
    for kind in evaluated.profiles:
        fewest[kind.gpu] = min(kind.tensor_parallel, fewest.get(kind.gpu, kind.tensor_parallel))
    by_reason: dict[tuple[int, str], list[str]] = {}
    for missing in evaluated.missing:
        degree = missing.tensor_parallel
        if degree is not None and degree > fewest.get(missing.gpu, degree) and _is_requested(missing, asked):
            by_reason.setdefault((degree, missing.reason), []).append(missing.gpu)
    for (degree, reason), gpus in by_reason.items():
        where = "" if len(gpus) == len(fewest) else f" on {', '.join(gpus)}"
        yield f"not estimated: {degree} GPUs per replica{where} ({reason})"


def notices_of(asked: ResolvedQuestion, market: Market, offers: Sequence[Offer] | None = None) -> tuple[str, ...]:
    """The banners, and what else of the question must be said with the answer.

    Args:
        offers: all that the answer rests on, where that is more than the market's own.
    """
    notices = []
    unset = {"workload": "--workload", "peak_requests_per_s": "--rate", "tpot_ms": "--tpot-ms"}
    own = asked.basis.traffic.workload not in list_workloads()
    # A rate that comes out of the user's own workload is the user's.
    rate_is_example = "peak_requests_per_s" in asked.defaulted and not (own and asked.basis.traffic.rate_source)
    if "workload" in asked.defaulted or rate_is_example:
        options = " ".join(option for name, option in unset.items() if name in asked.defaulted)
        notices.append(f"EXAMPLE TRAFFIC, NOT YOURS - set {options}")
    notices.extend(snapshot_notice(market.every_offer if offers is None else offers, market.moment))
    if asked.basis.served.pessimistic:
        notices.append("PESSIMISTIC - planned as if every GPU were as slow as the error of its profile allows")
    return (*notices, *_minor_notices(asked))


def _minor_notices(asked: ResolvedQuestion) -> list[str]:
    """What a short page may count instead of showing: how targets are meant, and what is known of the workload."""
    notices = []
    if asked.basis.targets.ttft_ms is not None or asked.basis.targets.e2e_ms is not None:
        notices.append(
            "targets hold at every request size; TTFT in profiles is a mean without queueing, and rates are those of a "
            "steady number of requests in flight: requests that arrive at random wait longer, so leave headroom"
        )
    notices.extend(f"{asked.basis.traffic.workload}: {note}" for note in asked.notes)
    return notices
