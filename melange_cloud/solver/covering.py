"""Exact covering in whole numbers: the cheapest instances that host a number of replicas of one kind.

A solver's instances are right only to its tolerances, and among equal costs it may return 134 instances instead of 26.
Here cost comes first, then fewest instances, then a fixed order of the items; all in integers, without any tolerance.
Prices are whole nano-USD per hour: a net price such as 1.006 x 0.8777 is not a multiple of a micro-USD, and rounding it
to one would make equal costs unequal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

NODE_BUDGET = 20_000
"""Limit of nodes in the search under quotas (about 0.1 s); beyond it the caller keeps what it has."""

Rank = tuple[int, int, tuple[int, ...]]
"""What ``cover`` minimises: nano-USD/h, instances, and the negated counts in the items' fixed order."""


class NodeBudgetSpent(Exception):
    """The search under quotas used up its node budget, so nothing is proven, not even that there is no covering."""


@dataclass(frozen=True, slots=True)
class CoveringItem:
    """One offer as a host of one kind; ``limits`` has the quotas that each instance uses, and how much of each."""

    name: str
    replicas_per_instance: int
    nano_usd_per_instance_hour: int
    limits: tuple[tuple[str, int], ...] = ()


def cover(
    items: Iterable[CoveringItem], demand_replicas: int, left: Mapping[str, int] | None = None, spare: int = 0
) -> dict[str, int] | None:
    """The cheapest counts by item name that host ``demand_replicas``; positive counts only.

    Args:
        items: what may be rented, with unique names, each hosting at least one replica.
        demand_replicas: replicas needed; 0 needs nothing.
        left: what is left of each quota, by its name in ``CoveringItem.limits``; others do not limit.
        spare: 1 if the replicas must still be there after the loss of any one instance.

    Returns:
        Least cost, then fewest instances, then more of the item that is cheaper per replica, larger, first by name.
        None if there is no item, or if the quotas leave too little.

    Raises:
        NodeBudgetSpent: quotas limit the covering and the search used up NODE_BUDGET.
    """
    if demand_replicas <= 0:
        return {}
    ordered = sorted(items, key=_price_per_replica)
    counts = _cover_with_spare(ordered, demand_replicas, None) if spare else _cover_freely(ordered, demand_replicas)
    if counts is not None and left and not _fits(ordered, counts, left):
        counts = (
            _cover_with_spare(ordered, demand_replicas, left)
            if spare
            else _cover_within(ordered, demand_replicas, left)
        )
    return counts


def nano_usd(usd: float) -> int:
    """``usd`` in whole nano-USD."""
    return round(usd * 1e9)


def nano_usd_of(items: Iterable[CoveringItem], counts: Mapping[str, int]) -> int:
    """The cost of ``counts``, nano-USD/h."""
    return sum(item.nano_usd_per_instance_hour * counts.get(item.name, 0) for item in items)


def uses(items: Iterable[CoveringItem], counts: Mapping[str, int]) -> dict[str, int]:
    """How much of each quota ``counts`` uses."""
    used: dict[str, int] = {}
    for item in items:
        for quota, each in item.limits:
            used[quota] = used.get(quota, 0) + each * counts.get(item.name, 0)
    return used


def _fits(items: Iterable[CoveringItem], counts: Mapping[str, int], left: Mapping[str, int]) -> bool:
    return all(used <= left[quota] for quota, used in uses(items, counts).items() if quota in left)


def _price_per_replica(item: CoveringItem) -> tuple[Fraction, int, str]:
    return (
        Fraction(item.nano_usd_per_instance_hour, item.replicas_per_instance),
        -item.replicas_per_instance,
        item.name,
    )


def _rank(items: Sequence[CoveringItem], counts: Mapping[str, int]) -> Rank:
    return nano_usd_of(items, counts), sum(counts.values()), tuple(-counts.get(item.name, 0) for item in items)


def _plus(rank: Rank, item: CoveringItem, at: int, count: int) -> Rank:
    spent, instances, negated = rank
    negated = (*negated[:at], negated[at] - count, *negated[at + 1 :])
    return spent + item.nano_usd_per_instance_hour * count, instances + count, negated


def _cover_with_spare(
    items: Sequence[CoveringItem], demand_replicas: int, left: Mapping[str, int] | None
) -> dict[str, int] | None:
    """With a spare: one instance of the largest item used, on top of a covering by items that are not larger."""
    best: dict[str, int] | None = None
    for largest in items:
        no_larger = [item for item in items if item.replicas_per_instance <= largest.replicas_per_instance]
        if left is None:
            rest = _cover_freely(no_larger, demand_replicas)
        elif _fits([largest], {largest.name: 1}, left):
            taken = uses([largest], {largest.name: 1})
            rest = _cover_within(
                no_larger, demand_replicas, {quota: most - taken.get(quota, 0) for quota, most in left.items()}
            )
        else:
            continue
        if rest is not None:
            counts = rest | {largest.name: rest.get(largest.name, 0) + 1}
            if best is None or _rank(items, counts) < _rank(items, best):
                best = counts
    return best


def _cover_freely(items: Sequence[CoveringItem], demand_replicas: int) -> dict[str, int] | None:
    """The covering without quotas, in time that does not grow with the demand; ``items`` in their fixed order."""
    return Coverings(items).counts(demand_replicas) if items else None


class Coverings:
    """The cheapest covering of every demand by the same items, without quotas.

    Let s be the replicas of the first item in the fixed order, the cheapest per replica. Among any s other items, some
    together host a multiple of s (pigeonhole), and first items replace those at no higher cost and with no more
    instances. So fewer than s other items are ever needed, and they host fewer than s times the largest item's
    replicas: H. Every demand beyond H uses a first item, and the rest is the covering of s fewer replicas. A table up
    to H + s has all coverings; it grows as far as needed.

    Args:
        items: at least one, with unique names, each hosting at least one replica; in any order.
    """

    __slots__ = ("_first", "_items", "_periodic_after", "_ranks", "_size")

    def __init__(self, items: Iterable[CoveringItem]) -> None:
        first_of_its_size: dict[int, CoveringItem] = {}
        for item in sorted(items, key=_price_per_replica):
            first_of_its_size.setdefault(item.replicas_per_instance, item)
        self._items = tuple(first_of_its_size.values())
        self._first = self._items[0]
        self._size = self._first.replicas_per_instance
        self._periodic_after = (self._size - 1) * max(item.replicas_per_instance for item in self._items)
        self._ranks: list[Rank] = [(0, 0, (0,) * len(self._items))]

    @property
    def nano_usd_per_replica(self) -> float:
        """The lowest cost of a replica, in completely filled instances."""
        return self._first.nano_usd_per_instance_hour / self._size

    def nano_usd(self, demand_replicas: int) -> int:
        """The cost of the covering, nano-USD/h."""
        rank, firsts = self._rank(demand_replicas)
        return rank[0] + firsts * self._first.nano_usd_per_instance_hour

    def counts(self, demand_replicas: int) -> dict[str, int]:
        """Instances by item name; positive counts only."""
        rank, firsts = self._rank(demand_replicas)
        _, _, negated = _plus(rank, self._first, 0, firsts)
        return {item.name: -count for item, count in zip(self._items, negated, strict=True) if count}

    def _rank(self, demand_replicas: int) -> tuple[Rank, int]:
        """The covering of a demand within the table, and the number of first items to add for the requested demand."""
        firsts = max(0, -(-(demand_replicas - self._periodic_after - self._size) // self._size))
        demand = demand_replicas - firsts * self._size
        ranks = self._ranks
        while len(ranks) <= demand:
            ranks.append(
                min(
                    _plus(ranks[max(0, len(ranks) - item.replicas_per_instance)], item, at, 1)
                    for at, item in enumerate(self._items)
                )
            )
        return ranks[demand], firsts


def _cover_within(
    items: Sequence[CoveringItem], demand_replicas: int, left: Mapping[str, int]
) -> dict[str, int] | None:
    """The covering under quotas: depth first, most of the cheaper item first, so the first of equals is the result."""
    nodes = 0
    best: tuple[int, int] | None = None
    best_counts: dict[str, int] | None = None
    counts: dict[str, int] = {}
    remaining = dict(left)
    largest_after = [
        max((item.replicas_per_instance for item in items[at:]), default=0) for at in range(len(items) + 1)
    ]

    def search(at: int, missing: int, spent: int, instances: int) -> None:
        nonlocal nodes, best, best_counts
        if missing <= 0:
            best, best_counts = (spent, instances), {name: count for name, count in counts.items() if count}
            return
        if at == len(items):
            return
        item = items[at]
        most = -(-missing // item.replicas_per_instance)
        for quota, each in item.limits:
            if quota in remaining and each:
                most = min(most, remaining[quota] // each)
        for count in range(most, -1, -1):
            nodes += 1
            if nodes > NODE_BUDGET:
                raise NodeBudgetSpent
            still = missing - count * item.replicas_per_instance
            least = (spent + count * item.nano_usd_per_instance_hour, instances + count)
            if still > 0:
                if at + 1 == len(items):
                    break
                after = items[at + 1]
                least = (
                    least[0] + -(-still * after.nano_usd_per_instance_hour // after.replicas_per_instance),
                    least[1] + -(-still // largest_after[at + 1]),
                )
            if best is not None and least >= best:
                if still > 0 and least[0] > best[0]:
                    break
                continue
            for quota, each in item.limits:
                if quota in remaining:
                    remaining[quota] -= count * each
            counts[item.name] = count
            search(at + 1, still, spent + count * item.nano_usd_per_instance_hour, instances + count)
            counts[item.name] = 0
            for quota, each in item.limits:
                if quota in remaining:
                    remaining[quota] += count * each

    search(0, demand_replicas, 0, 0)
    return best_counts
