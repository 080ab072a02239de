"""Measured rows made ready for the estimator: what it predicts for each, under the limits of the measurement.

A closed-loop row is met where its decoding requests were: b = n (O-1) tpot / (ttft + (O-1) tpot). The TTFT of such runs
holds the start-up burst and the queue before the server, not facts of the engine, but rate = b / ((O-1) tpot)
holds whatever they are; so the estimator's TPOT at b is compared, which is its curve of rate over TPOT.

Where only a rate was measured, or only a TPOT, the estimator's own closed loop says what decodes.

A saturated run of N requests ends with a batch that empties: over the run the rate is N / (N + b/2) of the steady one.
Where the log says how many tokens the cache holds, they decide the batch, not our sum of the memory.

Of one request at a time the TTFT is the prefill alone; what a server adds to it is not part of an engine's work. Times
that were published in whole milliseconds agree with every value that is rounded to them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from melange_cloud.calibration.training_data import TrainingRow
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.closed_loop import ClosedLoop, Estimate
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.roofline import NO_FRONT_END, StepWork, behind_front_end, law_of
from melange_cloud.estimator.specs import Calibration, EngineSettings, Era, FrontEnd, Gpu, Model
from melange_cloud.profiles.evidence.measurement_sources import MeasurementSource

_ROUNDS = 60
_HALF_MS = 0.5

TPOT_TARGETS_MS = (5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 120.0)
"""The targets at which measured curves of rate over TPOT are read."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A measured row with what the estimator needs for it.

    Attributes:
        replica: what ran, under the limits of its source; its calibration is any.
        work: of that replica.
        decoding: requests decoding on average; where that has to be solved for, the most that fit.
    """

    row: TrainingRow
    replica: Replica
    work: StepWork
    decoding: float

    def law(self, k: Calibration) -> StepLaw:
        """How long the steps of its replica take with constants."""
        return law_of(self.work, k if self.row.source.front_end else k.offline)

    def predicted_over_measured(self, k: Calibration, law: StepLaw | None = None) -> float:
        """Rate, latency (static), TTFT (first_token) or TPOT: predicted with constants over measured.

        Args:
            law: that of the constants, where it is at hand.
        """
        row = self.row
        law = law or self.law(k)
        match row.table:
            case "saturation":
                return self._saturated_rate(law) / row.known("requests_per_s")
            case "closed_loop":
                return 1000 * self._closed_loop_tpot_s(law, k) / row.known("tpot_ms")
            case "closed_tpot":
                return self._closed_loop(law, k).tpot_ms / row.known("tpot_ms")
            case "closed_rate":
                return self._closed_loop(law, k).requests_per_s / row.known("requests_per_s")
            case "first_token":
                return 1000 * law.prefill_s(row.input_tokens) / row.known("ttft_ms")
            case "open_loop":
                return self._against(1000 * self._open_loop_tpot_s(law), row.known("tpot_ms"))
        batch, (input_tokens, output_tokens) = row.known("batch"), row.size
        begin_s = law.prefill_s(input_tokens, begun=batch)
        each_s = law.step_s(batch, batch * (input_tokens + output_tokens / 2))
        return (begin_s + (output_tokens - 1) * each_s) / row.known("latency_s")

    def _against(self, predicted_ms: float, measured_ms: float) -> float:
        """Predicted over measured; over the nearest time that would have been published as it."""
        if not self.row.source.whole_ms:
            return predicted_ms / measured_ms
        return predicted_ms / min(max(predicted_ms, measured_ms - _HALF_MS), measured_ms + _HALF_MS)

    def _closed_loop(self, law: StepLaw, k: Calibration) -> Estimate:
        at_once = min(round(self.row.known("concurrency")), round(self.decoding))
        step_tokens = self.replica.limits.max_num_batched_tokens
        return ClosedLoop(law, self.row.size, step_tokens, self.row.cached_prompts, self._front_end(k)).at(at_once)

    def _front_end(self, k: Calibration) -> FrontEnd:
        return k.front_end.of_layers(self.work.layers) if self.row.source.front_end else NO_FRONT_END

    def _closed_loop_tpot_s(self, law: StepLaw, k: Calibration) -> float:
        others = 1 - 1 / self.row.known("concurrency")
        front_end = self._front_end(k)
        begun = self.decoding * others / max(self.row.output_tokens - 1, 1)
        gpu_s = law.tpot_s(self.decoding, self.row.size, others)
        return behind_front_end(gpu_s, front_end, max(self.decoding, 1.0), begun)

    def _saturated_rate(self, law: StepLaw) -> float:
        _, output_tokens = self.row.size
        each_s = law.tpot_s(self.decoding, self.row.size)
        requests = self.row.source.requests_of(*self.row.size)
        used = 1.0 if requests == math.inf else requests / (requests + min(self.decoding, requests) / 2)
        return used * self.decoding / (output_tokens * each_s)

    def _open_loop_tpot_s(self, law: StepLaw) -> float:
        decoding, steps = 1.0, self.row.output_tokens - 1
        for _ in range(_ROUNDS):
            each_s = law.tpot_s(decoding, self.row.size)
            decoding = min(self.decoding, self.row.known("requests_per_s") * steps * each_s)
        return each_s


def trial(
    row: TrainingRow, models: Mapping[str, Model], gpus: Mapping[str, Gpu], era: Era, constants: Calibration
) -> Trial | None:
    """A row made ready; None where its replica is refused, or where it ran out of memory and the run says little.

    Args:
        era: the shipped one; the source's limits replace its own.
    """
    source = row.source
    model, gpu = models[row.model], gpus[row.gpu]
    limits = replace(era, fp8_cache=source.fp8_cache)
    shipped = Replica(model, gpu, row.tensor_parallel, era, row.precision, constants)
    if shipped.refusal:
        return None
    settings = settings_of(source, era, gpu)
    replica = Replica(model, gpu, row.tensor_parallel, limits, row.precision, constants, settings=settings)
    most = _most_at_once(row, replica)
    if row.table == "closed_loop":
        steps_ms = (row.output_tokens - 1) * row.known("tpot_ms")
        decoding = row.known("concurrency") * steps_ms / (row.known("ttft_ms") + steps_ms)
    elif row.table == "static":
        decoding = row.known("batch")
        if decoding > most:
            return None
    else:
        decoding = float(most)
    return Trial(row, replica, replica.work, decoding) if most else None


def settings_of(source: MeasurementSource, era: Era, gpu: Gpu) -> EngineSettings:
    """How a measured engine was started: as its like is, but for what the source says of it.

    An engine that reserves memory by a rule of its own keeps to that.
    """
    engine = next((name for name in era.engines if source.engine.lower().startswith(name)), None)
    usual = era.settings(gpu, engine)
    stated = {
        name: value
        for name in ("growth", "block_tokens", "max_num_seqs")
        if (value := getattr(source, name)) is not None
    }
    if source.memory_utilization is not None and usual.trial_run:
        whole = usual.cache_utilization == 1
        stated["memory_utilization" if whole else "cache_utilization"] = source.memory_utilization
    return replace(usual, **stated)


def _most_at_once(row: TrainingRow, replica: Replica) -> int:
    """Requests that run at once: as many as the stated cache holds, else as we take the memory to hold."""
    stated = row.measured.kv_cache_tokens
    if stated is None:
        return replica.largest_concurrency(*row.size)
    return replica.limits.requests_at_once(stated, *row.size)


@dataclass(frozen=True, slots=True)
class LoadCurve:
    """A measured closed loop at one size: rate over TPOT, by rising concurrency.

    Attributes:
        points: (tpot_ms, requests_per_s).
    """

    trial: Trial
    points: tuple[tuple[float, float], ...]

    def rate_within(self, tpot_ms: float) -> float | None:
        """The measured rate at a target, on a line between the runs about it; None if it is not between any."""
        found = None
        for (below_ms, below), (above_ms, above) in zip(self.points, self.points[1:], strict=False):
            if below_ms <= tpot_ms < above_ms:
                found = below + (above - below) * (tpot_ms - below_ms) / (above_ms - below_ms)
        return found


def curves(trials: Sequence[Trial]) -> list[LoadCurve]:
    """The closed loops among trials, in their order."""
    groups: dict[tuple[object, ...], list[Trial]] = {}
    for each in trials:
        if each.row.table == "closed_loop":
            groups.setdefault((*each.row.replica, each.row.size), []).append(each)
    found = []
    for group in groups.values():
        group.sort(key=lambda each: each.row.known("concurrency"))
        points = tuple(
            (tpot_ms, 1000 * each.decoding / ((each.row.output_tokens - 1) * tpot_ms))
            for each, tpot_ms in ((each, each.row.known("tpot_ms")) for each in group)
        )
        if len(points) > 1:
            found.append(LoadCurve(group[0], points))
    return found


def estimated_within(replica: Replica, size: tuple[int, int], tpot_ms: float) -> float:
    """The estimator's rate at a target as a profile derives it; 0 if no point meets it."""
    points = replica.estimate(*size)
    if isinstance(points, MemoryShortfall):
        return 0.0
    best = 0.0
    for at, point in enumerate(points):
        if point.tpot_ms > tpot_ms:
            if at:
                before = points[at - 1]
                share = (tpot_ms - before.tpot_ms) / (point.tpot_ms - before.tpot_ms)
                best = max(best, before.requests_per_s + share * (point.requests_per_s - before.requests_per_s))
            break
        best = max(best, point.requests_per_s)
    return best
