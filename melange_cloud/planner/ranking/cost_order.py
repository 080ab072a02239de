"""Which of two fleets is cheaper, and how certain that is: the order is decided once here, and shown elsewhere.

The order is certain if any of these holds (a question with a router that knows sizes has the first two only):

* every offer of the more expensive side is matched by one of the same GPU and size, at no higher price, on the other
  (``OrderBasis.OFFERS``);
* the cheaper side with every profile at its low end costs no more than the other with every one at its high end
  (``OrderBasis.RANGES``);
* it holds at every break of both costs while all errors move together, and while those of one GPU or one kind do
  (``OrderBasis.EVERY_BREAK``; see ``turning_point``), and where GPUs that only the cheaper fleet has are at their low
  end and some that only the other one has at their high end: errors of different GPUs may be opposed.

And it must hold with a spare instance on both sides: one machine against eleven does not compare like with like.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

from melange_cloud.domain import (
    Confidence,
    CostOrder,
    Kind,
    MaxTput,
    OfferNumbers,
    OrderBasis,
    RegionPlan,
    Reversal,
    Solution,
    Status,
)
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.domain.money import equal_within
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.posed_problem import PosedProblem
from melange_cloud.planner.problem_solver import ProblemSolver, limits_of
from melange_cloud.planner.ranking.cost_curve import CostCurve
from melange_cloud.planner.ranking.turning_point import CostBudgetSpent, ReversalPoint, where_it_turns
from melange_cloud.planner.region_question import RegionQuestion
from melange_cloud.planner.resolve import ResolvedQuestion


@dataclass(frozen=True)
class Contender:
    """One side of a comparison.

    Attributes:
        plan: its answer, which has a fleet.
        question: what it answers.
        hours: hours per month that it is billed for.
    """

    plan: RegionPlan
    question: RegionQuestion
    hours: float

    @property
    def usd_per_month(self) -> float:
        """What it costs in a month, as stated."""
        return (self.plan.fleet_usd_per_hour or 0.0) * self.hours

    @property
    def least_usd_per_month(self) -> float:
        """What it could cost if it was searched to the end; 0 if nothing is known."""
        if self.plan.status is not Status.FEASIBLE:
            return self.usd_per_month
        return (self.plan.cost.fleet_lower_bound_usd_per_hour or 0.0) * self.hours

    @property
    def oldest_price(self) -> date:
        """Until when the oldest price of its fleet was known to be true."""
        day = self.plan.fleet.price_as_of_to
        if day is None:
            raise ValueError("a fleet has prices")
        return day


def compare(one: Contender, other: Contender, curves: "CostComparer") -> CostOrder:
    """How certain it is which of two fleets costs more; the order of the arguments does not matter."""
    cheaper, costlier = (one, other) if one.usd_per_month <= other.usd_per_month else (other, one)
    if costlier.usd_per_month - cheaper.usd_per_month <= _same(cheaper.hours, costlier.hours)(cheaper.usd_per_month):
        return CostOrder(Confidence.EQUAL)
    basis, turn = curves.decide(cheaper, costlier)
    if basis is None:
        return CostOrder(Confidence.WITHIN_PROFILE_ERROR, turn=turn)
    if costlier.least_usd_per_month < cheaper.usd_per_month:
        return CostOrder(Confidence.NOT_PROVEN, basis)
    sure, ours, theirs = curves.with_spare(cheaper, costlier)
    if sure is Confidence.CLEAR and days_apart(cheaper.oldest_price, costlier.oldest_price) > PRICES_APART_DAYS:
        sure = Confidence.PRICES_APART
    return CostOrder(sure, basis, None, ours, theirs)


def days_apart(one: date, other: date) -> int:
    """Days between two dates."""
    return abs((one - other).days)


@dataclass(frozen=True)
class CostComparer:
    """Decides orders, and keeps what it has solved: many regions are compared with one."""

    asked: ResolvedQuestion
    evaluated: ProfileEvaluation
    solving: ProblemSolver
    _kept: dict[object, CostCurve] = field(default_factory=dict)

    def decide(self, cheaper: Contender, costlier: Contender) -> tuple[OrderBasis | None, Reversal | None]:
        """Why the order holds whatever the profiles do, or where it turns; (None, None) if both are unknown."""
        if _matched(cheaper, costlier):
            return OrderBasis.OFFERS, None
        same = _same(cheaper.hours, costlier.hours)
        worst, best = self._worst_usd(cheaper), self._best_usd(costlier)
        if worst is not None and (best is None or worst <= best + same(worst)):
            return OrderBasis.RANGES, None
        if self.asked.basis.fleet.router != "plain":
            return None, None
        ours, theirs = (_kinds(side, self.evaluated, self.asked) for side in (cheaper, costlier))
        try:
            for moved in _paths(frozenset(ours), frozenset(theirs)):
                curves = self._curve(cheaper, ours, moved), self._curve(costlier, theirs, moved)
                found = where_it_turns(*curves, same)
                if found is not None:
                    return None, _turn(moved, {*ours, *theirs}, found)
        except CostBudgetSpent:
            return None, None
        opposed = self._opposed(cheaper, costlier)
        return (OrderBasis.EVERY_BREAK, None) if opposed is None else (None, opposed)

    def _opposed(self, cheaper: Contender, costlier: Contender) -> Reversal | None:
        """The order reversed by opposed errors of GPUs that only one of the two fleets has; None if it is not.

        What is faster may help the cheaper side too, so those of the other fleet are tried together and one by one.
        """
        ours, theirs = ({line.gpu for line in side.plan.allocations} for side in (cheaper, costlier))
        slower, faster = frozenset(ours - theirs), frozenset(theirs - ours)
        if not slower or not faster:
            return None
        for better in dict.fromkeys((faster, *(frozenset({gpu}) for gpu in sorted(faster)))):
            if (found := self._reversed(cheaper, costlier, slower, better)) is not None:
                return found
        return None

    def _reversed(
        self, cheaper: Contender, costlier: Contender, slower: frozenset[str], faster: frozenset[str]
    ) -> Reversal | None:
        parts = dict.fromkeys(sorted(slower), -1) | dict.fromkeys(sorted(faster), 1)
        table = {
            (bucket, kind): cell.off_by(parts[kind.gpu]) if kind.gpu in parts else cell
            for (bucket, kind), cell in self.evaluated.stated.items()
        }
        best = self._solved(costlier.question.posed_with(table))
        worst = self._solved(cheaper.question.posed_with(table))
        best_usd, least = _usd(best, costlier.hours), worst.fleet_lower_bound_usd_per_hour
        if best_usd is None or worst.status is Status.UNKNOWN:
            return None
        worst_usd = None if worst.status is Status.INFEASIBLE else (least or 0.0) * cheaper.hours
        if worst_usd is not None and worst_usd <= best_usd + _same(cheaper.hours, costlier.hours)(worst_usd):
            return None
        return Reversal(tuple(sorted(slower)), -1, worst_usd, best_usd, tuple(sorted(faster)))

    def with_spare(self, cheaper: Contender, costlier: Contender) -> tuple[Confidence, float | None, float | None]:
        """Whether the order holds where both must survive losing any one instance, and what they cost then."""
        ours, theirs = self._spared(cheaper), self._spared(costlier)
        costs = _usd(ours, cheaper.hours), _usd(theirs, costlier.hours)
        if theirs.fleet_usd_per_hour is None:
            # No fleet at all there loses to any; one that was not found in time may yet be the cheaper.
            return (Confidence.CLEAR if theirs.status is Status.INFEASIBLE else Confidence.NOT_PROVEN), *costs
        if ours.fleet_usd_per_hour is None:
            return (Confidence.TURNS_WITH_SPARE if ours.status is Status.INFEASIBLE else Confidence.NOT_PROVEN), *costs
        slack = _same(cheaper.hours, costlier.hours)(theirs.fleet_usd_per_hour * costlier.hours)
        if (
            ours.fleet_usd_per_hour * cheaper.hours
            <= (theirs.fleet_lower_bound_usd_per_hour or 0.0) * costlier.hours + slack
        ):
            return Confidence.CLEAR, *costs
        proven = ours.status is Status.OPTIMAL and theirs.fleet_usd_per_hour * costlier.hours + slack < (
            ours.fleet_usd_per_hour * cheaper.hours
        )
        return (Confidence.TURNS_WITH_SPARE if proven else Confidence.NOT_PROVEN), *costs

    def _spared(self, side: Contender) -> Solution:
        if side.question.rules.spare:
            return Solution(
                side.plan.status,
                fleet_usd_per_hour=side.plan.fleet_usd_per_hour,
                fleet_lower_bound_usd_per_hour=side.plan.cost.fleet_lower_bound_usd_per_hour,
            )
        return self._solved(side.question.posed_with(spare=1))

    def _worst_usd(self, side: Contender) -> float | None:
        solution = self._solved(side.question.posed_with(self.evaluated.worse))
        return _usd(solution, side.hours)

    def _best_usd(self, side: Contender) -> float | None:
        """No fleet costs less, with every profile at its high end; None if there is none."""
        solution = self._solved(side.question.posed_with(self.evaluated.better))
        if solution.status is Status.UNKNOWN:
            return 0.0
        least = solution.fleet_lower_bound_usd_per_hour
        return None if solution.status is Status.INFEASIBLE else (least or 0.0) * side.hours

    def _solved(self, posed: PosedProblem) -> Solution:
        if posed.problem is None:
            return Solution(Status.INFEASIBLE, reason=posed.reason)
        return self.solving.cost_of_any(posed.problems)

    def _curve(self, side: Contender, kinds: tuple[Kind, ...], moved: frozenset[Kind]) -> CostCurve:
        problem = _at_best(side).problem
        if problem is None:
            raise ValueError("a side with a fleet has a problem")
        # The same offers in another region make the same question; a kind that a side does not have moves nothing.
        limits = tuple(limits_of(problem.quotas))
        key = (problem.offers, limits, problem.spare, side.hours, moved & set(kinds))
        if key not in self._kept:
            whole = replace(problem, kinds=kinds)
            self._kept[key] = CostCurve(
                whole, self.evaluated.stated, self.asked.workload.buckets, moved, side.hours, self.solving
            )
        return self._kept[key]


def _paths(ours: frozenset[Kind], theirs: frozenset[Kind]) -> list[frozenset[Kind]]:
    """All kinds together, those that both sides have together, each GPU's, each kind alone."""
    every = ours | theirs
    by_gpu = [frozenset(kind for kind in every if kind.gpu == gpu) for gpu in sorted({kind.gpu for kind in every})]
    alone = [frozenset({kind}) for kind in sorted(every)]
    return list(dict.fromkeys(path for path in (every, ours & theirs, *by_gpu, *alone) if path))


def _at_best(side: Contender) -> PosedProblem:
    """A side's question with all that may enter it, those kinds included that serve nothing as stated."""
    question = side.question
    evaluated = question.evaluated
    if evaluated.may_be_few or evaluated.pessimistic:
        return question.posed_with(evaluated.better)
    return question.posed


def _kinds(side: Contender, evaluated: ProfileEvaluation, asked: ResolvedQuestion) -> tuple[Kind, ...]:
    """The kinds that could serve all of the traffic there.

    Those included that another makes needless as stated, and those that serve it at the high end of their error alone.
    """
    offers = _at_best(side).entering
    buckets = [bucket.name for bucket in asked.workload.buckets]
    return tuple(
        kind
        for kind in sorted({kind for _, kind in evaluated.stated})
        if (asked.may_use is None or kind in asked.may_use)
        and any(offer.replicas_per_instance(kind) for offer in offers)
        and all(isinstance(evaluated.stated[bucket, kind].off_by(1), MaxTput) for bucket in buckets)
    )


def _matched(cheaper: Contender, costlier: Contender) -> bool:
    """True if whatever fleet the more expensive side rents, the other offers it for no more.

    With quotas only where they limit both alike, which they do where the matching offers have the same name.
    """
    ours, theirs = _at_best(cheaper), _at_best(costlier)
    limited = bool(cheaper.question.rules.quotas or costlier.question.rules.quotas)
    if limited and cheaper.question.rules.quotas != costlier.question.rules.quotas:
        return False

    def matches(one: OfferNumbers, other: OfferNumbers) -> bool:
        alike = (one.gpu, one.gpu_count) == (other.gpu, other.gpu_count)
        return alike and (
            not limited or (one.name, one.vcpus, one.quota_family) == (other.name, other.vcpus, other.quota_family)
        )

    return all(
        any(
            matches(one, other)
            and one.usd_per_instance_hour * cheaper.hours <= other.usd_per_instance_hour * costlier.hours
            for one in ours.entering
        )
        for other in theirs.entering
    )


def _same(hours: float, other_hours: float) -> Callable[[float], float]:
    """By how much two costs over their hours may differ and be called equal, USD."""
    longest = max(hours, other_hours)
    return lambda usd: equal_within(usd / longest) * longest


def _usd(solution: Solution, hours: float) -> float | None:
    return None if solution.fleet_usd_per_hour is None else solution.fleet_usd_per_hour * hours


def _turn(moved: frozenset[Kind], every: set[Kind], found: ReversalPoint) -> Reversal:
    names: set[str] = set()
    if moved != every:
        for kind in moved:
            whole = {other for other in every if other.gpu == kind.gpu} <= moved
            names.add(kind.gpu if whole else str(kind))
    return Reversal(tuple(sorted(names)), found.t, found.cheaper_usd, found.dearer_usd)
