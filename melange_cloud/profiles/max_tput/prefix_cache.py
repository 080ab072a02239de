"""What a prefix cache adds to a rate that was measured without one.

The part of the prompts that the cache holds is not computed again; its memory is still needed. Estimates are made again
with that (``Replica.cached_input``). Measurements were taken without a cache, so a measured rate is moved as the
estimate's saturation moves, and then corrects the estimate with a cache as any measurement does one without
(``measured_over_estimate.py``)::

    rate(cached) = rate · saturation(cached) / saturation       at least the rate itself
                                                                at most what decoding alone allows

That factor is the same at every target: with the estimates at the target instead, a looser one could give a lower rate
where the measurement has reached its limit and the estimate has not. Where a measurement is above what the estimate
says of decoding alone, nothing is added. The moved rate is an estimate, with the weaker grade and the larger error of
the two.
"""

from dataclasses import dataclass, replace

from melange_cloud.domain import MaxTput, Slo, UnservableSize
from melange_cloud.profiles.max_tput.grid_profile import GridProfile


@dataclass(frozen=True, eq=False)
class PrefixCache:
    """The estimates of a replica whose engine finds a share of all input tokens in its prefix cache.

    Attributes:
        estimate: with that share.
        decode_alone: with all of them: no prompt is computed.
    """

    estimate: GridProfile
    decode_alone: GridProfile

    def moved(
        self,
        measured: MaxTput | UnservableSize,
        before: MaxTput | UnservableSize,
        after: MaxTput | UnservableSize,
        size: tuple[float, float],
        slo: Slo,
        longest_total_tokens: int | None,
    ) -> MaxTput | UnservableSize:
        """What was measured without the cache, as it is with it.

        Args:
            measured: without the cache, by measurement and estimate together.
            before: without the cache, by the estimate alone.
            after: with the cache, by what the estimate with it and the measurements say together.
            size, slo, longest_total_tokens: as for ``Profile.max_tput``.
        """
        estimate = self.estimate.max_tput(*size, slo, longest_total_tokens)
        if measured == before:
            if isinstance(after, UnservableSize) or after == estimate:
                return after
            # What was measured near the size says something with a cache alone: it is moved, too.
            least = estimate.requests_per_s if isinstance(estimate, MaxTput) else 0.0
            most = max(self._most(size, slo, longest_total_tokens), least)
            return _moved(after, min(after.requests_per_s, most), after, estimate)
        if isinstance(after, UnservableSize) or isinstance(measured, UnservableSize):
            # What was measured to miss a target is not known to keep it, unless the estimate missed it too.
            missed = isinstance(measured, UnservableSize) and isinstance(before, UnservableSize)
            return after if missed and isinstance(after, MaxTput) else measured
        rate = min(after.requests_per_s, self._most(size, slo, longest_total_tokens))
        return measured if rate <= measured.requests_per_s else _moved(measured, rate, after, estimate)

    def _most(self, size: tuple[float, float], slo: Slo, longest_total_tokens: int | None) -> float:
        alone = self.decode_alone.max_tput(*size, slo, longest_total_tokens)
        return alone.requests_per_s if isinstance(alone, MaxTput) else 0.0


def _moved(stated: MaxTput, rate: float, *others: MaxTput | UnservableSize) -> MaxTput:
    """A rate that rests on all of these: an estimate with the weakest grade and the largest errors."""
    held = [stated, *(other for other in others if isinstance(other, MaxTput))]
    error, down = max(each.engine_error for each in held), max(each.engine_down for each in held)
    return replace(
        stated,
        engine_requests_per_s=rate,
        engine_grade=max(each.engine_grade for each in held),
        engine_error=error,
        engine_error_down=None if down == error else down,
        engine_origin="estimated",
    )
