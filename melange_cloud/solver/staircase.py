"""Capacity -> the cheapest bundle of instances, exactly: for routers that do not distinguish requests, without quotas.

For these a fleet's capacity is one number. If the whole workload would keep ``load`` replicas of a kind busy, each of
them serves 1 / load of it, whatever the others do. So a fleet serves

    capacity = Σ over kinds of usable replicas / load          (1 is the workload that the loads are of)

and the cheapest fleet for a demand is the cheapest bundle with at least that capacity. As the demand rises, the cost is
a staircase, and no solver is needed. With a spare, the usable replicas of a kind are those left without its largest
instance; every kind then still has its own lowest cost per number of usable replicas, and nothing else changes.

The search goes through the kinds by the cost of a unit of capacity in filled instances, cheapest first. It tries each
with as many replicas as are missing down to none. The rest then costs at least its capacity at the next kind's price;
once that cannot beat the best bundle, fewer replicas cannot either. The cost of a number of replicas of one kind is an
exact covering (``covering.py``), which does not depend on the loads. All costs are whole nano-USD/h.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count as count_from
from math import ceil, fsum, isfinite

from melange_cloud.domain import Kind, OfferNumbers, Problem
from melange_cloud.solver.checks import WHOLE_TOLERANCE, with_traffic
from melange_cloud.solver.covering import CoveringItem, Coverings, NodeBudgetSpent, cover, nano_usd

NODE_BUDGET = 20_000
"""Limit of the numbers of replicas tried in one search (about 0.05 s); kinds that cost the same per unit may need more
at huge demands."""

NEXT = 1 + 2 * WHOLE_TOLERANCE
"""The next step is searched just beyond a bundle's capacity, at this factor of it."""

MOST_REMEMBERED = 50_000
"""Limit of cached costs of single kinds, so that a long run does not need more and more memory."""

ROOT_TOLERANCE = 1e-12
"""Precision with which ``along`` finds where a bundle is full, as a fraction of the searched span."""


@dataclass(frozen=True, slots=True)
class Step:
    """The cheapest bundle for a demand; it stays the cheapest up to its capacity.

    Attributes:
        fleet_nano_usd_per_hour: its cost.
        capacity: what it serves, in units of the workload of the loads.
        instances: by (offer name, kind); positive counts only.
        replicas: usable ones by kind, positive counts only.
    """

    fleet_nano_usd_per_hour: int
    capacity: float
    instances: Mapping[tuple[str, Kind], int]
    replicas: Mapping[Kind, int]

    @property
    def fleet_usd_per_hour(self) -> float:
        """Its cost, USD/h."""
        return self.fleet_nano_usd_per_hour / 1e9


@dataclass(frozen=True, slots=True)
class Tread:
    """A range (low, high] of a quantity over which one bundle is the cheapest; the first one includes its low end.

    ``step`` is None if no bundle can serve.
    """

    low: float
    high: float
    step: Step | None


class Staircase:
    """The cheapest bundle for every demand on the same offers.

    Args:
        offers: what may be rented, with unique names.
        loads: kind -> replicas that the whole workload would keep busy, positive and finite; kinds that cannot serve it
            are left out.
        spare: 1 if the demand must still be served after the loss of any one instance.
    """

    __slots__ = ("_costs", "_names", "_order", "_spare", "loads")

    def __init__(self, offers: Iterable[OfferNumbers], loads: Mapping[Kind, float], spare: int = 0) -> None:
        self._names = tuple(
            (offer.name, offer.gpu, offer.gpu_count, nano_usd(offer.usd_per_instance_hour))
            for offer in sorted(offers, key=lambda offer: offer.name)
        )
        self._spare = spare
        self._costs: dict[Kind, _KindCosts] = {}
        self._take(loads)

    def _take(self, loads: Mapping[Kind, float]) -> None:
        for kind, load in loads.items():
            if not (isfinite(load) and load > 0):
                raise ValueError(f"the load of {kind} is {load}")
            if kind not in self._costs:
                self._costs[kind] = _costs_of(self._names, kind, self._spare)
        self.loads = dict(loads)
        hosted = [kind for kind in sorted(loads) if self._costs[kind].hosted]
        self._order = sorted(hosted, key=lambda kind: (self._costs[kind].nano_usd_per_replica * loads[kind], kind))

    def with_loads(self, loads: Mapping[Kind, float]) -> "Staircase":
        """The same offers with other loads; the costs of replicas are not computed again."""
        other = object.__new__(Staircase)
        other._names, other._spare, other._costs = self._names, self._spare, self._costs
        other._take(loads)
        return other

    def cheapest(self, demand: float = 1.0) -> Step | None:
        """The cheapest bundle whose capacity is at least ``demand``; None if no offer hosts a kind that serves.

        Args:
            demand: in units of the workload of the loads; positive and finite. A bundle that misses it by less than
                WHOLE_TOLERANCE of itself is enough, as everywhere.

        Returns:
            Among bundles that cost the same: one kind before several, then fewest instances, then the most capacity,
            then the first by name; within one kind the choice of ``covering.cover``.

        Raises:
            NodeBudgetSpent: the search used up NODE_BUDGET, so nothing is proven.
        """
        if not (isfinite(demand) and demand > 0):
            raise ValueError(f"a demand of {demand} has no cheapest bundle")
        if not self._order:
            return None
        costs = [self._costs[kind] for kind in self._order]
        loads = [self.loads[kind] for kind in self._order]
        replicas = _BundleSearch(costs, loads, demand * (1 - WHOLE_TOLERANCE)).best()
        return self._step({kind: held for kind, held in zip(self._order, replicas, strict=True) if held})

    def steps(self, low: float, high: float) -> list[Tread]:
        """All cheapest bundles for demands from ``low`` to ``high``, in rising order; steps closer than NEXT are one.

        Args:
            low, high: 0 < low <= high, in units of the workload of the loads.

        Raises:
            NodeBudgetSpent: a search used up NODE_BUDGET.
        """
        return list(self.rising(low, high))

    def rising(self, low: float, high: float) -> Iterator[Tread]:
        """``steps``, one at a time."""
        at = begin = low
        while begin < high or at == low:
            step = self.cheapest(at)
            end = high if step is None else min(high, max(step.capacity, at))
            yield Tread(begin, end, step)
            begin, at = end, max(end, at) * NEXT

    def along(
        self, loads_at: Callable[[float], Mapping[Kind, float]], low: float, high: float, demand: float = 1.0
    ) -> list[Tread]:
        """The cheapest bundles over a quantity on which the loads depend, in rising order of it.

        Args:
            loads_at: the loads at a value of it; none may rise with it, and every value must have all kinds.
            low, high: low < high.
            demand: the demand at every value.

        Returns:
            Ranges (low, high] with the bundle that is cheapest there: it serves the demand from the low end on, found
            to ROOT_TOLERANCE of the span, and not below it.

        Raises:
            NodeBudgetSpent: a search used up NODE_BUDGET.
        """
        treads: list[Tread] = []
        span = high - low
        at = end = high
        while True:
            step = self.with_loads(loads_at(at)).cheapest(demand)
            begin = low if step is None else _lowest_that_holds(step.replicas, loads_at, low, at, demand, span)
            treads.append(Tread(begin, end, step))
            end = begin
            at = begin - ROOT_TOLERANCE * span
            if at <= low:
                break
        treads[-1] = Tread(low, treads[-1].high, treads[-1].step)
        return treads[::-1]

    def capacity(self, replicas: Mapping[Kind, int]) -> float:
        """What usable replicas serve, in units of the workload of the loads."""
        return fsum(held / self.loads[kind] for kind, held in replicas.items())

    def _step(self, replicas: Mapping[Kind, int]) -> Step:
        instances: dict[tuple[str, Kind], int] = {}
        usable: dict[Kind, int] = {}
        spent = 0
        for kind in sorted(replicas):
            costs = self._costs[kind]
            spent += costs.nano_usd(replicas[kind])
            counts = costs.counts(replicas[kind])
            for name, count in sorted(counts.items()):
                instances[name, kind] = count
            usable[kind] = costs.usable(counts)
        return Step(spent, self.capacity(usable), instances, usable)


def staircase_of(problem: Problem) -> Staircase | None:
    """The staircase on which ``problem`` is a demand of 1; None if no staircase answers it exactly.

    That is the case if the router distinguishes requests, if quotas limit, or if nothing can serve.
    """
    problem = with_traffic(problem)
    if problem.quotas or len(problem.rows) != 1:
        return None
    loads = {kind: load for (_, kind), load in problem.load_of_rows().items()}
    staircase = Staircase(problem.offers, loads, problem.spare)
    return staircase if staircase._order else None  # noqa: SLF001 - its own module


class _KindCosts:
    """The lowest cost of a number of usable replicas of one kind, and their instances."""

    __slots__ = ("_below", "_coverings", "_hosts", "_items", "_spare", "_spent", "least_nano_usd",
                 "nano_usd_per_replica")  # fmt: skip

    def __init__(self, items: tuple[CoveringItem, ...], spare: int) -> None:
        self._items, self._spare = items, spare
        self._hosts = {item.name: item.replicas_per_instance for item in items}
        self._spent: dict[int, int] = {}
        self._below: dict[int, int] = {}
        self._coverings: list[tuple[int, Coverings]] = []
        self.nano_usd_per_replica = 0.0
        self.least_nano_usd = 0
        if not items:
            return
        if spare:
            # With a spare: one instance of the largest item used, on top of a covering by items that are not larger.
            for largest in sorted(self._hosts_once()):
                each = min(item.nano_usd_per_instance_hour for item in items if item.replicas_per_instance == largest)
                no_larger = [item for item in items if item.replicas_per_instance <= largest]
                self._coverings.append((each, Coverings(no_larger)))
        else:
            self._coverings.append((0, Coverings(items)))
        self.nano_usd_per_replica = min(coverings.nano_usd_per_replica for _, coverings in self._coverings)
        self.least_nano_usd = self.nano_usd(1)

    def _hosts_once(self) -> set[int]:
        return set(self._hosts.values())

    @property
    def hosted(self) -> bool:
        """True if any offer hosts the kind."""
        return bool(self._items)

    def nano_usd(self, replicas: int) -> int:
        """The lowest cost of ``replicas`` usable replicas, nano-USD/h."""
        if replicas == 0:
            return 0
        spent = self._spent.get(replicas)
        if spent is None:
            spent = min(each + coverings.nano_usd(replicas) for each, coverings in self._coverings)
            if len(self._spent) > MOST_REMEMBERED:
                self._spent.clear()
            self._spent[replicas] = spent
        return spent

    def below(self, replicas: int) -> int:
        """The largest number below ``replicas`` that costs less; ``replicas`` is at least 1."""
        found = self._below.get(replicas)
        if found is None:
            spent = self.nano_usd(replicas)
            found = next(fewer for fewer in count_from(replicas - 1, -1) if self.nano_usd(fewer) < spent)
            if len(self._below) > MOST_REMEMBERED:
                self._below.clear()
            self._below[replicas] = found
        return found

    def counts(self, replicas: int) -> dict[str, int]:
        """The instances, by offer name."""
        if not self._spare:
            return self._coverings[0][1].counts(replicas)
        return cover(self._items, replicas, None, self._spare) or {}

    def usable(self, counts: Mapping[str, int]) -> int:
        """The number of usable replicas on the instances."""
        held = sum(self._hosts[name] * count for name, count in counts.items())
        return held - self._spare * max((self._hosts[name] for name, count in counts.items() if count), default=0)


@lru_cache(maxsize=1024)
def _costs_of(offers: tuple[tuple[str, str, int, int], ...], kind: Kind, spare: int) -> _KindCosts:
    items = tuple(
        CoveringItem(name, gpu_count // kind.tensor_parallel, spent)
        for name, gpu, gpu_count, spent in offers
        if gpu == kind.gpu and gpu_count >= kind.tensor_parallel
    )
    return _KindCosts(items, spare)


class _BundleSearch:
    """The search for one demand, with kinds in the order of their cost per unit of capacity."""

    def __init__(self, costs: list[_KindCosts], loads: list[float], demand: float) -> None:
        self.costs, self.loads, self.demand = costs, loads, demand
        self.price = [kind.nano_usd_per_replica * load for kind, load in zip(costs, loads, strict=True)]
        least = [kind.least_nano_usd for kind in costs]
        self.least_after = [min(least[at + 1 :], default=0) for at in range(len(costs))]
        self.chosen = [0] * len(costs)
        self.found: tuple[int, ...] = ()
        self.spent = -1
        self.limit = 0.0
        self.nodes = 0

    def best(self) -> tuple[int, ...]:
        """Usable replicas by kind."""
        for at in range(len(self.costs)):
            most = self._missing(at, self.demand)
            self.chosen[at] = most
            self._take(self.costs[at].nano_usd(most))
            self.chosen[at] = 0
        self._from(0, self.demand, 0)
        return self.found

    def _missing(self, at: int, demand: float) -> int:
        return max(1, ceil(demand * self.loads[at]))

    def _take(self, spent: int) -> None:
        if 0 <= self.spent < spent or (spent == self.spent and self._rank(self.chosen) >= self._rank(self.found)):
            return
        self.found, self.spent = tuple(self.chosen), spent
        # Bounds are floating point; their error is less than this.
        self.limit = spent * (1 + 1e-12) + 0.5

    def _rank(self, replicas: Iterable[int]) -> tuple[bool, int, float, tuple[int, ...]]:
        instances, capacity = 0, 0.0
        replicas = tuple(replicas)
        for kind, load, held in zip(self.costs, self.loads, replicas, strict=True):
            if held:
                counts = kind.counts(held)
                instances += sum(counts.values())
                capacity += kind.usable(counts) / load
        return sum(map(bool, replicas)) > 1, instances, -capacity, tuple(-held for held in replicas)

    def _from(self, at: int, demand: float, spent: int) -> None:
        """Try all ways to serve ``demand`` with the kinds from ``at`` on; the earlier kinds have cost ``spent``."""
        kind, load, chosen = self.costs[at], self.loads[at], self.chosen
        held = self._missing(at, demand)
        total = spent + kind.nano_usd(held)
        if total <= self.limit:
            chosen[at] = held
            self._take(total)
        if at + 1 < len(chosen):
            price, next_price, least_after = self.price[at], self.price[at + 1], self.least_after[at]
            while held:
                self.nodes += 1
                if self.nodes > NODE_BUDGET:
                    raise NodeBudgetSpent
                held = kind.below(held)
                part = held / load
                rest = demand - part
                after = rest * next_price
                if spent + part * price + after > self.limit:
                    break
                cost = spent + kind.nano_usd(held)
                if cost + max(after, least_after) <= self.limit:
                    chosen[at] = held
                    self._from(at + 1, rest, cost)
        chosen[at] = 0


def _lowest_that_holds(
    replicas: Mapping[Kind, int],
    loads_at: Callable[[float], Mapping[Kind, float]],
    low: float,
    high: float,
    demand: float,
    span: float,
) -> float:
    """The lowest value at which replicas serve the demand, as they do at ``high``; regula falsi that cannot stall."""

    def over(at: float) -> float:
        loads = loads_at(at)
        return fsum(held / loads[kind] for kind, held in replicas.items()) / demand - (1 - WHOLE_TOLERANCE)

    below, above = over(low), over(high)
    if below >= 0:
        return low
    if above <= 0:
        return high
    side = 0
    while high - low > ROOT_TOLERANCE * span:
        middle = (low * above - high * below) / (above - below)
        middle = min(max(middle, low + ROOT_TOLERANCE * span / 2), high - ROOT_TOLERANCE * span / 2)
        here = over(middle)
        if here >= 0:
            if side > 0:
                below /= 2
            high, above, side = middle, here, 1
        else:
            if side < 0:
                above /= 2
            low, below, side = middle, here, -1
    return high
