"""MaxTput of every bucket on every kind, for the requested targets and for others."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from melange_cloud import profiles
from melange_cloud.domain import (
    Bucket,
    Kind,
    MaxTputTable,
    MissingProfile,
    Offer,
    PlanBasis,
    Slo,
    UnservableSize,
    row_loads,
)
from melange_cloud.planner.error_bars import shifted
from melange_cloud.planner.obstacles import percent
from melange_cloud.planner.posed_problem import row_of_bucket

_WORTH_SAYING = 0.005


@dataclass(frozen=True, slots=True)
class ProfileEvaluation:
    """The profiles of all GPUs that have a price here, and what they say of the workload.

    Attributes:
        max_tput: what is planned with: as stated, or the low end where the plan is pessimistic.
        better, stated, worse: at the high end of every profile's error, as the profiles state it, at the low end.
        no_profile: GPU or kind -> why it has no profile.
        missing: the same, each with its GPU and degree.
        profiles: what the figures are derived from.
        buckets: the workload's, with traffic.
        pessimistic: whether ``at`` gives the low end.
        api_servers: HTTP server processes of each replica.
    """

    max_tput: MaxTputTable
    better: MaxTputTable
    stated: MaxTputTable
    worse: MaxTputTable
    no_profile: Mapping[str, str]
    missing: tuple[MissingProfile, ...]
    profiles: Mapping[Kind, profiles.Profile]
    buckets: tuple[Bucket, ...]
    pessimistic: bool
    api_servers: int

    @property
    def may_be_few(self) -> bool:
        """Whether some size is refused as stated and served at the high end of its error."""
        return any(isinstance(cell, UnservableSize) and cell.may_be is not None for cell in self.stated.values())

    def at(self, slo: Slo, kinds: Iterable[Kind] | None = None, api_servers: int | None = None) -> MaxTputTable:
        """What would be planned with under other targets, or other front ends; no kinds are every kind."""
        asked = self.profiles if kinds is None else {kind: self.profiles[kind] for kind in kinds}
        table = _table(asked, self.buckets, slo, self.api_servers if api_servers is None else api_servers)
        return shifted(table, -1) if self.pessimistic else table


def evaluate(basis: PlanBasis, buckets: tuple[Bucket, ...], offers: Iterable[Offer]) -> ProfileEvaluation:
    """Every bucket on every kind whose GPU is in one of the offers.

    Raises:
        BadInput, BadFile: there are no such profiles, or one is broken.
    """
    gpus = {offer.instance_type.gpu for offer in offers}
    by_kind, no_profile = _profiles(basis, gpus, basis.traffic.cached_input)
    stated = _table(by_kind, buckets, basis.targets.slo, basis.served.api_servers)
    worse = shifted(stated, -1)
    return ProfileEvaluation(
        max_tput=worse if basis.served.pessimistic else stated,
        better=shifted(stated, 1),
        stated=stated,
        worse=worse,
        no_profile={str(key): reason for key, reason in no_profile.items()},
        missing=tuple(_missing(no_profile)),
        profiles=by_kind,
        buckets=buckets,
        pessimistic=basis.served.pessimistic,
        api_servers=basis.served.api_servers,
    )


def _missing(no_profile: Mapping[str | Kind, str]) -> Iterator[MissingProfile]:
    for key, reason in no_profile.items():
        gpu, degree = key if isinstance(key, Kind) else (key, None)
        yield MissingProfile(gpu, degree, reason)


def without_prefix_cache(basis: PlanBasis, evaluated: ProfileEvaluation) -> MaxTputTable:
    """What would be planned with if no input came from a prefix cache."""
    by_kind, _ = _profiles(basis, {kind.gpu for kind in evaluated.profiles}, 0.0)
    table = _table(by_kind, evaluated.buckets, basis.targets.slo, evaluated.api_servers)
    return shifted(table, -1) if evaluated.pessimistic else table


def _profiles(
    basis: PlanBasis, gpus: Iterable[str], cached_input: float
) -> tuple[Mapping[Kind, profiles.Profile], Mapping[str | Kind, str]]:
    served = basis.served
    config = None if served.config is None else Path(served.config)
    engine = served.engine or None
    return profiles.load_profiles(
        served.model, served.precision, served.era, sorted(gpus), config, engine, cached_input
    )


def front_end_notice(shares: Iterable[tuple[str, float]], api_servers: int) -> tuple[str, ...]:
    """Which GPUs the HTTP front end limits, and for which part of their load; none where it limits none.

    Args:
        shares: (GPU, part of a load that fills the front end sooner than the engine); of one GPU the largest is said.
        api_servers: processes of each replica.
    """
    most: dict[str, float] = {}
    for gpu, share in shares:
        most[gpu] = max(most.get(gpu, 0.0), share)
    limited = [
        gpu if share > 1 - _WORTH_SAYING else f"{gpu} for {percent(share)} of its load"
        for gpu, share in sorted(most.items())
        if share >= _WORTH_SAYING
    ]
    if not limited:
        return ()
    servers = f"{api_servers} API server{'' if api_servers == 1 else 's'} per replica"
    return (f"the HTTP front end ({servers}) limits {', '.join(limited)}; see --api-servers",)


def front_end_shares(evaluated: ProfileEvaluation, kinds: Iterable[Kind], router: str) -> list[tuple[str, float]]:
    """For ``front_end_notice``: of kinds that would serve all that they can of the workload."""
    planned = {bucket.name: bucket.share for bucket in evaluated.buckets}
    rows = row_loads(evaluated.max_tput, sorted(set(kinds)), planned, row_of_bucket(evaluated.buckets, router))
    loads: dict[Kind, tuple[float, float]] = {}
    for (_, kind), load in rows.items():
        limited, whole = loads.get(kind, (0.0, 0.0))
        loads[kind] = limited + (load.charged if load.front_end_binds else 0.0), whole + load.charged
    return [(kind.gpu, limited / whole) for kind, (limited, whole) in sorted(loads.items())]


def _table(
    by_kind: Mapping[Kind, profiles.Profile], buckets: tuple[Bucket, ...], slo: Slo, api_servers: int
) -> MaxTputTable:
    return {
        (bucket.name, kind): profiles.served_max_tput(
            profile,
            (bucket.mean_input_tokens, bucket.mean_output_tokens),
            slo,
            bucket.longest_total_tokens,
            api_servers,
        )
        for kind, profile in sorted(by_kind.items())
        for bucket in buckets
    }
