"""What the product would say of a replica that was measured: its rate, and by how much it may be off.

Era's limits, the constants of a fit, the grades' stated errors, and the front end's law where requests came through a
server. No pin is asked; ``pins_judged`` does that.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

from melange_cloud.calibration.calibrate import engine_of
from melange_cloud.calibration.trials import Trial
from melange_cloud.domain import Kind, MaxTput, Slo
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.estimator.replica import Replica
from melange_cloud.estimator.spec_files import load_eras
from melange_cloud.estimator.specs import Calibration
from melange_cloud.profiles.estimates.estimate_table import EstimateTable, replica_of
from melange_cloud.profiles.front_end import FrontEndLaw, front_end_law, law_in
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.near_floor import FLOOR_LATENCY_ERROR, NEAR_FLOOR
from melange_cloud.profiles.points import Point
from melange_cloud.profiles.served_profile import ServedProfile, behind

_ONE_SERVER = 1.0
_SLOWEST = 2.0
"""A front end that is as fast as its engine slows it by 19 %; beyond this it is the limit."""
_HALVINGS = 20


@dataclass(frozen=True, eq=False)
class ShippedReplica:
    """A replica under the limits of its era, at one request size.

    Attributes:
        front_end: of the server before it; None where requests were queued in the engine's process, or where the
            profile holds the server.
    """

    replica: Replica
    size: tuple[int, int]
    front_end: FrontEndLaw | None

    @cached_property
    def _profile(self) -> GridProfile:
        kind = Kind(self.replica.gpu.name, self.replica.tensor_parallel)
        return GridProfile(EstimateTable({kind: self.replica}), kind)

    @cached_property
    def _served(self) -> ServedProfile:
        if self.front_end is None:
            return behind(self._profile, None)
        limit = self.front_end.before(self.replica.model.layers, self.replica.gpu.name, _ONE_SERVER)
        return behind(self._profile, limit)

    @property
    def fits(self) -> bool:
        """Whether a profile speaks of the size: longer than the context or the memory is refused."""
        return self._profile.beyond_reach(*self.size, None) is None

    @property
    def most_at_once(self) -> int:
        """Requests of the size that run at once."""
        return self.replica.largest_concurrency(*self.size)

    def served(self, tpot_ms: float = math.inf) -> MaxTput | None:
        """MaxTput within a TPOT target; None if the product calls it out of reach."""
        served = self._served.max_tput(self.size, Slo(tpot_ms=tpot_ms))
        return served if isinstance(served, MaxTput) else None

    def is_within_error(self, requests_per_s: float, tpot_ms: float = math.inf) -> bool:
        """Whether a measured rate is within the stated error; of "none or few", whether it is few."""
        served = self.served(tpot_ms)
        if served is None:
            few = self.served(tpot_ms * (1 + FLOOR_LATENCY_ERROR))
            return few is not None and requests_per_s <= few.requests_per_s
        rate = served.requests_per_s
        return rate * (1 - served.error_down) <= requests_per_s <= rate * (1 + served.error)

    @cached_property
    def _points(self) -> list[Point]:
        """By rising TPOT."""
        return self._profile.table.rates(self._profile.kind, self.size).points if self.fits else []

    @property
    def near_floor_ms(self) -> float:
        """TPOT targets below this are near the floor, ms; infinite where nothing fits."""
        return NEAR_FLOOR * self._points[0].tpot_ms if self._points else math.inf

    def tpot_off(self, requests_per_s: float, tpot_ms: float) -> float:
        """The error of its mean TPOT at a rate; for a rate that it does not give, what that is more than what it gives.

        Args:
            tpot_ms: that was measured.
        """
        low, high = 0.0, self._points[-1].tpot_ms * _SLOWEST
        most = self.served(high)
        if most is not None and most.requests_per_s < requests_per_s:
            return requests_per_s / most.requests_per_s - 1
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            served = self.served(middle)
            if served is not None and served.requests_per_s >= requests_per_s:
                high = middle
            else:
                low = middle
        return high / tpot_ms - 1


def as_shipped(trial: Trial, constants: Calibration, engine: str = MEAN_OF_ENGINES) -> ShippedReplica:
    """A measured replica as the product has it with constants, which say of which era.

    Args:
        engine: one of those that the product knows.
    """
    row, era = trial.row, load_eras()[constants.era]
    held, front_end = trial.replica, None
    if row.source.front_end:
        is_own = constants.front_end.per_prefill_s > 0
        front_end = law_in(constants, engine) if is_own else front_end_law(era.name, constants.precision, engine)
    replica = replica_of(held.model, held.gpu, row.tensor_parallel, era, row.precision, constants, engine=engine)
    return ShippedReplica(replace(replica, cached_input=row.cached_prompts), row.size, front_end)


def with_its_engine(trial: Trial, constants: Calibration) -> ShippedReplica | None:
    """The same as ``--engine`` has it with the engine that was measured; None for engines that the era has not."""
    engine = engine_of(trial)
    return as_shipped(trial, constants, engine) if engine in load_eras()[constants.era].engines else None
