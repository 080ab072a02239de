"""Questions, runs and a watcher for the tests of ``profiles measure``."""

from dataclasses import replace
from typing import Any

from melange_cloud.domain import Slo
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.measure import MeasureQuestion, RequestSize

QUESTION = MeasureQuestion(
    url="http://127.0.0.1:1",
    gpu="A10G",
    tensor_parallel=1,
    model="tiny",
    served_model="tiny",
    precision="fp16",
    era="2025",
    endpoint="completions",
    tokenizer="tiny",
    engine="llamacpp",
    max_total_tokens=None,
    sizes=(RequestSize(32, 8),),
    slo=Slo(),
    seconds_per_point=0.1,
    max_concurrency=4,
)

RUN = BenchmarkRun(
    tool="guidellm 0.8.1",
    source="32x8-1.json",
    model="tiny",
    input_tokens=32.0,
    output_tokens=8.0,
    requests_per_s=2.0,
    asked_requests_per_s=None,
    max_concurrency=1,
    concurrency=1.0,
    tpot_ms=40.0,
    p99_tpot_ms=50.0,
    ttft_ms=100.0,
    p99_ttft_ms=150.0,
    completed=40,
    failed=0,
    duration_s=20.0,
    measured_on=None,
    engine="",
)


def a_run(in_flight: int, requests_per_s: float, tpot_ms: float = 40.0, **changes: Any) -> BenchmarkRun:
    return replace(RUN, max_concurrency=in_flight, requests_per_s=requests_per_s, tpot_ms=tpot_ms, **changes)


class Heard:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.ended: list[tuple[RequestSize, int]] = []

    def starts(self, place, load):
        pass

    def tick(self, seconds):
        pass

    def ends(self, size, concurrency, run):
        self.ended.append((size, concurrency))

    def note(self, text):
        self.notes.append(text)
