"""At which price an absent offer would enter the fleet.

With its price p as the only thing that moves, the least cost f(p) is a concave, rising, piecewise straight line: the
lowest of the lines R + n x p of all fleets with n of its instances, and of the plan's own cost C, which has none. It
enters below the p at which the lowest of those lines reaches C. Each solve at a price gives one fleet, whose line gives
the next price (Dinkelbach's method); the prices only rise, and end where the solver finds nothing cheaper than C.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, fsum

from melange_cloud.domain import OfferNumbers, Problem, Status
from melange_cloud.domain.money import equal_within
from melange_cloud.planner.problem_solver import ProblemSolver

NEARLY_FREE = 1e-4
"""Of its own price: where the search begins if it cannot serve alone. A price of 0 is not a price."""

MOST_SOLVES = 25


def entry_price(
    problem: Problem,
    solving: ProblemSolver,
    offer: OfferNumbers,
    plan_usd_per_hour: float,
    others: Sequence[Problem] = (),
) -> tuple[float | None, bool]:
    """The price below which ``offer`` enters, USD/h; None if it enters at no price. And whether that is proven.

    Args:
        problem: the question that the plan answers; it need not hold the offer.
        offer: of a GPU that may serve; not in the plan's fleet.
        plan_usd_per_hour: what the plan costs.
        others: the question posed in other ways (see ``PosedProblem.problems``).
    """
    found = None if problem.quotas else _price_alone(problem, offer, plan_usd_per_hour)
    price = offer.usd_per_instance_hour * NEARLY_FREE if found is None else found
    proven = True
    for _ in range(MOST_SOLVES):
        priced = replace(offer, usd_per_instance_hour=price)
        solution = solving.cost_of_any(_with_offer(one, priced) for one in (problem, *others))
        proven = proven and solution.status is Status.OPTIMAL
        count = sum(instances for (name, _), instances in solution.instances.items() if name == offer.name)
        cost = solution.fleet_usd_per_hour
        if cost is None or count == 0 or cost >= plan_usd_per_hour - equal_within(plan_usd_per_hour):
            return found, proven
        rest = cost - count * price
        price = found = (plan_usd_per_hour - rest) / count
    return found, False


def _with_offer(problem: Problem, offer: OfferNumbers) -> Problem:
    """The problem with the offer, in the place of the one of its name; without it where no kind of it serves."""
    kept = [other for other in problem.offers if other.name != offer.name]
    if any(offer.replicas_per_instance(kind) for kind in problem.kinds):
        kept.append(offer)
    return replace(problem, offers=tuple(sorted(kept, key=lambda entry: entry.name)))


def _price_alone(problem: Problem, offer: OfferNumbers, plan_usd_per_hour: float) -> float | None:
    """The price at which enough instances of it alone cost what the plan does: it enters below that at the latest.

    None if it cannot serve alone.
    """
    loads = problem.load_of_rows()
    counts = [
        ceil(fsum(loads[row, kind] for row in problem.rows) / hosts) + problem.spare
        for kind in problem.kinds
        if (hosts := offer.replicas_per_instance(kind)) and all((row, kind) in loads for row in problem.rows)
    ]
    return plan_usd_per_hour / max(1, min(counts)) if counts else None
