"""Runs the measurement: size after size, load after load, saving each point as soon as it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from melange_cloud.domain.measurement import MeasureQuestion, RequestSize
from melange_cloud.errors import BadFile, MelangeError
from melange_cloud.profiles.attribution.attribute import attribute
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.measure.ladder import LadderEnd, next_load
from melange_cloud.profiles.measure.load_generator import first_error
from melange_cloud.profiles.measure.pace import LoadPoint, enough, load_point
from melange_cloud.profiles.measure.resume import KeptPoints
from melange_cloud.profiles.measure.server import is_alive

MOST_FAILED = 0.01
_TRIES = 2
_SIZE_TOLERANCE = 0.02
_FIRST_TOKENS, _FIRST_TOKENS_PART = 4, 0.1
"""What a server may add before a prompt (a beginning-of-sequence token), in tokens and as a fraction of the prompt."""

_ODD = 0.85
"""A TPOT this far below that of a lighter load means that something else was using the server."""

_KEPT_IN_FLIGHT = 0.7
"""Requests still running at the end do not count, which alone costs up to an eighth."""

ReadRuns = Callable[[Path], Sequence[BenchmarkRun]]


class LoadGenerator(Protocol):
    """A load generator, such as ``GuideLlm``."""

    def run(
        self,
        question: MeasureQuestion,
        load: LoadPoint,
        result: Path,
        api_key: str | None,
        on_tick: Callable[[float], None],
    ) -> str:
        """Make one load and write a report to ``result``; return why it failed, or raise MelangeError."""
        ...


class Watcher(Protocol):
    """Follows the progress."""

    def starts(self, place: int, load: LoadPoint) -> None:
        """A load point starts; ``place`` counts the sizes from 0."""

    def tick(self, seconds: float) -> None:
        """The time that the current point has taken so far, s."""

    def ends(self, size: RequestSize, concurrency: int, run: BenchmarkRun) -> None:
        """A point was accepted."""

    def note(self, text: str) -> None:
        """A note for the user, one line."""


@dataclass(frozen=True, slots=True)
class MeasuredSize:
    """The results at one request size.

    Attributes:
        runs: the accepted points, by requests in flight.
        ended: why no higher load was tried, one clause.
        complete: False if failures ended it, not the SLO, saturation or the highest load.
        by_slo: True if the SLO ended it, so that the points say nothing about looser targets.
    """

    size: RequestSize
    runs: tuple[tuple[int, BenchmarkRun], ...]
    ended: str
    complete: bool
    by_slo: bool


@dataclass(frozen=True, slots=True)
class _Rejection:
    """A load point is not accepted; the text is a clause."""

    reason: str


@dataclass(frozen=True, slots=True)
class Session:
    """One measurement.

    Attributes:
        read_runs: reads a report of the generator.
        kept: where accepted points are saved; saved points are not measured again.
        seconds_per_token: of a single request, s, for the pace of the first points.
        api_key: for the Authorization header; None sends none.
    """

    question: MeasureQuestion
    generator: LoadGenerator
    read_runs: ReadRuns
    kept: KeptPoints
    seconds_per_token: float
    watcher: Watcher
    api_key: str | None = None

    def measure(self) -> tuple[MeasuredSize, ...]:
        """Measure every size of the question.

        Raises:
            BadInput: a time is shorter than the GPU needs to read the model's weights.
            MelangeError: the server is gone, or the load generator failed. All accepted points are saved in ``kept``.
        """
        return tuple(self._measure_size(place, size) for place, size in enumerate(self.question.sizes))

    def _measure_size(self, place: int, size: RequestSize) -> MeasuredSize:
        measured = self._kept_runs(size)
        failures = 0
        while True:
            step = next_load(measured, self.question.slo, self.question.max_concurrency)
            if isinstance(step, LadderEnd):
                self._say_what_is_odd(size, measured)
                return MeasuredSize(size, tuple(sorted(measured.items())), step.reason, True, step.by_slo)
            load = load_point(size, step, measured, self.question.seconds_per_point, self.seconds_per_token)
            self.watcher.starts(place, load)
            found = self._take(load)
            if isinstance(found, BenchmarkRun):
                failures = 0
                measured[step] = found
                self.kept.accept(size, step, datetime.now(UTC))
                self.watcher.ends(size, step, found)
                continue
            where = f"{size} at {step} in flight: {found.reason}"
            self._server_lives(where)
            failures += 1
            if failures == _TRIES:
                self.watcher.note(f"{where}; failed again, so this size ends here")
                reason = f"{found.reason} at {step} in flight, twice"
                return MeasuredSize(size, tuple(sorted(measured.items())), reason, False, False)
            self.watcher.note(f"{where}; trying once more")

    def _take(self, load: LoadPoint) -> BenchmarkRun | _Rejection:
        """Measure one load point and check it."""
        report = self.kept.running
        report.unlink(missing_ok=True)
        try:
            trouble = self.generator.run(self.question, load, report, self.api_key, self.watcher.tick)
        except MelangeError as error:
            self._server_lives(str(error))
            raise
        if trouble:
            return _Rejection(trouble)
        try:
            runs = self.read_runs(report)
        except BadFile as error:
            # A report without finished requests has no means to read.
            faults = "; ".join(f"{fault.field or ''} {fault.finding}".strip() for fault in error.faults)
            return _Rejection(first_error(report) or f"the load generator's report is unusable ({faults})")
        if len(runs) != 1:
            return _Rejection(f"the load generator reports {len(runs)} runs instead of one")
        (run,) = runs
        if run.failed_fraction > MOST_FAILED:
            why = first_error(report)
            return _Rejection(
                f"{run.failed} of {(run.completed or 0) + (run.failed or 0)} requests failed"
                f"{f' ({why})' if why else ''}"
            )
        if not enough(run, load):
            return _Rejection(f"only {run.completed} of {load.requests} requests were finished in {load.limit_s:.0f} s")
        if run.tpot_ms is None or run.ttft_ms is None:
            return _Rejection("the server does not stream its tokens, so TPOT cannot be measured")
        self._refuse_impossible(replace(run, source=f"{load.size} at {load.concurrency} in flight"))
        return run

    def _refuse_impossible(self, run: BenchmarkRun) -> None:
        """Find out at the first point, not after hours, if the server does not run what the user says."""
        asked = self.question
        attribute(
            [run],
            gpu=asked.gpu,
            tensor_parallel=asked.tensor_parallel,
            model=asked.model,
            precision=asked.precision,
            era=asked.era,
            # The server's cache precision is unknown; assume the smallest, which refuses least.
            kv_cache_dtype="fp8",
        )

    def _server_lives(self, trouble: str) -> None:
        if not is_alive(self.question.url, self.api_key):
            raise MelangeError(f"the server at {self.question.url} has stopped answering; {trouble}")

    def _kept_runs(self, size: RequestSize) -> dict[int, BenchmarkRun]:
        found: dict[int, BenchmarkRun] = {}
        for of, concurrency in sorted(self.kept.points):
            if of != size:
                continue
            try:
                (found[concurrency],) = self.read_runs(self.kept.report(size, concurrency))
            except (MelangeError, ValueError) as error:
                self.watcher.note(f"{size} at {concurrency} in flight is measured again: {error}")
                self.kept.forget(size, concurrency)
        return found

    def _say_what_is_odd(self, size: RequestSize, measured: dict[int, BenchmarkRun]) -> None:
        runs = sorted(measured.items())
        outputs = sum(run.output_tokens for _, run in runs) / len(runs)
        inputs = sum(run.input_tokens for _, run in runs) / len(runs)
        if _output_as_asked(outputs, size.output_tokens) != size.output_tokens:
            self.watcher.note(
                f"{size}: outputs averaged {outputs:.4g} tokens, not the requested {size.output_tokens} (does the "
                "server honour ignore_eos?); the profile uses the real means"
            )
        if _input_as_asked(inputs, size.input_tokens) != size.input_tokens:
            self.watcher.note(
                f"{size}: inputs averaged {inputs:.4g} tokens by the server's count, not the requested "
                f"{size.input_tokens} (a chat template, or another --tokenizer); the profile uses the real means"
            )
        for concurrency, run in runs:
            if run.concurrency is not None and run.concurrency < _KEPT_IN_FLIGHT * concurrency:
                self.watcher.note(
                    f"{size}: the load generator kept only {run.concurrency:.3g} of {concurrency} requests in flight "
                    "(a busy machine, a slow network, or requests of a few ms), so the measured rate is too low"
                )
        for (lighter, before), (heavier, after) in pairwise(runs):
            if before.tpot_ms is not None and after.tpot_ms is not None and after.tpot_ms < _ODD * before.tpot_ms:
                self.watcher.note(
                    f"{size}: TPOT {after.tpot_ms:.3g} ms at {heavier} in flight is below {before.tpot_ms:.3g} ms at "
                    f"{lighter}; was something else using the server? Measure again with --fresh"
                )


def runs_to_save(question: MeasureQuestion, sizes: Sequence[MeasuredSize]) -> list[BenchmarkRun]:
    """The accepted runs in the form for a profile.

    Sizes within 2 % of the requested ones, and inputs with up to 4 more tokens (a beginning-of-sequence token), get the
    requested size, so that a profile's sizes form a grid; others keep their real means. A run's concurrency is the
    requested one.
    """
    return [
        replace(
            run,
            source=f"{question.url} {measured.size} at {concurrency} in flight",
            model=question.served_model,
            input_tokens=_input_as_asked(run.input_tokens, measured.size.input_tokens),
            output_tokens=_output_as_asked(run.output_tokens, measured.size.output_tokens),
            concurrency=float(concurrency),
            max_concurrency=concurrency,
            engine=run.engine or question.engine,
            steady=True,
        )
        for measured in sizes
        for concurrency, run in measured.runs
    ]


def _output_as_asked(real_tokens: float, asked_tokens: int) -> float:
    return float(asked_tokens) if abs(real_tokens - asked_tokens) <= _SIZE_TOLERANCE * asked_tokens else real_tokens


def _input_as_asked(real_tokens: float, asked_tokens: int) -> float:
    more = min(_FIRST_TOKENS, _FIRST_TOKENS_PART * asked_tokens)
    if asked_tokens <= real_tokens <= asked_tokens + more:
        return float(asked_tokens)
    return _output_as_asked(real_tokens, asked_tokens)
