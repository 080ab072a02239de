"""What the profiles' errors do to a plan: the cost and the mix at either end, and which profile to measure first."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from melange_cloud.domain import (
    Bucket,
    ErrorBars,
    FleetAtThroughput,
    Kind,
    MaxTput,
    MaxTputTable,
    Problem,
    ProfileSwing,
    Solution,
    Status,
    UnservableSize,
    row_loads,
)
from melange_cloud.planner.posed_problem import PosedProblem
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.solver import fleet_lower_bound_usd_per_hour

PoseTable = Callable[[MaxTputTable], PosedProblem]
"""Poses one region's question with another MaxTput table."""

SAME_COST_USD_PER_H = 1e-6


def shifted(table: MaxTputTable, sign: int, only: Kind | None = None) -> MaxTputTable:
    """The table at the high end (1) or the low end (-1) of every profile's error, or of one kind's."""
    return {key: cell.off_by(sign) if only is None or key[1] == only else cell for key, cell in table.items()}


def shifted_with_its_gpu(table: MaxTputTable, sign: int, kind: Kind) -> MaxTputTable:
    """The table with one kind at an end, and with it the estimates of the GPU's other degrees.

    The degrees of a GPU are estimated with the same constants: if one is too good, so are the others. They move
    by the kind's error, or by their own where that is smaller; what was measured stays.
    """

    def moved(bucket: str, other: Kind, cell: MaxTput | UnservableSize) -> MaxTput | UnservableSize:
        own = table[bucket, kind]
        if other == kind:
            return cell.off_by(sign)
        if isinstance(cell, UnservableSize) or isinstance(own, UnservableSize) or other.gpu != kind.gpu:
            return cell
        if {cell.engine_origin, own.engine_origin} != {"estimated"}:
            return cell
        return cell.off_by(sign, most_error=own.engine_error if sign > 0 else own.engine_down)

    return {(bucket, other): moved(bucket, other, cell) for (bucket, other), cell in table.items()}


@dataclass(frozen=True, slots=True)
class MaxTputRange:
    """MaxTput at the high end of every profile's error, as stated, and at the low end."""

    better: MaxTputTable
    stated: MaxTputTable
    worse: MaxTputTable


@dataclass(frozen=True, slots=True)
class ErrorBarFinder:
    """Plans one region's question with other MaxTput tables.

    Attributes:
        pose: the question with another table. Kinds and degrees that only enter at an end enter there.
        buckets: with traffic.
        solving: the solver.
        hours_per_month: hours in a billed month.
    """

    pose: PoseTable
    buckets: tuple[Bucket, ...]
    solving: ProblemSolver
    hours_per_month: float

    def bars(self, ends: MaxTputRange, fleet: Solution, *, detailed: bool) -> ErrorBars:
        """Plan at both ends of the profiles' errors, and with each profile alone at its ends.

        Args:
            ends: the tables to plan with.
            fleet: the region's plan, whose mix the others are compared with.
            detailed: also one profile at a time, which takes a few solves.
        """

        def solved(table: MaxTputTable) -> Solution:
            return self._cheapest(self.pose(table))

        def shown(solution: Solution) -> FleetAtThroughput:
            cost = solution.fleet_usd_per_hour
            return FleetAtThroughput(
                usd_per_month=None if cost is None else cost * self.hours_per_month,
                instances=solution.instance_counts,
                same_mix=None if cost is None else _mix(solution) == _mix(fleet),
                proven=solution.is_proven,
            )

        as_stated = solved(ends.stated)
        all_better = self.pose(ends.better)
        return ErrorBars(
            better=shown(self._cheapest(all_better)),
            stated=shown(as_stated),
            worse=shown(solved(ends.worse)),
            profiles=self._swings(ends.stated, as_stated, all_better) if detailed else (),
        )

    def _swings(self, stated: MaxTputTable, fleet: Solution, all_better: PosedProblem) -> tuple[ProfileSwing, ...]:
        """One profile at a time at its ends, the largest swing first.

        A kind of the fleet takes its GPU's estimates along.

        A kind that the fleet does without leaves the cost as it is when it is worse; when it is better, the cost cannot
        fall below what fractions of instances cost. Where that is too much for the kind to matter more than another
        that is known, it is not solved; and none is where all of them together cannot.
        """
        cost = fleet.fleet_usd_per_hour
        if cost is None or all_better.problem is None:
            return ()
        row_of_bucket = all_better.problem.row_of_bucket

        def swing(kind: Kind, better: Solution, worse: Solution) -> ProfileSwing:
            ends = better.fleet_usd_per_hour, worse.fleet_usd_per_hour
            more, less = profile_errors(kind, stated, self.buckets, row_of_bucket)
            return ProfileSwing(
                gpu=kind.gpu,
                tensor_parallel=kind.tensor_parallel,
                error=more,
                error_down=less,
                in_fleet=kind in _mix(fleet),
                usd_per_month_if_better=None if ends[0] is None else ends[0] * self.hours_per_month,
                usd_per_month_if_worse=None if ends[1] is None else ends[1] * self.hours_per_month,
                # A search that --time-limit stopped may end above the stated cost; the error itself never costs more.
                swing_usd_per_month=None
                if ends[0] is None or ends[1] is None
                else max(0.0, ends[1] - ends[0]) * self.hours_per_month,
                measure=f"melange-cloud profiles import FILE --gpu {kind.gpu} --tp {kind.tensor_parallel}",
                proven=better.is_proven and worse.is_proven,
            )

        swings = [
            swing(kind, *(self._cheapest(self.pose(shifted_with_its_gpu(stated, sign, kind))) for sign in (1, -1)))
            for kind in sorted(_mix(fleet))
        ]
        bounds: list[tuple[float, Kind, PosedProblem]] = []
        matters = max((_size(found) for found in swings), default=0.0) / self.hours_per_month + SAME_COST_USD_PER_H
        gpus = {offer.gpu for offer in all_better.problem.offers if offer.usd_per_instance_hour < cost}
        if cost - _least_fleet_usd_per_hour(all_better, cost) <= matters:
            gpus = set()
        for kind in sorted({kind for _, kind in stated if kind.gpu in gpus} - _mix(fleet)):
            posed = self.pose(shifted(stated, 1, kind))
            if posed.problem is not None and kind in posed.problem.kinds:
                bounds.append((_least_fleet_usd_per_hour(posed, cost), kind, posed))
        for bound, kind, posed in sorted(bounds, key=lambda item: item[:2]):
            if cost - bound <= matters:
                break
            swings.append(swing(kind, self._cheapest(posed), fleet))
            matters = max(matters, _size(swings[-1]) / self.hours_per_month)
        return tuple(sorted(swings, key=lambda one: (-_size(one), not one.in_fleet, one.gpu, one.tensor_parallel)))

    def _cheapest(self, posed: PosedProblem) -> Solution:
        if posed.problem is None:
            return Solution(Status.INFEASIBLE, reason=posed.reason)
        return self.solving.cost_of_any(posed.problems)


def _least_fleet_usd_per_hour(posed: PosedProblem, cost_usd_per_hour: float) -> float:
    """No fleet costs less. One that is cheaper than ``cost_usd_per_hour`` has no instance as dear as that."""

    def least(problem: Problem) -> float:
        affordable = tuple(offer for offer in problem.offers if offer.usd_per_instance_hour < cost_usd_per_hour)
        return fleet_lower_bound_usd_per_hour(replace(problem, offers=affordable))

    return min(cost_usd_per_hour, *(least(problem) for problem in posed.problems))


def _size(swing: ProfileSwing) -> float:
    """What a swing is sorted by: an end without a fleet outweighs any cost."""
    return math.inf if swing.swing_usd_per_month is None else swing.swing_usd_per_month


def _mix(solution: Solution) -> frozenset[Kind]:
    return frozenset(kind for _, kind in solution.instances)


class ProfileErrors(NamedTuple):
    """By how much more, and less, a kind's MaxTput may be, fractions."""

    more: float
    less: float


def profile_errors(
    kind: Kind, stated: MaxTputTable, buckets: tuple[Bucket, ...], row_of_bucket: Mapping[str, str]
) -> ProfileErrors:
    """The kind's errors, more and less, over the whole workload that it can serve in its mix, weighted by load.

    Of one that serves nothing as stated, and may serve a few: 0 and 1.
    """
    shares = {bucket.name: bucket.share for bucket in buckets}
    rows = row_loads(stated, [kind], shares, row_of_bucket)
    parts = [
        (share / row.rate_of(cell), row.error_of(cell), row.error_down_of(cell))
        for name, share in sorted(shares.items())
        if isinstance(cell := stated[name, kind], MaxTput) and (row := rows[row_of_bucket[name], kind])
    ]
    load = math.fsum(busy for busy, _, _ in parts)
    if not load:
        return ProfileErrors(0.0, 1.0)
    return ProfileErrors(*(math.fsum(part[0] * part[at] for part in parts) / load for at in (1, 2)))
