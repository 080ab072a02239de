"""Cost: the paper's program on three workloads, against fleets of one GPU type, over rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comparisons import Found

from melange_cloud import solver
from melange_cloud.domain import MaxTput, OfferNumbers, Problem, Slo, UnservableSize, Workload
from melange_cloud.errors import NoPlan
from melange_cloud.workload import load_workload

WORKLOADS = {"chat": "Arena", "document": "PubMed", "mixed": "Mixed"}
"""Our workloads, and what the paper calls those that they stand for."""

TARGETS_MS = (120, 40)


@dataclass(frozen=True)
class Costs:
    """One workload, target and rate.

    Attributes:
        mix_usd_per_hour: the paper's program: a bucket in slices, charged at its upper edges.
        shares_usd_per_hour: the same with continuous shares, which are never dearer.
        fleet: GPU -> how many, of the mix.
        single_usd_per_hour: GPU -> the cheapest fleet of it alone; None where it cannot serve all sizes in time.
        why_not_alone: GPU -> why it has none.
    """

    workload: str
    tpot_ms: int
    requests_per_s: float
    mix_usd_per_hour: float
    shares_usd_per_hour: float
    fleet: Mapping[str, int]
    single_usd_per_hour: Mapping[str, float | None]
    why_not_alone: Mapping[str, str]

    def savings(self) -> dict[str, float]:
        """By what fraction the mix is cheaper than each GPU alone."""
        return {
            gpu: 1 - self.mix_usd_per_hour / usd_per_hour
            for gpu, usd_per_hour in self.single_usd_per_hour.items()
            if usd_per_hour is not None
        }


def upper_edges(workload: Workload, edges: Mapping[str, list[int]]) -> dict[tuple[float, float], float]:
    """Shares by the paper's upper bucket edges; what lies beyond the last edge counts as the last bucket."""
    shares: dict[tuple[float, float], float] = {}
    for bucket in workload.buckets:
        size = tuple(
            next((edge for edge in edges[name] if edge >= high), edges[name][-1])
            for name, high in (("input_tokens", bucket.input_high_tokens), ("output_tokens", bucket.output_high_tokens))
        )
        shares[size[0], size[1]] = shares.get((size[0], size[1]), 0.0) + bucket.share
    return shares


def mean_sizes(workload: Workload) -> dict[tuple[float, float], float]:
    """Shares by the mean sizes of the buckets, which is what `plan` charges."""
    return {(bucket.mean_input_tokens, bucket.mean_output_tokens): bucket.share for bucket in workload.buckets}


def all_costs(paper: Mapping[str, Any], found: Found) -> list[Costs]:
    """Every workload, target and rate of the paper's evaluation."""
    answers = []
    for name in WORKLOADS:
        shares = upper_edges(load_workload(name), paper["edges"])
        for tpot_ms in TARGETS_MS:
            why_not = _why_not_alone(shares, tpot_ms, found)
            for requests_per_s in paper["savings"]["requests_per_s"]:
                problem = _problem(shares, tpot_ms, requests_per_s, paper["usd_per_hour"], found)
                answers.append(_costs(name, tpot_ms, requests_per_s, problem, why_not, paper))
    return answers


def _problem(
    shares: Mapping[tuple[float, float], float],
    tpot_ms: int,
    requests_per_s: float,
    usd_per_hour: Mapping[str, float],
    found: Found,
) -> Problem:
    """Every GPU an instance of its own; every bucket may be sent where it is cheapest (the oracle's router)."""
    names = {size: f"in{size[0]:05.0f}_out{size[1]:05.0f}" for size in shares}
    rates = {
        (name, kind): served.requests_per_s
        for size, name in names.items()
        for kind, profile in found.items()
        if isinstance(served := profile.max_tput(*size, Slo(tpot_ms=float(tpot_ms))), MaxTput)
    }
    kinds = tuple(sorted({kind for _, kind in rates}))
    return Problem(
        offers=tuple(OfferNumbers(kind.gpu, kind.gpu, 1, 0, "", usd_per_hour[kind.gpu]) for kind in kinds),
        kinds=kinds,
        planned_requests_per_s={names[size]: requests_per_s * share for size, share in shares.items()},
        row_of_bucket={name: name for name in names.values()},
        max_tput_requests_per_s=rates,
    )


def _why_not_alone(shares: Mapping[tuple[float, float], float], tpot_ms: int, found: Found) -> dict[str, str]:
    """GPU -> why it cannot serve the size with most traffic of those that it cannot."""
    reasons: dict[str, str] = {}
    for size, _ in sorted(shares.items(), key=lambda entry: (-entry[1], entry[0])):
        for kind, profile in found.items():
            served = profile.max_tput(*size, Slo(tpot_ms=float(tpot_ms)))
            if isinstance(served, UnservableSize):
                reasons.setdefault(kind.gpu, served.reason)
    return reasons


def _costs(
    name: str,
    tpot_ms: int,
    requests_per_s: float,
    problem: Problem,
    why_not: Mapping[str, str],
    paper: Mapping[str, Any],
) -> Costs:
    sliced = solver.solve(problem, slices=paper["slice_factor"], even=False)
    shared = solver.solve(problem, even=False)
    if sliced.fleet_usd_per_hour is None or shared.fleet_usd_per_hour is None:
        raise NoPlan(f"{name} at {tpot_ms} ms has no fleet: {sliced.reason or shared.reason}")
    alone = {kind.gpu: solver.cheapest_single_kind(problem, kind).fleet_usd_per_hour for kind in problem.kinds}
    return Costs(
        workload=name,
        tpot_ms=tpot_ms,
        requests_per_s=requests_per_s,
        mix_usd_per_hour=sliced.fleet_usd_per_hour,
        shares_usd_per_hour=shared.fleet_usd_per_hour,
        fleet={offer: count for (offer, _), count in sorted(sliced.instances.items())},
        single_usd_per_hour={gpu: alone.get(gpu) for gpu in paper["usd_per_hour"]},
        why_not_alone=why_not,
    )
