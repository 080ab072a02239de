"""The load that one of the router's rows puts on a replica: the larger of two sums.

A replica that serves a mix of sizes has two limits: its engine may be busy for at most all of the time, and so may its
HTTP front end. With r requests/s of each size that is::

    sum of r / engine <= 1    and    sum of r / front_end <= 1

so that the load of a mix is the *larger of the two sums*. The sum of the larger parts, size by size, is never below
that, and up to 45 % above it where one replica serves very short and very long requests.

A Problem knows one rate per size and kind, and adds up. So the larger sum is taken per row and kind: all sizes of the
row carry the rates of the side whose sum is larger. The mix of a row is the same wherever it goes, for a router that
cannot tell its requests apart sends all of them by the same shares, so its sums are known before any share is.
For ``plain``, which has one row, loads are exact. With ``prompt`` and ``oracle`` a replica may serve several rows, and
the sum of the rows' larger sums is at least the larger of the two sums over all rows. So no fleet is too small, but one
may be too expensive if a replica's engine limits some rows and its front end others. Therefore the question is also
posed with both limits kept separate (``PosedProblem.both_limits``), and such a router may use the answer of one that
knows less (``PosedProblem.coarser``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from melange_cloud.domain.gpu_kinds import Kind
from melange_cloud.domain.throughput import FRONT_END, MaxTput, UnservableSize


@dataclass(frozen=True, slots=True)
class RowLoad:
    """Replicas of one kind that a row keeps busy: by the engine's rates, and by the front end's.

    ``may_be_none``: the kind may not serve one of its sizes at all, and then it cannot serve the row.
    """

    engine: float
    front_end: float
    may_be_none: bool = False

    @property
    def charged(self) -> float:
        """The load of the row: the larger of the two."""
        return max(self.engine, self.front_end)

    @property
    def front_end_binds(self) -> bool:
        """True if the front end limits the row, so that a faster engine would not serve more of it."""
        return self.front_end > self.engine

    def rate_of(self, cell: MaxTput) -> float:
        """The rate of a size that counts in the load of the row, requests/s."""
        return cell.front_end_requests_per_s if self.front_end_binds else cell.engine_requests_per_s

    def error_of(self, cell: MaxTput) -> float:
        """By what fraction that rate may be higher."""
        if not self.front_end_binds or cell.front_end is None:
            return cell.engine_error
        return max(cell.front_end.error, cell.front_end.error_up)

    def error_down_of(self, cell: MaxTput) -> float:
        """By what fraction that rate may be lower; 1 if the kind may not serve the row at all."""
        if self.may_be_none:
            return 1.0
        return cell.engine_down if not self.front_end_binds or cell.front_end is None else cell.front_end.error

    def grade_of(self, cell: MaxTput) -> str:
        """The grade of that rate."""
        return cell.engine_grade if not self.front_end_binds or cell.front_end is None else cell.front_end.grade

    def origin_of(self, cell: MaxTput) -> str:
        """Where that rate comes from; the front end's law is an estimate."""
        return "estimated" if self.front_end_binds else cell.engine_origin

    def limit_of(self, cell: MaxTput) -> str:
        """What limits that size: the front end if it limits the row, otherwise what limits the engine."""
        return FRONT_END if self.front_end_binds else cell.engine_limited_by


def row_load(parts: Iterable[tuple[float, MaxTput]]) -> RowLoad:
    """The load of (requests/s, MaxTput of one kind) of each size of a row."""
    engine = front_end = 0.0
    may_be_none = False
    for requests_per_s, cell in parts:
        engine += requests_per_s / cell.engine_requests_per_s
        front_end += requests_per_s / cell.front_end_requests_per_s
        may_be_none = may_be_none or (requests_per_s > 0 and cell.may_be_none)
    return RowLoad(engine, front_end, may_be_none)


def row_loads(
    table: Mapping[tuple[str, Kind], MaxTput | UnservableSize],
    kinds: Iterable[Kind],
    requests_per_s: Mapping[str, float],
    row_of_bucket: Mapping[str, str],
) -> dict[tuple[str, Kind], RowLoad]:
    """The load of each row on each kind; only of the sizes that the kind serves, if it does not serve all.

    Args:
        table: by (bucket name, kind); a missing entry means the same as an UnservableSize.
        requests_per_s: by bucket name; only their ratios within a row decide which sum is the larger.
        row_of_bucket: bucket name -> row name.
    """
    parts: dict[tuple[str, Kind], list[tuple[float, MaxTput]]] = {}
    for kind in kinds:
        for bucket in sorted(requests_per_s):
            cell = table.get((bucket, kind))
            if isinstance(cell, MaxTput):
                parts.setdefault((row_of_bucket[bucket], kind), []).append((requests_per_s[bucket], cell))
    return {pair: row_load(of_row) for pair, of_row in parts.items()}


def charged_rates(
    table: Mapping[tuple[str, Kind], MaxTput | UnservableSize],
    kinds: Iterable[Kind],
    requests_per_s: Mapping[str, float],
    row_of_bucket: Mapping[str, str],
) -> dict[tuple[str, Kind], float]:
    """The MaxTput for a Problem, by (bucket name, kind): every row has the rates of its larger sum.

    Args: as for ``row_loads``.
    """
    every_kind = tuple(kinds)
    loads = row_loads(table, every_kind, requests_per_s, row_of_bucket)
    return {
        (bucket, kind): loads[row_of_bucket[bucket], kind].rate_of(cell)
        for bucket in sorted(requests_per_s)
        for kind in every_kind
        if isinstance(cell := table.get((bucket, kind)), MaxTput)
    }
