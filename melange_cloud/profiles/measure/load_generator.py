"""Runs GuideLLM as the load generator: one process per load point, with the documented ``guidellm run --config``.

https://github.com/vllm-project/guidellm (Apache-2.0), 0.8 or later. It is a separate process because it imports torch
and transformers, because it may hang, and so that it can have its own environment.
"""

import contextlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melange_cloud.domain.measurement import MeasureQuestion
from melange_cloud.errors import BadFile, MelangeError, echoed
from melange_cloud.inputs import read_json
from melange_cloud.inputs.strict_json import UnexpectedPart, entries, entry
from melange_cloud.inputs.write_whole import write_whole
from melange_cloud.profiles.measure.pace import LoadPoint
from melange_cloud.profiles.measure.request_sizes import ENDPOINTS

LEAST_VERSION = (0, 8)
INSTALL = (
    "python3 -m pip install 'melange-cloud[measure]', "
    "or pipx install 'guidellm>=0.8' to keep its 6 GB (torch) in a separate environment"
)
START_UP_S = 15.0
"""GuideLLM's overhead on top of the load: imports, worker processes, its report."""

_START_UP_LIMIT_S = 120.0
_VERSION_LIMIT_S = 120.0
_POLL_S = 0.2
_MOST_FAILED = 0.01
_GRACE_S = 5.0
_LOAD_BEGAN = "Starting benchmark"

WORKERS_VARIABLE = "GUIDELLM__MAX_WORKER_PROCESSES"
_STREAMS_PER_WORKER, _MOST_WORKERS = 32, 10
"""By default GuideLLM starts ten workers for ten requests in flight, and each costs 5 s of CPU at its start."""
_MOST_REPORT_BYTES = 2**30
_LONGEST_ERROR = 300
_MOST_PROMPTS_AHEAD = 4096
"""Requests that GuideLLM prepares in advance by default, on one core and while the load is already running."""


@dataclass(frozen=True, slots=True)
class GuideLlm:
    """An installed GuideLLM."""

    program: str
    version: str

    @property
    def name(self) -> str:
        """Tool and version."""
        return f"guidellm {self.version}"

    def run(
        self,
        question: MeasureQuestion,
        load: LoadPoint,
        result: Path,
        api_key: str | None,
        on_tick: Callable[[float], None],
    ) -> str:
        """Make one load and leave GuideLLM's report in ``result``.

        Args:
            api_key: for the Authorization header; None sends none.
            on_tick: called several times a second with the seconds since the start.

        Returns:
            Empty, or why there is no report although a retry may give one, one clause.

        Raises:
            MelangeError: GuideLLM failed; the message has its last output.
        """
        with tempfile.TemporaryDirectory(prefix="melange-cloud-measure-") as folder:
            scenario = Path(folder) / "scenario.json"
            write_whole(scenario, json.dumps(_scenario(question, load, result, api_key)), private=True)
            with (Path(folder) / "log").open("w+", encoding="utf-8", errors="replace") as log:
                ended = self._watched(scenario, Path(folder), log.fileno(), load, on_tick)
                log.seek(0)
                log_text = log.read()
        if ended is None:
            return f"the load generator hung for {load.limit_s + _START_UP_LIMIT_S:.0f} s and was ended"
        if not result.is_file():
            before = (
                ""
                if _LOAD_BEGAN in log_text
                else f" before any request: can it load the tokenizer {question.tokenizer}?"
            )
            said = _last_words(log_text) or "no output"
            raise MelangeError(f"the load generator ended with {ended}{before} ({said})")
        return ""

    def _watched(
        self, scenario: Path, folder: Path, log: int, load: LoadPoint, on_tick: Callable[[float], None]
    ) -> int | None:
        """Its exit code; None if it had to be killed. However this function ends, the process ends too."""
        workers = max(
            1, min(_MOST_WORKERS, (os.cpu_count() or 1) - 1, math.ceil(load.concurrency / _STREAMS_PER_WORKER))
        )
        # Its own session, so that we handle Ctrl-C and its workers end with it.
        process = subprocess.Popen(
            [self.program, "run", "--config", str(scenario), "--disable-console"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # The process that makes the prompts is forked from one whose tokenizer has threads, and may never wake up.
            env={WORKERS_VARIABLE: str(workers), "TOKENIZERS_PARALLELISM": "false", **os.environ},
        )
        started = time.monotonic()
        try:
            while process.poll() is None:
                passed_s = time.monotonic() - started
                if passed_s > load.limit_s + _START_UP_LIMIT_S:
                    return None
                on_tick(passed_s)
                time.sleep(_POLL_S)
            return process.returncode
        finally:
            _end(process)


def find_guidellm(named: str | None = None) -> GuideLlm:
    """The GuideLLM to use: the named one, else this environment's, else the one on the PATH.

    Raises:
        MelangeError: it is not installed, does not start or is too old; the message has the command to install it.
    """
    installed_here = shutil.which("guidellm", path=str(Path(sys.executable).parent))
    program = shutil.which(named) if named else installed_here or shutil.which("guidellm")
    if program is None:
        what = f"{named}: program not found" if named else "GuideLLM, which makes the load, is not installed"
        raise MelangeError(f"{what}: {INSTALL}")
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MelangeError(f"{program} does not start ({error}): {INSTALL}") from error
    found = re.search(r"([0-9]{1,4})\.([0-9]{1,4})[\w.+-]{0,40}", answer.stdout)
    if answer.returncode != 0 or found is None:
        raise MelangeError(f"{program} --version failed: {_last_words(answer.stderr) or 'no version'}; {INSTALL}")
    if (int(found[1]), int(found[2])) < LEAST_VERSION:
        raise MelangeError(f"{program} is GuideLLM {found[0]}, but 0.8 or later is required: {INSTALL}")
    return GuideLlm(program, found[0])


def first_error(report: Path) -> str:
    """The server's answer to the first failed request in a GuideLLM report; empty if none failed."""
    try:
        first = entries(entry(read_json(report, _MOST_REPORT_BYTES, non_finite=True), "benchmarks"))[:1]
        errored = [error for one in first for error in entries(entry(entry(one, "requests"), "errored"))][:1]
        texts = [str(entry(entry(error, "info"), "error"))[:_LONGEST_ERROR] for error in errored]
    except (BadFile, UnexpectedPart):  # no report, or the part is missing
        return ""
    for text in texts:
        # The repr of an exception, with a link to an explanation of the status code on its second line.
        found = re.match(r"\w+\((['\"])(.*?)(\\n|\1)", text)
        return echoed(found[2] if found else text.partition("\n")[0], _LONGEST_ERROR)
    return ""


def _scenario(question: MeasureQuestion, load: LoadPoint, result: Path, api_key: str | None) -> dict[str, Any]:
    # GuideLLM drops requests that span the end of the warm-up, up to one per stream.
    counted = load.warm_up_requests + load.requests + load.concurrency
    backend = {
        "kind": "openai_http",
        "target": question.url,
        "model": question.served_model,
        "request_format": ENDPOINTS[question.endpoint],
        "timeout": load.limit_s,
        "validate_backend": False,  # it queries /health, which not every server has; the server has been queried before
        **({"api_key": api_key} if api_key else {}),
    }
    return {
        "spec": {
            "backend": backend,
            "tokenizer": {"kind": "huggingface_auto", "model": question.tokenizer},
            "data": [
                {
                    "kind": "synthetic_text",
                    "prompt_tokens": load.size.input_tokens,
                    "output_tokens": load.size.output_tokens,
                }
            ],
            "data_loader": {"kind": "pytorch", "prefetch_factor": min(_MOST_PROMPTS_AHEAD, counted + load.concurrency)},
            "profile": {
                "kind": "concurrent",
                "streams": [load.concurrency],
                "rampup_duration": load.ramp_up_s,
                "warmup": {"mode": "requests", "value": load.warm_up_requests},
            },
            "constraints": [
                {"kind": "min_requests", "count": counted},
                {"kind": "max_duration", "seconds": load.limit_s},
                {"kind": "max_errors", "count": int(_MOST_FAILED * counted) + 1},
            ],
            # One request of each outcome is kept in full: the failed one says why.
            "metrics": {"kind": "generative", "sample_size": 1},
            "seed": {"kind": "static", "value": load.seed},
            "outputs": [{"kind": "json", "path": str(result)}],
        }
    }


def _last_words(text: str) -> str:
    """The last line that is not empty, which in a Python traceback is the error."""
    errors = [line.strip() for line in text.splitlines() if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
    lines = errors or [line.strip() for line in text.splitlines() if line.strip()]
    return echoed(lines[-1], _LONGEST_ERROR) if lines else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
                break
    # Kill workers that outlived their parent.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
