"""Checks of a Problem or a Solution in plain arithmetic, without any solver."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil, fsum, inf

from melange_cloud.domain import Kind, Problem, Solution
from melange_cloud.domain.money import equal_within
from melange_cloud.errors import BadInput

SHARE_TOLERANCE = 1e-6
"""By how much the sum of a row's shares may differ from 1."""

FIT_TOLERANCE = 1e-6
"""By how many replicas a kind may be overfull, and by what hundredth of its room."""

WHOLE_TOLERANCE = 1e-10
"""The fraction of a load that may be a floating-point error: 3.0000000000000004 replicas are three."""

MOST_REPLICAS = 1_000_000
"""Above this, answers are not exact: solvers work to about 1e-7 of a number, here a tenth of a replica."""


def refuse_numbers(problem: Problem) -> None:
    """Reject numbers for which no solver gives the right answer.

    Raises:
        BadInput: a rate, MaxTput or price is not a positive finite number, or more than MOST_REPLICAS are needed.
    """
    for bucket, rate in problem.planned_requests_per_s.items():
        if not 0 < rate < inf:
            raise BadInput(f"planned rate of {bucket}: {rate} is not a positive finite number")
    for (bucket, kind), rate in problem.max_tput_requests_per_s.items():
        if not 0 < rate < inf:
            raise BadInput(f"MaxTput of {kind} at {bucket}: {rate} is not a positive finite number")
    for offer in problem.offers:
        if not 0 < offer.usd_per_instance_hour < inf:
            raise BadInput(f"price of {offer.name}: {offer.usd_per_instance_hour} is not a positive finite number")
    least = least_replicas(problem)
    if least > MOST_REPLICAS:
        raise BadInput(
            f"this rate keeps {least:,.0f} or more replicas busy; plans are exact to {MOST_REPLICAS:,}: lower --rate"
        )


def why_impossible(problem: Problem) -> str:
    """Why no fleet can serve ``problem`` even without quotas, one clause; empty if one can."""
    if not problem.rows:
        return "there is no traffic"
    if not problem.offers:
        return "there are no offers"
    hosted = {kind for kind in problem.kinds if any(offer.replicas_per_instance(kind) for offer in problem.offers)}
    servable = {row for row, kind in problem.load_of_rows() if kind in hosted}
    stranded = [row for row in problem.rows if row not in servable]
    return f"no GPU on offer can serve all requests of {', '.join(stranded)}" if stranded else ""


def least_replicas(problem: Problem) -> float:
    """Replicas kept busy if every row is served by the fastest kind for it."""
    least: dict[str, float] = {}
    for (row, _), load in problem.load_of_rows().items():
        least[row] = min(load, least.get(row, inf))
    return fsum(least.values())


def with_traffic(problem: Problem) -> Problem:
    """``problem`` without the buckets whose rate is 0."""
    if all(problem.planned_requests_per_s.values()):
        return problem  # the same object, with the loads that it has already computed
    planned = {bucket: rate for bucket, rate in problem.planned_requests_per_s.items() if rate != 0}
    return replace(problem, planned_requests_per_s=planned)


def fleet_lower_bound_usd_per_hour(problem: Problem) -> float:
    """A lower bound of the cost, USD/h: each row on the cheapest kind for it, in fractions of instances."""
    per_replica = {
        kind: min(
            (
                offer.usd_per_instance_hour / hosts
                for offer in problem.offers
                if (hosts := offer.replicas_per_instance(kind))
            ),
            default=float("inf"),
        )
        for kind in problem.kinds
    }
    least: dict[str, float] = {}
    for (row, kind), load in problem.load_of_rows().items():
        least[row] = min(load * per_replica[kind], least.get(row, inf))
    return fsum(least.values())


def fleet_cost_usd_per_hour(problem: Problem, instances: Mapping[tuple[str, Kind], int]) -> float:
    """The cost of ``instances``, USD/h; to the nano-USD, so that 3.67 + 2 x 1.01 is 5.69."""
    price = {offer.name: offer.usd_per_instance_hour for offer in problem.offers}
    return round(fsum(price[name] * count for (name, _), count in sorted(instances.items())), 9)


def replicas_of(problem: Problem, instances: Mapping[tuple[str, Kind], int]) -> dict[Kind, int]:
    """Replicas by kind, for kinds that have any."""
    replicas: dict[Kind, int] = {}
    for offer in problem.offers:
        for kind in problem.kinds:
            if held := offer.replicas_per_instance(kind) * instances.get((offer.name, kind), 0):
                replicas[kind] = replicas.get(kind, 0) + held
    return replicas


def usable_replicas_of(problem: Problem, instances: Mapping[tuple[str, Kind], int]) -> dict[Kind, int]:
    """Replicas by kind that may be filled: all, or without the largest instance's if a spare is required."""
    usable = replicas_of(problem, instances)
    if problem.spare:
        for kind in usable:
            usable[kind] -= max(
                offer.replicas_per_instance(kind)
                for offer in problem.offers
                if instances.get((offer.name, kind), 0) > 0
            )
    return usable


def busy_replicas_of(problem: Problem, shares: Mapping[tuple[str, Kind], float]) -> dict[Kind, float]:
    """Busy replicas by kind, for kinds that serve anything: the larger of busy engines and busy front ends."""
    busy = _busy(problem.load_of_rows(), shares)
    if problem.front_end_load_of_rows:
        front_ends = _busy(problem.front_end_load_of_rows, shares)
        busy = {kind: max(load, front_ends[kind]) for kind, load in busy.items()}
    return busy


def _busy(loads: Mapping[tuple[str, Kind], float], shares: Mapping[tuple[str, Kind], float]) -> dict[Kind, float]:
    busy: dict[Kind, float] = {}
    for row, kind in sorted(shares):
        if shares[row, kind] > 0:
            busy[kind] = busy.get(kind, 0.0) + shares[row, kind] * loads[row, kind]
    return busy


def load_alone(problem: Problem, kind: Kind) -> float:
    """Replicas that a kind keeps busy by serving everything that it can."""
    return busy_replicas_of(problem, {pair: 1.0 for pair in problem.load_of_rows() if pair[1] == kind}).get(kind, 0.0)


def whole_replicas(busy_replicas: float) -> int:
    """The whole replicas needed for a load: at least one, however small the load."""
    return max(1, ceil(busy_replicas * (1 - WHOLE_TOLERANCE)))


def quota_uses(problem: Problem, instances: Mapping[tuple[str, Kind], int]) -> dict[str, tuple[int, int]]:
    """How much of each quota ``instances`` use, and its limit, by the quota's option: ``--max-gpus H100``."""
    count: dict[str, int] = {}
    for (name, _), instances_of in instances.items():
        count[name] = count.get(name, 0) + instances_of
    quotas = problem.quotas
    uses: dict[str, tuple[int, int]] = {}
    for gpu, most in sorted(quotas.max_gpus.items()):
        used = sum(o.gpu_count * count.get(o.name, 0) for o in problem.offers if o.gpu == gpu)
        uses[f"--max-gpus {gpu}"] = (used, most)
    for name, most in sorted(quotas.max_instances.items()):
        uses[f"--max-instances {name}"] = (count.get(name, 0), most)
    for family, most in sorted(quotas.max_vcpus.items()):
        used = sum(o.vcpus * count.get(o.name, 0) for o in problem.offers if o.quota_family == family)
        uses[f"--max-vcpus {family}"] = (used, most)
    return uses


def breaches(
    problem: Problem,
    instances: Mapping[tuple[str, Kind], int],
    shares: Mapping[tuple[str, Kind], float],
    share_tolerance: float = SHARE_TOLERANCE,
    fit_tolerance: float = FIT_TOLERANCE,
) -> list[str]:
    """What is wrong with a fleet and its shares, one clause each; empty if nothing is.

    Args:
        problem: the question.
        instances: the fleet.
        shares: the shares of rows by kind.
        share_tolerance, fit_tolerance: see SHARE_TOLERANCE and FIT_TOLERANCE.
    """
    found = []
    loads = problem.load_of_rows()
    hosted = {
        (offer.name, kind) for offer in problem.offers for kind in problem.kinds if offer.replicas_per_instance(kind)
    }
    found += [
        f"{count} instances of {name} for {kind}"
        for (name, kind), count in sorted(instances.items())
        if count < 0 or (name, kind) not in hosted
    ]
    found += [
        f"a share {share} of {row} on {kind}"
        for (row, kind), share in sorted(shares.items())
        if not 0 <= share <= 1 + share_tolerance or (row, kind) not in loads
    ]
    if found:
        return found
    of_row: dict[str, list[float]] = {row: [] for row in problem.rows}
    for (row, _), share in shares.items():
        of_row[row].append(share)
    for row, parts in of_row.items():
        served = fsum(parts)
        if abs(served - 1) > share_tolerance:
            found.append(f"{served:.9g} of {row} is served instead of 1")
    usable = usable_replicas_of(problem, instances)
    for kind, busy in sorted(busy_replicas_of(problem, shares).items()):
        room = usable.get(kind, 0)
        if room < 1 or busy > room + fit_tolerance * (1 + room / 100):
            found.append(f"{kind} has the load of {busy:.9g} replicas but may fill only {room}")
    found += [
        f"{option}={most} is exceeded: {used} used"
        for option, (used, most) in quota_uses(problem, instances).items()
        if used > most
    ]
    return found


def verify(problem: Problem, solution: Solution) -> list[str]:
    """What is wrong with ``solution``: cost, bound, coverage, capacity, spare, quotas; empty if nothing is wrong."""
    if not solution.status.has_fleet:
        return []
    found = breaches(problem, solution.instances, solution.shares)
    if not found:
        cost = fleet_cost_usd_per_hour(problem, solution.instances)
        if solution.fleet_usd_per_hour is None or abs(solution.fleet_usd_per_hour - cost) > equal_within(cost):
            found.append(f"the cost is {cost} USD/h, not {solution.fleet_usd_per_hour}")
        if (
            solution.fleet_lower_bound_usd_per_hour is None
            or solution.fleet_lower_bound_usd_per_hour > cost + equal_within(cost)
        ):
            found.append(f"{solution.fleet_lower_bound_usd_per_hour} USD/h is not a lower bound of {cost}")
    return found
