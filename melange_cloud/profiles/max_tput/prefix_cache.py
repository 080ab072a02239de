"""What a prefix cache adds to a rate that was measured without one.

The part of the prompts that the cache holds is not computed again; its memory is still needed. Estimates are made again
with that (``Replica.cached_input``). Measurements were taken without a cache, so a measured rate is moved as the
estimate moves, at the same size and targets::

    rate(cached) = rate · estimate(cached) / estimate       at least the rate itself
                                                            at most what decoding alone allows

Where a measurement is above what the estimate says of decoding alone, nothing is added. The moved rate is an estimate,
with the weaker grade and the larger error of the two.
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
        size: tuple[float, float],
        slo: Slo,
        longest_total_tokens: int | None,
    ) -> MaxTput | UnservableSize:
        """What was measured without the cache, as it is with it.

        Args:
            measured: without the cache, by measurement and estimate together.
            before: without the cache, by the estimate alone.
            size, slo, longest_total_tokens: as for ``Profile.max_tput``.
        """
        after = self.estimate.max_tput(*size, slo, longest_total_tokens)
        if measured == before:
            return after
        if isinstance(after, UnservableSize) or isinstance(measured, UnservableSize):
            # What was measured to miss a target is not known to keep it, unless the estimate missed it too.
            missed = isinstance(measured, UnservableSize) and isinstance(before, UnservableSize)
            return after if missed and isinstance(after, MaxTput) else measured
        most = self._most(size, slo, longest_total_tokens)
        if isinstance(before, UnservableSize):
            rate = after.requests_per_s
        else:
            rate = measured.requests_per_s * after.requests_per_s / before.requests_per_s
        rate = min(rate, most)
        if rate <= measured.requests_per_s:
            return measured
        error = max(measured.engine_error, after.engine_error)
        down = max(measured.engine_down, after.engine_down)
        return replace(
            measured,
            engine_requests_per_s=rate,
            engine_grade=max(measured.engine_grade, after.engine_grade),
            engine_error=error,
            engine_error_down=None if down == error else down,
            engine_origin="estimated",
        )

    def _most(self, size: tuple[float, float], slo: Slo, longest_total_tokens: int | None) -> float:
        alone = self.decode_alone.max_tput(*size, slo, longest_total_tokens)
        return alone.requests_per_s if isinstance(alone, MaxTput) else 0.0
