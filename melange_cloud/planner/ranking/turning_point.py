"""Whether one fleet stays the cheaper of two whatever the profiles' errors do, decided and not estimated.

Let t in [-1, 1] be the part of its stated error by which a profile is off. Along a path (all profiles off by t
together, or one GPU's or one kind's alone), more t makes either question easier, so both least costs are falling steps
in t. On [a, b] the cheaper side costs at most what it costs at a, the other at least what it costs at b: if the
first is no more than the second, the order holds on all of [a, b]. If not, it is halved; a narrow one is walked
from break to break, since the fleet that is cheapest at t stays so for as long as it serves: between two neighbouring
breaks of the two steps both costs are constant. So the answer is exact, and most intervals need no walk.

Whole instances jump, so errors that both sides share do not cancel: a side that is 75 % busy takes a slower profile
without a new instance, one that is 100 % busy does not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

NARROW = 1 / 32
"""An interval of t below this width is walked break by break."""

APART = 1e-9
"""Two breaks that are nearer in t than this are taken for one."""

NEAR = 1e-4
"""How nearly the place where an order turns is found, in parts of the errors."""

MOST_COSTS = 4000
"""Costs that are looked at along one path; where they do not suffice, the order is not called certain."""


class CostSteps(Protocol):
    """The least cost along a path, USD over the hours billed; it falls as t rises."""

    def usd(self, t: float) -> float | None:
        """The least cost at t; None if no fleet serves the load."""

    def serves_from(self, t: float, low: float) -> float:
        """The lowest value in [low, t] from which on the fleet that is cheapest at t serves."""


@dataclass(frozen=True, slots=True)
class ReversalPoint:
    """A point t where the order is reversed: ``cheaper`` costs more than ``costlier``, USD; None means no fleet."""

    t: float
    cheaper_usd: float | None
    dearer_usd: float | None


class CostBudgetSpent(Exception):
    """The search computed MOST_COSTS costs and has not decided."""


def where_it_turns(
    cheaper: CostSteps, costlier: CostSteps, same: Callable[[float], float], low: float = -1.0, high: float = 1.0
) -> ReversalPoint | None:
    """A point in [low, high] where the cheaper side costs more than the other one; None if there is none.

    Args:
        cheaper: the side that is cheaper as stated, at t = 0.
        costlier: the other side.
        same: by how much two costs may differ and be called equal, USD, given one of them.

    Raises:
        CostBudgetSpent: it would take too long to tell.
    """
    looked = 0

    def more(one: float | None, other: float | None) -> bool:
        """True if the first costs more; no fleet costs more than any."""
        if one is None or other is None:
            return one is None and other is not None
        return one > other + same(other)

    def turned(t: float) -> ReversalPoint | None:
        nonlocal looked
        looked += 1
        if looked > MOST_COSTS:
            raise CostBudgetSpent
        ours, theirs = cheaper.usd(t), costlier.usd(t)
        return ReversalPoint(t, ours, theirs) if more(ours, theirs) else None

    intervals = [(low, 0.0), (0.0, high)] if low < 0 < high else [(low, high)]
    while intervals:
        begin, end = intervals.pop()
        if not more(cheaper.usd(begin), costlier.usd(end)):
            continue
        if found := turned(begin) or turned(end):
            return _nearest(found, turned)
        if end - begin > NARROW:
            middle = (begin + end) / 2
            intervals += [(begin, middle), (middle, end)]
            continue
        at = end
        while True:
            constant_from = max(cheaper.serves_from(at, begin), costlier.serves_from(at, begin))
            if constant_from <= begin:
                break
            at = min(math.nextafter(constant_from, -math.inf), at - APART)
            if at <= begin:
                break
            if found := turned(at):
                return _nearest(found, turned)
    return None


def _nearest(found: ReversalPoint, turned: Callable[[float], ReversalPoint | None]) -> ReversalPoint:
    """A turn from which on, seen from 0, the order is the other way round: as near to 0 as halving finds one."""
    holds = 0.0
    while abs(found.t - holds) > NEAR:
        middle = turned((holds + found.t) / 2)
        if middle is None:
            holds = (holds + found.t) / 2
        else:
            found = middle
    return found
