"""Why this fleet: what limits it, what came second, what each size costs, which quota binds, what would enter."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import (
    Alternative,
    BindingQuota,
    Bucket,
    BucketCost,
    EntryPrice,
    Explanation,
    Kind,
    KindLimits,
    LimitShare,
    MaxTput,
    MaxTputTable,
    OfferNumbers,
    Problem,
    Solution,
    Status,
    row_loads,
)
from melange_cloud.domain.money import equal_within, is_cheaper
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.planner.explanation.alternatives import (
    as_alternative,
    busy_fleet_usd_per_hour,
    other_fleets,
    usd_and_replicas,
)
from melange_cloud.planner.explanation.entry_price import entry_price
from melange_cloud.planner.problem_solver import ProblemSolver, limits_of, used_of, with_limit, without_limit
from melange_cloud.profiles import Profile, prompt_s, what_saturates

THOUSAND, MILLION = 1e3, 1e6


@dataclass(frozen=True, slots=True)
class AnsweredProblem:
    """A region's question and its answer.

    Attributes:
        problem, solution: the question and its answer, which has a fleet.
        offers: all that may be rented here, needless ones included.
        others: the question posed in other ways (see ``PosedProblem.problems``).
    """

    problem: Problem
    solution: Solution
    offers: Sequence[OfferNumbers]
    others: Sequence[Problem] = ()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The question in all its ways, the one that was answered first."""
        return (self.problem, *self.others)


@dataclass(frozen=True, slots=True)
class ProfiledTraffic:
    """The traffic, and what each kind makes of it.

    Attributes:
        buckets: with traffic.
        table: MaxTput of every bucket on every kind.
        profiles: what the table was made from.
    """

    buckets: Sequence[Bucket]
    table: MaxTputTable
    profiles: Mapping[Kind, Profile]


def explain(
    answered: AnsweredProblem, traffic: ProfiledTraffic, solving: ProblemSolver, alternatives: int
) -> Explanation:
    """Explain a fleet.

    Args:
        solving: answers the changed questions.
        alternatives: how many other fleets to list, at least 1.
    """
    problem, solution, others = answered.problem, answered.solution, answered.others
    cost = solution.fleet_usd_per_hour
    if cost is None:
        raise ValueError("a solution with a fleet has a cost")
    found = tuple(
        as_alternative(other, cost) for other in other_fleets(problem, solution, solving, max(1, alternatives), others)
    )
    busy = busy_fleet_usd_per_hour(problem, solution)
    return Explanation(
        limits=_limits(problem, solution, traffic),
        idle_fleet_usd_per_hour=cost - busy,
        runner_up=found[0] if found else None,
        runner_up_lost=_why_it_lost(found[0], cost, busy) if found else "",
        alternatives=found,
        bucket_costs=_bucket_costs(problem, solution, traffic.buckets),
        quotas=_binding_quotas(answered.problems, solution, solving),
        entry_prices=_entry_prices(answered, solving, cost),
    )


def _limits(problem: Problem, solution: Solution, traffic: ProfiledTraffic) -> tuple[KindLimits, ...]:
    """By kind, the load of the buckets that it serves, by what stops it there; and the time that prompts take."""
    found = []
    kinds = sorted({kind for _, kind in solution.instances})
    rows = row_loads(traffic.table, kinds, problem.planned_requests_per_s, problem.row_of_bucket)
    for kind in kinds:
        loads: dict[str, float] = {}
        prompts: float | None = 0.0
        for bucket in traffic.buckets:
            share = solution.shares.get((problem.row_of_bucket[bucket.name], kind), 0.0)
            cell = traffic.table[bucket.name, kind]
            if share <= 0 or not isinstance(cell, MaxTput):
                continue
            requests_per_s = share * problem.planned_requests_per_s[bucket.name]
            size = bucket.mean_input_tokens, bucket.mean_output_tokens
            row = rows[problem.row_of_bucket[bucket.name], kind]
            limit = row.limit_of(cell)
            if limit == "saturation":
                limit = what_saturates(traffic.profiles[kind], *size)
            loads[limit] = loads.get(limit, 0.0) + requests_per_s / row.rate_of(cell)
            each_s = prompt_s(traffic.profiles[kind], *size)
            prompts = None if prompts is None or each_s is None else prompts + requests_per_s * each_s
        total = math.fsum(loads.values())
        most_first = sorted(loads.items(), key=lambda item: (-item[1], item[0]))
        shares = tuple(LimitShare(limited_by, load / total) for limited_by, load in most_first)
        prefill_share = None if prompts is None or not total else min(1.0, prompts / total)
        found.append(KindLimits(kind.gpu, kind.tensor_parallel, shares, prefill_share))
    return tuple(found)


def _why_it_lost(other: Alternative, fleet_usd_per_hour: float, busy_fleet_usd_per_hour: float) -> str:
    """Whether its GPUs cost more for the work, or whole instances leave more of them idle: the larger part first."""
    costlier = other.busy_fleet_usd_per_hour - busy_fleet_usd_per_hour
    other_idle = other.fleet_usd_per_hour - other.busy_fleet_usd_per_hour
    this_idle = fleet_usd_per_hour - busy_fleet_usd_per_hour
    idler = other_idle - this_idle
    work = (
        f"the work itself costs {other.busy_fleet_usd_per_hour:.2f} USD/h on its GPUs against "
        f"{busy_fleet_usd_per_hour:.2f} here"
    )
    idle = f"whole instances leave {other_idle:.2f} USD/h of it idle against {this_idle:.2f} here"
    if abs(other.fleet_usd_per_hour - fleet_usd_per_hour) <= equal_within(fleet_usd_per_hour):
        return "it costs the same; of equal fleets the simpler one is taken"
    if costlier >= idler:
        return f"{work}, and {idle}" if idler > 0 else f"{work}, though {idle}"
    return f"{idle}, and {work}" if costlier > 0 else f"{idle}, though {work}"


def _bucket_costs(problem: Problem, solution: Solution, buckets: Sequence[Bucket]) -> tuple[BucketCost, ...]:
    """Each kind's cost goes to the buckets by the busy time that they take of it, idle time in proportion."""
    cost, _, busy = usd_and_replicas(problem, solution)
    all_requests_per_s = math.fsum(problem.planned_requests_per_s.values())
    found = []
    for bucket in buckets:
        requests_per_s = problem.planned_requests_per_s[bucket.name]
        usd_per_hour = 0.0
        for kind in sorted(cost):
            share = solution.shares.get((problem.row_of_bucket[bucket.name], kind), 0.0)
            if share > 0:
                load = share * requests_per_s / problem.max_tput_requests_per_s[bucket.name, kind]
                usd_per_hour += cost[kind] * load / busy[kind]
        requests_per_hour = requests_per_s * SECONDS_PER_HOUR
        tokens = bucket.mean_input_tokens + bucket.mean_output_tokens
        found.append(
            BucketCost(
                input_tokens=(bucket.input_low_tokens, bucket.input_high_tokens),
                output_tokens=(bucket.output_low_tokens, bucket.output_high_tokens),
                mean_input_tokens=bucket.mean_input_tokens,
                mean_output_tokens=bucket.mean_output_tokens,
                requests_share=requests_per_s / all_requests_per_s,
                cost_share=usd_per_hour / math.fsum(cost.values()),
                usd_per_thousand_requests=usd_per_hour / requests_per_hour * THOUSAND,
                usd_per_million_tokens=usd_per_hour / (requests_per_hour * tokens) * MILLION,
            )
        )
    return tuple(sorted(found, key=lambda entry: (-entry.usd_per_thousand_requests, entry.input_tokens)))


def _binding_quotas(
    problems: Sequence[Problem], solution: Solution, solving: ProblemSolver
) -> tuple[BindingQuota, ...]:
    """The quotas without which, each alone, a cheaper fleet is found; and what higher limits save."""
    # The question as given has all the offers; those of routers that know less may have fewer.
    problem, cost = max(problems, key=lambda one: len(one.offers)), solution.fleet_usd_per_hour or 0.0
    found = []
    for option, name, limit in limits_of(problem.quotas):
        quotas = without_limit(problem.quotas, option, name)
        without = solving.cost_of_any(replace(one, quotas=quotas) for one in problems)
        if without.fleet_usd_per_hour is None or not is_cheaper(without.fleet_usd_per_hour, cost):
            continue
        saving = _Savings(problems, cost, option, name, solving, [])
        enough = max(limit + 1, used_of(problem, without, option, name))
        next_limit = saving.first_useful(limit, enough)
        found.append(
            BindingQuota(
                option=option,
                name=name,
                limit=limit,
                used=used_of(problem, solution, option, name),
                saving_of_one_more_usd_per_hour=saving.at(limit + 1),
                next_useful_limit=next_limit,
                next_saving_usd_per_hour=saving.at(next_limit),
                fleet_usd_per_hour_without_it=without.fleet_usd_per_hour,
                proven=without.status is Status.OPTIMAL and not saving.cut_short,
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Savings:
    """What a fleet gets cheaper by where one quota is higher: never less for a higher limit.

    ``cut_short`` collects the limits at which the search was not completed.
    """

    problems: Sequence[Problem]
    fleet_usd_per_hour: float
    option: str
    name: str
    solving: ProblemSolver
    cut_short: list[int]

    def at(self, limit: int) -> float:
        """USD/h saved at a limit; 0 if nothing is."""
        quotas = with_limit(self.problems[0].quotas, self.option, self.name, limit)
        found = self.solving.cost_of_any(replace(one, quotas=quotas) for one in self.problems)
        if found.status not in (Status.OPTIMAL, Status.INFEASIBLE):
            self.cut_short.append(limit)
        cost = found.fleet_usd_per_hour
        if cost is None or not is_cheaper(cost, self.fleet_usd_per_hour):
            return 0.0
        return self.fleet_usd_per_hour - cost

    def first_useful(self, useless: int, useful: int) -> int:
        """The lowest limit that saves anything, between one that saves nothing and one that does."""
        while useful - useless > 1:
            middle = (useless + useful) // 2
            if self.at(middle) > 0:
                useful = middle
            else:
                useless = middle
        return useful


def _entry_prices(answered: AnsweredProblem, solving: ProblemSolver, usd_per_hour: float) -> tuple[EntryPrice, ...]:
    """Every offer that is not in the fleet, the one that needs the smallest fall of its price first.

    Two offers with the same GPU and as many of it host the same: one price answers for both, unless quotas tell them
    apart or one is in the fleet, whose price is then the one to beat.
    """
    problems = answered.problems
    rented = {name for name, _ in answered.solution.instances}
    known: dict[tuple[str, int, str], tuple[float | None, bool]] = {}
    found = []
    for offer in answered.offers:
        if offer.name in rented:
            continue
        alike = (offer.gpu, offer.gpu_count, offer.name if problems[0].quotas else "")
        if alike not in known:
            # The offers that are like it are set aside: each would enter below the same price.
            first, *more = (
                replace(one, offers=tuple(o for o in one.offers if o.name in rented or not _alike(o, offer)))
                for one in problems
            )
            known[alike] = entry_price(first, solving, offer, usd_per_hour, more)
        price, proven = known[alike]
        found.append(
            EntryPrice(
                instance_type=offer.name,
                gpu=offer.gpu,
                gpu_count=offer.gpu_count,
                usd_per_instance_hour=offer.usd_per_instance_hour,
                enters_below_usd_per_instance_hour=price,
                why="" if price is not None else "no fleet is cheaper with it, whatever it costs",
                proven=proven,
            )
        )

    def fall(entry: EntryPrice) -> tuple[float, str]:
        price = entry.enters_below_usd_per_instance_hour
        return (1.0 if price is None else 1 - price / entry.usd_per_instance_hour), entry.instance_type

    return tuple(sorted(found, key=fall))


def _alike(one: OfferNumbers, other: OfferNumbers) -> bool:
    return (one.gpu, one.gpu_count) == (other.gpu, other.gpu_count)
