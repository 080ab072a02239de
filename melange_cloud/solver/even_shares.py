"""The shares for a given fleet: its busiest kind is as little busy as possible, whichever solver chose the fleet."""

from collections.abc import Mapping, Sequence
from math import fsum, inf

from melange_cloud.domain import Kind, Problem
from melange_cloud.solver.checks import (
    FIT_TOLERANCE,
    SHARE_TOLERANCE,
    busy_replicas_of,
    least_replicas,
    replicas_of,
    usable_replicas_of,
)
from melange_cloud.solver.model import create_share_model
from melange_cloud.solver.programs.find import SolverProgram, find_highs, programs_for
from melange_cloud.solver.programs.run import run

NO_SHARE = 1e-9
"""A smaller share is a solver's 0."""

SLACK = 1e-9
"""Slack of the second question on the answer of the first, as a fraction."""

Shares = dict[tuple[str, Kind], float]


def even_shares(problem: Problem, instances: Mapping[tuple[str, Kind], int], program: SolverProgram) -> Shares | None:
    """Shares with the lowest highest busy share, then the fewest busy replicas; None if the fleet is too small.

    Args:
        problem: the question; any kind with instances may be used.
        instances: the fleet.
        program: solves the LP (needed for several rows and kinds) if HiGHS is not installed. HiGHS is preferred, so
            that
        the routing is the same whichever solver chose the fleet.
    """
    return _even(problem, replicas_of(problem, instances), usable_replicas_of(problem, instances), program)


def even_shares_of_one_row(problem: Problem, instances: Mapping[tuple[str, Kind], int]) -> Shares | None:
    """``even_shares`` for a router that does not distinguish requests; this needs no program."""
    (row,) = problem.rows
    usable = {kind: room for kind, room in usable_replicas_of(problem, instances).items() if room > 0}
    loads = {pair: load for pair, load in problem.load_of_rows().items() if pair[1] in usable}
    return _even_shares_of_one_row(row, loads, replicas_of(problem, instances), usable) if loads else None


def most_traffic(problem: Problem, instances: Mapping[tuple[str, Kind], int], *, solver: str = "auto") -> float:
    """The factor by which all rates may rise until a fleet is full; 0 if it cannot serve a row at any rate.

    Args:
        problem: the question; its quotas are ignored.
        instances: the fleet; a spare that the problem requires stays free.
        solver: as for ``solve``; needed for several rows and more than two kinds.
    """
    (program, *_) = programs_for(solver)
    usable = {kind: room for kind, room in usable_replicas_of(problem, instances).items() if room > 0}
    shares = _even(problem, usable, dict.fromkeys(usable, inf), program)
    if shares is None:
        return 0.0
    return 1 / max(busy / usable[kind] for kind, busy in busy_replicas_of(problem, shares).items())


def _even(
    problem: Problem, replicas: Mapping[Kind, int], usable_replicas: Mapping[Kind, float], program: SolverProgram
) -> Shares | None:
    usable = {kind: room for kind, room in usable_replicas.items() if room > 0}
    loads = {pair: load for pair, load in problem.load_of_rows().items() if pair[1] in usable}
    if any(all((row, kind) not in loads for kind in usable) for row in problem.rows):
        return None
    if len(problem.rows) == 1:
        return _even_shares_of_one_row(problem.rows[0], loads, replicas, usable)
    if len(usable) == 1:
        return dict.fromkeys(loads, 1.0)
    if len(usable) == 2 and not problem.front_end_load_of_rows:
        return _even_shares_of_two_kinds(problem.rows, loads, replicas, usable)
    scale = least_replicas(problem)
    replicas = {kind: replicas[kind] for kind in usable}
    program = find_highs() or program
    first = create_share_model(problem, replicas, usable, scale)
    if not run(program, first).status.has_fleet:
        return None
    lowest = max(0.0, first.highest_busy_share.value)
    second = create_share_model(problem, replicas, usable, scale, lowest * (1 + SLACK))
    model = second if run(program, second).status.has_fleet else first
    kinds = {str(kind): kind for kind in usable}
    return cleaned({(row, kinds[name]): model.share[row, name].value for row, name in model.SERVABLE})


def cleaned(shares: Mapping[tuple[str, Kind], float]) -> Shares:
    """The shares without zeros, each row's scaled to sum to 1; a row without any stays empty."""
    kept = {pair: min(1.0, share) for pair, share in shares.items() if share > NO_SHARE}
    total: dict[str, float] = {}
    for (row, _), share in sorted(kept.items()):
        total[row] = total.get(row, 0.0) + share
    return {(row, kind): share / total[row] for (row, kind), share in sorted(kept.items())}


def _even_shares_of_two_kinds(
    rows: Sequence[str],
    loads: Mapping[tuple[str, Kind], float],
    replicas: Mapping[Kind, int],
    usable: Mapping[Kind, float],
) -> Shares | None:
    """Closed form for two kinds: the first takes rows, its relatively best ones first, until both are equally busy.

    That order is a fractional knapsack, so no other shares lower both loads, and it also gives the fewest busy
    replicas. A kind that is full earlier (because of a spare) takes no more.
    """
    one, other = sorted(usable)
    forced = [row for row in rows if (row, other) not in loads]
    free = [row for row in rows if (row, other) in loads and (row, one) in loads]
    free.sort(key=lambda row: (loads[row, one] / loads[row, other], row))
    shares = {(row, one): 1.0 for row in forced}
    shares.update({(row, other): 1.0 for row in rows if (row, one) not in loads})
    on_one = fsum(loads[row, one] for row in forced)
    on_other = fsum(loads[row, other] for row in rows if (row, other) in loads)
    for row in free:
        per_one, per_other = loads[row, one], loads[row, other]
        # The part of the row that makes both equally busy; more if the other kind is full, less if this one is.
        level = (on_other * replicas[one] - on_one * replicas[other]) / (
            per_one * replicas[other] + per_other * replicas[one]
        )
        part = max(level, (on_other - usable[other]) / per_other)
        part = min(max(part, 0.0), 1.0, max(0.0, (usable[one] - on_one) / per_one))
        shares[row, one], shares[row, other] = part, 1 - part
        on_one += part * per_one
        on_other -= part * per_other
    fits = on_one <= usable[one] * (1 + FIT_TOLERANCE) and on_other <= usable[other] * (1 + FIT_TOLERANCE)
    return cleaned(shares) if fits else None


def _even_shares_of_one_row(
    row: str, loads: Mapping[tuple[str, Kind], float], replicas: Mapping[Kind, int], usable: Mapping[Kind, float]
) -> Shares | None:
    """Closed form for one row: all kinds equally busy, except those that are full earlier because of a spare."""
    serving = sorted(kind for kind in usable if (row, kind) in loads)
    if fsum(usable[kind] / loads[row, kind] for kind in serving) < 1 - SHARE_TOLERANCE:
        return None
    shares: Shares = {}
    rest = 1.0
    while serving:
        busy = rest / fsum(replicas[kind] / loads[row, kind] for kind in serving)
        full = [kind for kind in serving if busy * replicas[kind] > usable[kind]]
        for kind in full or serving:
            shares[row, kind] = (usable[kind] if full else busy * replicas[kind]) / loads[row, kind]
        if not full:
            break
        rest -= fsum(shares[row, kind] for kind in full)
        serving = [kind for kind in serving if kind not in full]
    return cleaned(shares)
