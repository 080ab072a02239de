"""One region's plan: the fleet, and what else it could be."""

from dataclasses import replace
from pathlib import Path

from melange_cloud import catalog
from melange_cloud.domain import Explanation, FleetContext, Problem, RegionPlan, Solution
from melange_cloud.domain.decision import Decision
from melange_cloud.planner.error_bars import ErrorBarFinder, MaxTputRange
from melange_cloud.planner.explanation.explain import AnsweredProblem, ProfiledTraffic, explain
from melange_cloud.planner.region.current_fleet import current_fleet, least_changed, with_offers_of
from melange_cloud.planner.region.region_plan import quota_needs, with_fleet, without_fleet
from melange_cloud.planner.region.routers import cheapest_by_router
from melange_cloud.planner.region.single_gpu import single_gpu_fleets
from melange_cloud.planner.region.what_if import more_servers, what_ifs
from melange_cloud.planner.region.with_spare import cheapest_with_spare
from melange_cloud.planner.region_question import RegionQuestion
from melange_cloud.planner.worth_deciding import worth_deciding


def plan_region(question: RegionQuestion, *, detailed: bool) -> RegionPlan:
    """Plan one region.

    Args:
        detailed: also ask what a spare, a tighter target and smaller hosts would cost; a comparison of many regions
            does without.
    """
    detail = question.asked.detail
    today = None if detail.current is None else _fleet_of_today(question, Path(detail.current))
    if question.posed.problem is None:
        return without_fleet(question, single_gpu_fleets(question, None))
    # A router that knows more can do what one that knows less does: theirs is the answer where it is cheaper.
    answered, cheapest = question.solving.solve_any(question.posed.problems)
    if not cheapest.status.has_fleet:
        return without_fleet(question, single_gpu_fleets(question, None), cheapest)
    problem, planned, current = answered, cheapest, None
    if today is not None:
        problem = with_offers_of(problem, question.posed.entering, today)
        planned = least_changed(problem, cheapest, today, detail.stay_within, question.solving)
        current = current_fleet(question, problem, today, cheapest, planned)
    single_gpu = single_gpu_fleets(question, planned.fleet_usd_per_hour)
    routers = cheapest_by_router(question)
    explains = detailed if detail.explain is None else detail.explain
    context = FleetContext(
        single_gpu=single_gpu,
        what_if=(*what_ifs(question, planned), *more_servers(question, cheapest, planned)) if detailed else (),
        routers={router: solution.fleet_usd_per_hour for router, solution in routers.items()},
        routers_proven={router: solution.is_proven for router, solution in routers.items()},
        error_bars=_error_bar_finder(question).bars(_ends(question), planned, detailed=detailed),
        explanation=_explained(question, answered, cheapest) if explains else None,
        current=current,
        quota_needs=quota_needs(question, planned),
    )
    if detailed:
        context = replace(context, worth_deciding=_decisions(question, context, planned))
    with_spare = cheapest_with_spare(question, planned, question.basis.calculation.hours_per_month)
    return replace(with_fleet(question, problem, planned, context), with_spare=with_spare)


def _decisions(question: RegionQuestion, context: FleetContext, planned: Solution) -> tuple[Decision, ...]:
    basis = question.basis
    set_by_user = {"min_host_memory_gib"} if basis.fleet.min_host_memory_gib is not None else set()
    # To start one shows whether it can be had on demand, and a Capacity Block cannot.
    blocks = {offer.instance_type.name for offer in question.offers if offer.sold_as == "capacity_block"}
    return worth_deciding(
        [one for one in context.what_if if not blocks & set(one.entering)],
        context.routers,
        context.routers_proven,
        router=basis.fleet.router,
        fleet_instances=sum(planned.instance_counts.values()),
        fleet_usd_per_hour=planned.fleet_usd_per_hour or 0.0,
        hours_per_month=basis.calculation.hours_per_month,
        set_by_user=frozenset(set_by_user),
    )


def _fleet_of_today(question: RegionQuestion, file: Path) -> dict[str, int]:
    """The fleet that runs today, instances by instance type, as the user's file says."""
    provider = question.region.provider
    known = {machine.name for machine in question.market.machines if machine.provider == provider}
    return dict(catalog.read_fleet(file, question.region, known))


def _error_bar_finder(question: RegionQuestion) -> ErrorBarFinder:
    return ErrorBarFinder(
        pose=question.posed_with,
        buckets=question.asked.workload.buckets,
        solving=question.solving,
        hours_per_month=question.basis.calculation.hours_per_month,
    )


def _ends(question: RegionQuestion) -> MaxTputRange:
    evaluated = question.evaluated
    return MaxTputRange(evaluated.better, evaluated.stated, evaluated.worse)


def _explained(question: RegionQuestion, problem: Problem, solution: Solution) -> Explanation:
    evaluated, posed = question.evaluated, question.posed
    others = tuple(other for other in posed.problems if other is not problem)
    return explain(
        AnsweredProblem(problem, solution, posed.entering, others),
        ProfiledTraffic(question.asked.workload.buckets, evaluated.max_tput, evaluated.profiles),
        question.solving,
        question.asked.detail.alternatives,
    )
