"""The question as numbers, and the solver's answer as numbers."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from melange_cloud.domain.gpu_kinds import Kind


@dataclass(frozen=True, slots=True)
class OfferNumbers:
    """An offer in the form that the model needs. ``name`` is the instance type's, unique within a Problem."""

    name: str
    gpu: str
    gpu_count: int
    vcpus: int
    quota_family: str
    usd_per_instance_hour: float

    def replicas_per_instance(self, kind: Kind) -> int:
        """Replicas of ``kind`` that one instance hosts; 0 if it has another GPU or too few GPUs."""
        return kind.per_instance(self.gpu, self.gpu_count)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Upper limits per region: GPUs by GPU, instances by instance type, vCPUs by quota family."""

    max_gpus: Mapping[str, int] = field(default_factory=dict)
    max_instances: Mapping[str, int] = field(default_factory=dict)
    max_vcpus: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.max_gpus or self.max_instances or self.max_vcpus)


@dataclass(frozen=True)
class Problem:
    """One region's question as plain numbers keyed by plain strings: everything that the model needs.

    Attributes:
        offers: what may be rented, sorted by name.
        kinds: what may serve, sorted; each hosted by at least one offer.
        planned_requests_per_s: by bucket name; buckets with traffic only. Requests/s, headroom included.
        row_of_bucket: what the router can tell apart; bucket name -> row name.
        max_tput_requests_per_s: by (bucket name, kind); absent if the kind cannot serve the bucket. Positive.
        quotas: upper limits; empty if none.
        spare: 0, or 1 if the fleet must survive losing any one instance.
        front_end_requests_per_s: the front end's rate by (bucket name, kind), if a replica's engine and its HTTP front
            end are two separate limits. Empty if ``max_tput_requests_per_s`` is the only limit.
    """

    offers: tuple[OfferNumbers, ...]
    kinds: tuple[Kind, ...]
    planned_requests_per_s: Mapping[str, float]
    row_of_bucket: Mapping[str, str]
    max_tput_requests_per_s: Mapping[tuple[str, Kind], float]
    quotas: Quotas = Quotas()
    spare: int = 0
    front_end_requests_per_s: Mapping[tuple[str, Kind], float] = field(default_factory=dict)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The rows that have traffic, sorted."""
        return tuple(sorted({self.row_of_bucket[bucket] for bucket in self.planned_requests_per_s}))

    @cached_property
    def key(self) -> Hashable:
        """Equal for equal questions, in whatever order their numbers were added."""
        quotas = self.quotas
        return (
            self.offers,
            self.kinds,
            frozenset(self.planned_requests_per_s.items()),
            frozenset(self.row_of_bucket.items()),
            frozenset(self.max_tput_requests_per_s.items()),
            frozenset(quotas.max_gpus.items()),
            frozenset(quotas.max_instances.items()),
            frozenset(quotas.max_vcpus.items()),
            self.spare,
            frozenset(self.front_end_requests_per_s.items()),
        )

    def load_of_rows(self) -> Mapping[tuple[str, Kind], float]:
        """Replicas that each kind would keep busy by serving a whole row; only (row, kind) pairs that are servable.

        A pair is servable if the kind has a MaxTput for *every* bucket with traffic in the row.
        """
        return self._load_of_rows

    @cached_property
    def front_end_load_of_rows(self) -> Mapping[tuple[str, Kind], float]:
        """Replicas whose front ends a kind would keep busy by serving a whole row; empty if they do not limit."""
        if not self.front_end_requests_per_s:
            return MappingProxyType({})
        return MappingProxyType(self._loads_by(self.front_end_requests_per_s))

    @cached_property
    def _load_of_rows(self) -> Mapping[tuple[str, Kind], float]:
        return MappingProxyType(self._loads_by(self.max_tput_requests_per_s))

    def _loads_by(self, most_requests_per_s: Mapping[tuple[str, Kind], float]) -> dict[tuple[str, Kind], float]:
        """Replicas that whole rows keep busy at these rates by (bucket name, kind)."""
        loads: dict[tuple[str, Kind], float] = {}
        for kind in self.kinds:
            unservable = set()
            for bucket in sorted(self.planned_requests_per_s):
                row = self.row_of_bucket[bucket]
                most = most_requests_per_s.get((bucket, kind))
                if most is None:
                    unservable.add(row)
                else:
                    loads[row, kind] = loads.get((row, kind), 0.0) + self.planned_requests_per_s[bucket] / most
            for row in unservable:
                loads.pop((row, kind), None)
        return loads


class Status(StrEnum):
    """How the search ended; read before any value.

    optimal: a fleet, proven cheapest. feasible: a fleet, not proven. infeasible: no fleet can serve it. unknown: none
    was found in time, or data is missing.
    """

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"

    @property
    def has_fleet(self) -> bool:
        """True if a fleet was found, proven cheapest or not."""
        return self in (Status.OPTIMAL, Status.FEASIBLE)


@dataclass(frozen=True, slots=True)
class Solution:
    """The solver's answer as numbers, verified in plain arithmetic.

    Attributes:
        instances: by (offer name, kind); positive counts only. Empty unless ``status.has_fleet``.
        shares: by (row, kind); positive shares only, summing to 1 per row.
        fleet_usd_per_hour: cost of the instances, USD/h; None without a fleet.
        fleet_lower_bound_usd_per_hour: no fleet can cost less, USD/h; None if unknown.
        solver: the solver whose answer this is (``glpk``, ``cbc``, ``highs``, or ``covering`` where none was needed).
        reason: why there is no fleet, one clause; empty otherwise.
    """

    status: Status
    instances: Mapping[tuple[str, Kind], int] = field(default_factory=dict)
    shares: Mapping[tuple[str, Kind], float] = field(default_factory=dict)
    fleet_usd_per_hour: float | None = None
    fleet_lower_bound_usd_per_hour: float | None = None
    solver: str = ""
    reason: str = ""

    @property
    def instance_counts(self) -> dict[str, int]:
        """Instances by instance type, for all degrees together."""
        counts: dict[str, int] = {}
        for (name, _), count in sorted(self.instances.items()):
            counts[name] = counts.get(name, 0) + count
        return counts

    @property
    def is_proven(self) -> bool:
        """True if the search was completed, with the cheapest fleet or the proof that there is none."""
        return self.status in (Status.OPTIMAL, Status.INFEASIBLE)

    @property
    def gap(self) -> float | None:
        """(cost - bound) / cost; None if either is unknown."""
        if self.fleet_usd_per_hour is None or self.fleet_lower_bound_usd_per_hour is None:
            return None
        if self.fleet_usd_per_hour == 0:
            return 0.0
        return max(0.0, (self.fleet_usd_per_hour - self.fleet_lower_bound_usd_per_hour) / self.fleet_usd_per_hour)
