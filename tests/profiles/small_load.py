"""A load generator of a few lines for tests that must start in milliseconds: real requests to a real server.

What it measures is real; GuideLLM, which takes 10 s to start, is run by ``tests/cli/test_profiles_measure.py``.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from melange_cloud.domain.measurement import MeasureQuestion
from melange_cloud.errors import BadFile, Fault
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.measure.pace import LoadPoint
from melange_cloud.profiles.measure.request_sizes import ENDPOINTS


@dataclass
class SmallLoad:
    """Keeps ``concurrency`` streams busy until enough requests are done, however long a busy machine takes.

    Attributes:
        loads: the load points that it was asked for, in order.
        before: called before each load, with its number from 0: where a test breaks something.
        most_requests: per load, so that a test is quick.
    """

    before: Callable[[int], None] = lambda number: None
    most_requests: int = 10_000
    loads: list[LoadPoint] = field(default_factory=list)

    def run(
        self,
        question: MeasureQuestion,
        load: LoadPoint,
        result: Path,
        api_key: str | None,
        on_tick: Callable[[float], None],
    ) -> str:
        self.before(len(self.loads))
        self.loads.append(load)
        wanted = min(self.most_requests, load.requests)
        done: list[tuple[float, float, int, int]] = []
        failed: list[str] = []
        started = time.monotonic()

        def stream() -> None:
            while len(done) < wanted and len(failed) < 3:
                try:
                    done.append(_request(question, load))
                except (OSError, http.client.HTTPException, ValueError) as error:
                    failed.append(str(error))

        threads = [threading.Thread(target=stream, daemon=True) for _ in range(load.concurrency)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
            on_tick(time.monotonic() - started)
        took_s = time.monotonic() - started
        result.write_text(json.dumps({"done": done, "failed": failed, "took_s": took_s, "load": asdict(load)}))
        return ""


def read_small_load(path: Path) -> list[BenchmarkRun]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadFile([Fault(path, f"cannot be read: {error}")]) from error
    done = document["done"]
    if not done:
        raise BadFile([Fault(path, f"no request was completed: {document['failed'][0]}")])
    ttfts, tpots, inputs, outputs = zip(*done, strict=True)

    def mean(values):
        return sum(values) / len(values)

    return [
        BenchmarkRun(
            tool="small load",
            source=path.name,
            model="",
            input_tokens=mean(inputs),
            output_tokens=mean(outputs),
            requests_per_s=len(done) / document["took_s"],
            asked_requests_per_s=None,
            max_concurrency=document["load"]["concurrency"],
            concurrency=None,
            tpot_ms=1000 * mean(tpots),
            p99_tpot_ms=1000 * max(tpots),
            ttft_ms=1000 * mean(ttfts),
            p99_ttft_ms=1000 * max(ttfts),
            completed=len(done),
            failed=len(document["failed"]),
            duration_s=document["took_s"],
            measured_on=None,
            engine="",
        )
    ]


def _request(question: MeasureQuestion, load: LoadPoint) -> tuple[float, float, int, int]:
    """TTFT and TPOT in s, input and output tokens by the server's count."""
    address = urlsplit(question.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=600)
    # A letter that no merge of the tiny tokenizer touches: one token each.
    body = {
        "model": question.served_model,
        "prompt": "z" * load.size.input_tokens,
        "max_tokens": load.size.output_tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    started = time.monotonic()
    connection.request("POST", ENDPOINTS[question.endpoint], json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise ValueError(f"HTTP {response.status}: {response.read().decode()[:200]}")
    times, usage = [], {}
    for line in response:
        if line.startswith(b"data: {"):
            event = json.loads(line[len(b"data: ") :])
            usage = event.get("usage") or usage
            if event.get("choices"):
                times.append(time.monotonic())
    connection.close()
    steps = usage["completion_tokens"] - 1
    return times[0] - started, (times[-1] - times[0]) / steps, usage["prompt_tokens"], usage["completion_tokens"]
