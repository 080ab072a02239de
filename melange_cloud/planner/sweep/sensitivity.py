"""One region's question with one quantity let loose: rate, TPOT target, a GPU's price or throughput, or the router."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from melange_cloud.domain import (
    ROUTERS,
    Kind,
    MaxTput,
    MaxTputTable,
    Problem,
    Region,
    Sensitivity,
    Solution,
    Status,
    Stretch,
    Sweep,
    SweepChoice,
)
from melange_cloud.errors import BadInput
from melange_cloud.market.markets import Market, OnFetch, open_market
from melange_cloud.planner.answer_question import model_notices, notices_of, profile_notes
from melange_cloud.planner.coverage import kinds_in_question
from melange_cloud.planner.floor_notice import floor_notice, floors_of_kinds
from melange_cloud.planner.max_tput_table import ProfileEvaluation, evaluate, front_end_notice, front_end_shares
from melange_cloud.planner.posed_problem import PosedProblem, posings_of, with_max_tput
from melange_cloud.planner.problem_solver import ProblemSolver, only_gpu, serves_all
from melange_cloud.planner.question import Question
from melange_cloud.planner.region_question import region_question
from melange_cloud.planner.resolve import MOST_REQUESTS_PER_S, ResolvedQuestion, refuse_impossible, resolve
from melange_cloud.planner.sweep.stretches import (
    STEP,
    Solve,
    over_easing,
    over_price,
    over_rate,
    scaled_engines,
)
from melange_cloud.planner.sweep.swept_quantity import (
    DEFAULT_ERROR,
    TooManyChanges,
    quantity_of,
    range_of,
    whole,
    within_limits,
)
from melange_cloud.planner.user_measurements import imports_in
from melange_cloud.profiles import import_notices

TPOT_STEP = 1e-3
"""Of a TPOT target: profiles are not known more nearly."""


def sensitivity(
    question: Question,
    over: str,
    low: float | None = None,
    high: float | None = None,
    *,
    now: datetime | None = None,
    on_fetch: OnFetch | None = None,
) -> Sensitivity:
    """The cheapest fleet over a range of one quantity; every change of it is computed.

    Args:
        question: of one region; the other quantities stay as requested.
        over: ``rate`` (requests/s in the busiest hour), ``tpot`` (ms), ``price:GPU`` and ``throughput:GPU`` (times
            today's), or ``router``.
        low, high: the range; None takes SPANS about the requested value, and for a throughput its profile's error.
        now: the time that price ages are counted to; None is the clock.
        on_fetch: see ``market.OnFetch``.

    Raises:
        BadInput, BadFile: the question, the quantity or its range cannot be right.
        PricesUnavailable: fresh prices were required and are not to be had.
        SolverFailed: the requested solver is missing or broken.
    """
    what, gpu = quantity_of(over)
    moment = datetime.now(UTC) if now is None else now
    refuse_impossible(question)
    market = open_market(question.of_prices, moment, on_fetch)
    if len(market.regions) != 1:
        raise BadInput(f"sensitivity is of one region, and --region names {len(market.regions)}")
    (region,) = market.regions
    asked = resolve(question, market.machines)
    evaluated = evaluate(asked.basis, asked.workload.buckets, market.every_offer)
    swept = _RegionSweeps(region, asked, market, evaluated)
    sweep = swept.over(what, gpu, low, high)
    fleet_may_use = () if swept.posed.problem is None else swept.posed.problem.kinds
    limited = front_end_shares(evaluated, fleet_may_use, asked.basis.fleet.router)
    offers = market.offers[region]
    kinds = kinds_in_question(offers, evaluated.max_tput, asked)
    swept_ms = [end for stretch in sweep.stretches for end in (stretch.low, stretch.high)] if what == "tpot" else []
    targets = [
        asked.basis.targets.slo,
        *(replace(asked.basis.targets.slo, tpot_ms=target_ms) for target_ms in swept_ms),
    ]
    return Sensitivity(
        generated_at=moment,
        notices=(
            *notices_of(asked, market),
            *model_notices(asked, evaluated),
            *market.notes,
            *import_notices(imports_in(evaluated, kinds, targets), asked.basis.served.engine),
            *profile_notes(evaluated),
            *floor_notice(
                floors_of_kinds(evaluated, swept.kinds_of_plan, asked.basis.fleet.router),
                [name for name, parts in sweep.singles.items() if any(part.status.has_fleet for part in parts)],
                asked.basis.targets.slo,
            ),
            *front_end_notice(limited, asked.basis.served.api_servers),
        ),
        defaulted=asked.defaulted,
        basis=asked.basis,
        provider=region.provider,
        region=region.name,
        place=region.place,
        price_as_of=", ".join(sorted({market.ages[key] for key in market.ages})) if offers else "none",
        sweep=sweep,
    )


def exit_code(answer: Sensitivity) -> int:
    """Of a sweep without any fleet: 3 where none can serve, 5 where figures are missing, 6 where none came in time."""
    statuses = {part.status for part in answer.sweep.stretches} | {choice.status for choice in answer.sweep.choices}
    if Status.UNKNOWN not in statuses:
        return 3
    return 5 if answer.basis.calculation.time_limit_s is None else 6


@dataclass(frozen=True, slots=True)
class SweptFleets:
    """The stretches of the plan, of each GPU alone by its name, and of the plan at the ends of the profiles' errors."""

    stretches: tuple[Stretch, ...]
    singles: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)
    better: tuple[Stretch, ...] = ()
    worse: tuple[Stretch, ...] = ()


class _RegionSweeps:
    """One region's question, and the sweeps of it."""

    def __init__(self, region: Region, asked: ResolvedQuestion, market: Market, evaluated: ProfileEvaluation) -> None:
        self.asked, self.evaluated = asked, evaluated
        self.solving = ProblemSolver(asked.basis.calculation.solver, asked.basis.calculation.time_limit_s)
        self.question = region_question(region, asked, market, evaluated, self.solving)
        self.posed = self.question.posed

    @property
    def kinds_of_plan(self) -> frozenset[Kind]:
        """Those of the cheapest fleet as requested; none without one."""
        found = self.solving.cost_of_any(self.posed.problems) if self.posed.problems else None
        return frozenset() if found is None else frozenset(kind for _, kind in found.instances)

    def over(self, what: str, gpu: str, low: float | None, high: float | None) -> Sweep:
        """The sweep over one quantity."""
        basis = self.asked.basis
        if what == "router":
            if low is not None or high is not None:
                raise BadInput("--from and --to: a router has no range")
            return _sweep(what, "", "", choices=self._routers())
        errors = self._errors_of(gpu) if what == "throughput" else None
        asked = {"rate": basis.traffic.peak_requests_per_s, "tpot": basis.targets.tpot_ms}.get(what, 1.0)
        low, high = range_of(what, asked, errors, low, high)
        within_limits(what, low, high)
        unit = {"rate": "requests/s", "tpot": "ms"}.get(what, "times")
        if gpu and self.posed.problem is not None and not self._may_enter(gpu):
            raise BadInput(f"--over {what}:{gpu}: no offer with {gpu} may enter this plan; see `plan --show left-out`")
        sweeps: dict[str, Callable[[float, float], SweptFleets]] = {
            "rate": self._over_rate,
            "tpot": self._over_tpot,
            "price": partial(self._over_price, gpu),
            "throughput": partial(self._over_throughput, gpu),
        }
        step = TPOT_STEP if what == "tpot" else STEP
        found = sweeps[what](low, high)
        return _sweep(what, gpu, unit, asked=asked, low=low, high=high, errors=errors, step=step, found=found)

    def _may_enter(self, gpu: str) -> bool:
        return any(offer.gpu == gpu for offer in self.posed.entering)

    def _errors_of(self, gpu: str) -> tuple[float, float]:
        """By how much more and less a GPU's MaxTput may be over the workload, fractions: the largest stated."""
        cells = [
            cell for (_, kind), cell in self.evaluated.stated.items() if kind.gpu == gpu and isinstance(cell, MaxTput)
        ]
        more = max((cell.engine_error for cell in cells), default=DEFAULT_ERROR)
        return more, max((cell.engine_down for cell in cells), default=DEFAULT_ERROR)

    def _over_rate(self, low: float, high: float) -> SweptFleets:
        problem = self.posed.problem
        if problem is None:
            return self._nothing(low, high)
        peak = self.asked.basis.traffic.peak_requests_per_s
        if high / peak * sum(problem.planned_requests_per_s.values()) > MOST_REQUESTS_PER_S:
            raise BadInput(
                f"--to {high:g}: more than the {MOST_REQUESTS_PER_S:,.0f} requests/s that are solved exactly"
            )

        def swept(problems: Sequence[Problem], solve: Solve) -> tuple[Stretch, ...]:
            found = over_rate(problems[0], low / peak, high / peak, solve, self.solving.solver, problems[1:])
            return whole(tuple(replace(part, low=part.low * peak, high=part.high * peak) for part in found), low, high)

        return self._with_ends(problem, swept, low, high)

    def _over_tpot(self, low: float, high: float) -> SweptFleets:
        def problems_at(tpot_ms: float) -> tuple[Problem, ...]:
            table = self.evaluated.at(replace(self.asked.basis.targets.slo, tpot_ms=tpot_ms))
            return self.question.posed_with(table).problems

        at_loosest = problems_at(high)
        if not at_loosest:
            return self._nothing(low, high)
        loosest = at_loosest[0]

        def of_kinds(tpot_ms: float, kinds: frozenset[Kind]) -> tuple[Problem, ...]:
            table = self.evaluated.at(replace(self.asked.basis.targets.slo, tpot_ms=tpot_ms), sorted(kinds))
            offers = tuple(o for o in loosest.offers if any(o.replicas_per_instance(kind) for kind in kinds))
            return self._with(table, replace(loosest, kinds=tuple(sorted(kinds)), offers=offers))

        def swept(at: Callable[[float], tuple[Problem, ...]], solve: Solve) -> tuple[Stretch, ...]:
            solver = self.solving.solver
            found = over_easing(at, low, high, solve, solver, relative_step=TPOT_STEP, fleet_problems_at=of_kinds)
            return whole(found, low, high)

        posed = (*at_loosest, *self.posed.problems, *problems_at(low))
        kinds = {kind for problem in posed for kind in problem.kinds}
        of_gpu = {gpu: frozenset(kind for kind in kinds if kind.gpu == gpu) for gpu in sorted({k.gpu for k in kinds})}
        return SweptFleets(
            swept(problems_at, self.solving.solve_for_cost),
            {
                gpu: swept(partial(of_kinds, kinds=degrees), partial(self._solve_alone, gpu))
                for gpu, degrees in of_gpu.items()
            },
        )

    def _over_price(self, gpu: str, low: float, high: float) -> SweptFleets:
        problem = self.posed.problem
        if problem is None:
            return self._nothing(low, high)

        def swept(problems: Sequence[Problem], solve: Solve) -> tuple[Stretch, ...]:
            return over_price(problems[0], gpu, low, high, solve, problems[1:])

        return self._with_ends(problem, swept, low, high)

    def _over_throughput(self, gpu: str, low: float, high: float) -> SweptFleets:
        problem = self.posed.problem
        if problem is None:
            return self._nothing(low, high)

        def problems_at(factor: float) -> tuple[Problem, ...]:
            return self._with(scaled_engines(self.evaluated.max_tput, gpu, factor), problem)

        def swept(solve: Solve) -> tuple[Stretch, ...]:
            return whole(over_easing(problems_at, low, high, solve, self.solving.solver), low, high)

        singles = {name: swept(alone) for name, alone in self._alone(problem).items()}
        return SweptFleets(swept(self.solving.solve_for_cost), singles)

    def _with_ends(
        self,
        problem: Problem,
        swept: Callable[[Sequence[Problem], Solve], tuple[Stretch, ...]],
        low: float,
        high: float,
    ) -> SweptFleets:
        """The sweep of the plan, of each GPU alone, and of the plan at either end of the profiles' errors."""

        def at_end(table: MaxTputTable) -> tuple[Stretch, ...]:
            posed = self.question.posed_with(table)
            if posed.problem is None:
                status = Status.UNKNOWN if posed.no_data else Status.INFEASIBLE
                return (Stretch(low, high, status, {}, None, None, posed.reason),)
            try:
                return swept(posed.problems, self.solving.solve_for_cost)
            except TooManyChanges:  # the sweep itself is whole
                return ()

        return SweptFleets(
            swept(self.posed.problems, self.solving.solve_for_cost),
            {name: swept((problem, *self.posed.problems[1:]), alone) for name, alone in self._alone(problem).items()},
            at_end(self.evaluated.better),
            at_end(self.evaluated.worse),
        )

    def _routers(self) -> tuple[SweepChoice, ...]:
        choices = []
        for router in ROUTERS:
            table = self.evaluated.max_tput
            posed = self.question.posed_with(table, router=router)
            found = self._no_fleet(posed) if posed.problem is None else self.solving.cost_of_any(posed.problems)
            choices.append(
                SweepChoice(router, found.status, found.instance_counts, found.fleet_usd_per_hour, found.reason)
            )
        return tuple(choices)

    def _with(self, table: MaxTputTable, problem: Problem) -> tuple[Problem, ...]:
        """The question with other figures: see ``PosedProblem.problems``."""
        changed = with_max_tput(problem, table)
        return posings_of(changed, table, self.asked.workload.buckets, self.question.rules.router)

    def _alone(self, problem: Problem) -> dict[str, Callable[[Problem], Solution]]:
        """How each GPU that serves everything, at whatever degrees, answers alone; by its name."""
        gpus = sorted({kind.gpu for kind in problem.kinds})
        return {gpu: partial(self._solve_alone, gpu) for gpu in gpus if serves_all(only_gpu(problem, gpu))}

    def _solve_alone(self, gpu: str, problem: Problem) -> Solution:
        alone = only_gpu(problem, gpu)
        if not serves_all(alone):
            return Solution(Status.INFEASIBLE, reason=f"{gpu} cannot serve all of it alone")
        return self.solving.solve_one_gpu(alone)

    def _nothing(self, low: float, high: float) -> SweptFleets:
        return SweptFleets((Stretch(low, high, self.question.status, {}, None, None, self.question.reason),))

    def _no_fleet(self, posed: PosedProblem) -> Solution:
        """Why another router has no fleet; a price that is missing is missing for all of them."""
        if posed.reason == self.posed.reason:
            return Solution(self.question.status, reason=self.question.reason)
        return Solution(Status.UNKNOWN if posed.no_data else Status.INFEASIBLE, reason=posed.reason)


def _sweep(
    over: str,
    gpu: str,
    unit: str,
    *,
    asked: float | None = None,
    low: float | None = None,
    high: float | None = None,
    errors: tuple[float, float] | None = None,
    step: float = 0.0,
    found: SweptFleets = SweptFleets(()),
    choices: tuple[SweepChoice, ...] = (),
) -> Sweep:
    more, less = errors or (None, None)
    fleets = found.stretches, found.singles, found.better, found.worse
    return Sweep(over, gpu, unit, asked, low, high, more, less, step, *fleets, choices)
