"""How the cheapest fleet moves with one quantity: the places where it changes are computed, not sampled.

Two shapes cover all quantities. Where more of it makes the question harder (rate) or easier (TPOT target, a GPU's
throughput), the least cost is a staircase: a fleet that is cheapest stays so towards the hard side for as long as it
serves, since no harder question has a cheaper answer. So from the easy end the next change lies where this fleet is
full, and the search resumes just beyond. Where the quantity is a price, each fleet's cost is a straight line in it and
the least cost their lower envelope: two fleets' lines cross where a third may be cheaper, else they change there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from melange_cloud.domain import Kind, MaxTput, MaxTputTable, Problem, Solution, Status, Stretch
from melange_cloud.planner.problem_solver import best_of
from melange_cloud.solver import most_traffic

STEP = 1e-5
"""Two changes nearer than this fraction of the quantity are taken for one."""

MOST_STRETCHES = 2000
"""A sweep ends after this many: its last stretch (of a rate), or its first, then ends within the requested range."""

Solve = Callable[[Problem], Solution]


def scaled_rates(problem: Problem, factor: float) -> Problem:
    """The same question at ``factor`` times all rates."""
    planned = {bucket: factor * rate for bucket, rate in problem.planned_requests_per_s.items()}
    return replace(problem, planned_requests_per_s=planned)


def scaled_price(problem: Problem, gpu: str, factor: float) -> Problem:
    """The same question at ``factor`` times the prices of all offers with a GPU."""
    offers = tuple(
        replace(offer, usd_per_instance_hour=factor * offer.usd_per_instance_hour) if offer.gpu == gpu else offer
        for offer in problem.offers
    )
    return replace(problem, offers=offers)


def scaled_engines(table: MaxTputTable, gpu: str, factor: float) -> MaxTputTable:
    """The table at ``factor`` times what the engines do on all kinds of a GPU; the front ends stay."""
    return {
        key: cell.times(factor) if key[1].gpu == gpu and isinstance(cell, MaxTput) else cell
        for key, cell in table.items()
    }


def over_rate(
    problem: Problem, low: float, high: float, solve: Solve, solver: str, others: Sequence[Problem] = ()
) -> tuple[Stretch, ...]:
    """The cheapest fleet from ``low`` to ``high`` times the problem's rates.

    Args:
        problem: the question at 1 times its rates.
        low, high: factors, 0 < low < high.
        solve: answers one question.
        solver: see ``solver.most_traffic``.
        others: the question posed in other ways (see ``PosedProblem.problems``).
    """
    problems = (problem, *others)
    stretches: list[Stretch] = []
    at = low
    while at <= high and len(stretches) < MOST_STRETCHES:
        solution = best_of([solve(scaled_rates(one, at)) for one in problems])
        begin = stretches[-1].high if stretches else low
        if not solution.status.has_fleet:
            stretches.append(_stretch(begin, high, solution))
            break
        full = max(most_traffic(one, solution.instances, solver=solver) for one in problems)
        end = min(high, max(full, at))
        stretches.append(_stretch(begin, end, solution))
        at = end * (1 + STEP)
    if at > high:
        stretches[-1] = replace(stretches[-1], high=high)
    return _joined(stretches)


def over_easing(
    problems_at: Callable[[float], Sequence[Problem]],
    low: float,
    high: float,
    solve: Solve,
    solver: str,
    *,
    relative_step: float = STEP,
    fleet_problems_at: Callable[[float, frozenset[Kind]], Sequence[Problem]] | None = None,
) -> tuple[Stretch, ...]:
    """The cheapest fleet where more of the quantity makes the question easier, never harder.

    Args:
        problems_at: the question at a value (see ``PosedProblem.problems``); none where nothing serves it there.
        low, high: values, 0 < low < high.
        solve: answers one question.
        solver: see ``solver.most_traffic``.
        relative_step: how nearly the changes are found.
        fleet_problems_at: the question for some kinds alone, where that is less work; None asks ``problems_at``.
    """

    def serves(solution: Solution, at: float) -> bool:
        kinds = frozenset(kind for _, kind in solution.instances)
        problems = problems_at(at) if fleet_problems_at is None else fleet_problems_at(at, kinds)
        return any(
            kinds <= set(problem.kinds) and most_traffic(problem, solution.instances, solver=solver) >= 1
            for problem in problems
        )

    stretches: list[Stretch] = []
    at = high
    while at >= low and len(stretches) < MOST_STRETCHES:
        problems = problems_at(at)
        solution = best_of([solve(problem) for problem in problems] or [Solution(Status.INFEASIBLE)])
        end = stretches[-1].low if stretches else high
        if not solution.status.has_fleet:
            stretches.append(_stretch(low, end, solution))
            break
        begin = min(at, _lowest_that_serves(partial(serves, solution), low, at, relative_step))
        stretches.append(_stretch(begin, end, solution))
        if begin <= low:
            break
        at = begin * (1 - relative_step)
    if at < low:
        stretches[-1] = replace(stretches[-1], low=low)
    return _joined(list(reversed(stretches)))


def _lowest_that_serves(serves: Callable[[float], bool], low: float, high: float, relative_step: float) -> float:
    """The lowest value at which a fleet still serves, by halving; it does at ``high``."""
    if serves(low):
        return low
    while high - low > relative_step * high / 2:
        middle = (low + high) / 2
        if serves(middle):
            high = middle
        else:
            low = middle
    return high


def over_price(
    problem: Problem, gpu: str, low: float, high: float, solve: Solve, others: Sequence[Problem] = ()
) -> tuple[Stretch, ...]:
    """The cheapest fleet from ``low`` to ``high`` times the prices of one GPU.

    Args:
        problem: the question at 1 times its prices.
        low, high: factors, 0 < low < high.
        solve: answers one question.
        others: the question posed in other ways (see ``PosedProblem.problems``).
    """

    def solved(at: float) -> Solution:
        return best_of([solve(scaled_price(one, gpu, at)) for one in (problem, *others)])

    def line(solution: Solution) -> tuple[float, float]:
        """Cost of the others, and of the GPU's offers at 1 times their prices, USD/h."""
        price = {offer.name: (offer.gpu, offer.usd_per_instance_hour) for offer in problem.offers}
        parts = {True: 0.0, False: 0.0}
        for (name, _), count in sorted(solution.instances.items()):
            of, usd_per_hour = price[name]
            parts[of == gpu] += count * usd_per_hour
        return parts[False], parts[True]

    def cost(solution: Solution, at: float) -> float:
        fixed, moving = line(solution)
        return fixed + at * moving

    def between(begin: float, first: Solution, end: float, last: Solution) -> list[tuple[float, float, Solution]]:
        (fixed, moving), (other_fixed, other_moving) = line(first), line(last)
        if abs(moving - other_moving) <= 1e-9:
            return [(begin, end, first)]
        crossing = min(max((other_fixed - fixed) / (moving - other_moving), begin), end)
        if crossing - begin <= STEP * crossing or end - crossing <= STEP * crossing:
            return [(begin, crossing, first), (crossing, end, last)]
        third = solved(crossing)
        if not third.status.has_fleet or cost(third, crossing) >= cost(first, crossing) * (1 - 1e-7) - 1e-6:
            return [(begin, crossing, first), (crossing, end, last)]
        return [*between(begin, first, crossing, third), *between(crossing, third, end, last)]

    first, last = solved(low), solved(high)
    if not first.status.has_fleet or not last.status.has_fleet:
        return (_stretch(low, high, first if not first.status.has_fleet else last),)
    return _joined(
        [
            Stretch(begin, end, fleet.status, fleet.instance_counts, cost(fleet, begin), cost(fleet, end))
            for begin, end, fleet in between(low, first, high, last)
            if end > begin
        ]
    )


def _stretch(low: float, high: float, solution: Solution) -> Stretch:
    cost = solution.fleet_usd_per_hour
    return Stretch(low, high, solution.status, solution.instance_counts, cost, cost, solution.reason)


def _joined(stretches: list[Stretch]) -> tuple[Stretch, ...]:
    """Neighbours with the same instances are one: only their degrees, or nothing at all, changed between them."""
    joined: list[Stretch] = []
    for stretch in stretches:
        before = joined[-1] if joined else None
        if before is not None and (before.instances, before.status) == (stretch.instances, stretch.status):
            joined[-1] = replace(
                before, high=stretch.high, fleet_usd_per_hour_at_high=stretch.fleet_usd_per_hour_at_high
            )
        else:
            joined.append(stretch)
    return tuple(joined)


def changes(stretches: tuple[Stretch, ...]) -> list[tuple[float, Mapping[str, int]]]:
    """Where the fleet changes, and to which instances."""
    return [(stretch.low, stretch.instances) for stretch in stretches[1:]]
