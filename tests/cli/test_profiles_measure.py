"""``profiles measure`` from end to end: a real engine with a real model, and GuideLLM where it is installed.

GuideLLM brings torch (6 GB), so it is no part of the extra ``test``: install it by hand to run the tests that need it.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from melange_cloud.domain import Slo
from melange_cloud.profiles.measure import MeasuredSize, RequestSize, measurement_of
from melange_cloud.report.page import written
from melange_cloud.report.pages.measurement import measurement_page
from tests.profiles.measuring import QUESTION, a_run
from tests.profiles.tiny_engine import SERVED, TinyEngine, make_model

needs_guidellm = pytest.mark.skipif(
    shutil.which("guidellm") is None, reason="GuideLLM is not on the PATH: python3 -m pip install 'guidellm>=0.8.1'"
)
TRAFFIC = "input\\output,15-17,31-33\n63-65,10,0\n127-129,0,5\n"
"""Requests of the two sizes that are measured."""
COMMAND = (sys.executable, "-c", "from melange_cloud.cli.app import main; main()")


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    make_model(folder)
    return folder


@pytest.fixture
def engine(tiny_model):
    engine = TinyEngine(tiny_model)
    yield engine
    engine.stop()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's profiles in a folder of the test; the hub is never asked."""
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path / "own"


def asking(engine, tiny_model, *more):
    return [
        "profiles", "measure", "--url", engine.url, "--gpu", "A10G", "--precision", "fp16", "--weights-gib", "0.02",
        "--sizes", "64x16,128x32", "--max-concurrency", "2", "--seconds-per-point", "1",
        "--tokenizer", str(tiny_model), *more,
    ]  # fmt: skip


def points_in(own):
    (path,) = own.rglob("*.csv")
    rows = [line.split(",") for line in path.read_text().splitlines() if not line.startswith("#")]
    names, *rows = rows
    return [dict(zip(names, row, strict=True)) for row in rows]


class Started:
    """The command in a process of its own, to be watched and stopped."""

    def __init__(self, arguments, tmp_path):
        self._told = tmp_path / "stderr"
        with self._told.open("w") as told:
            self.process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=told, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()  # which ends the load generator, too
            self.end()

    def wait_for(self, text, seconds=600):
        until = time.monotonic() + seconds
        while text not in self.told:
            assert self.process.poll() is None, self.told
            assert time.monotonic() < until, self.told
            time.sleep(0.05)

    @property
    def told(self):
        return self._told.read_text()

    def end(self):
        out, _ = self.process.communicate(timeout=600)
        return self.process.returncode, out


def children_of(pid):
    """Processes whose parent is ``pid``, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@needs_guidellm
def test_measured_stopped_and_gone_on_with(run, engine, tiny_model, own, tmp_path):
    """The server is killed after the first load, Ctrl-C comes after the second, a third run finishes the rest."""
    with Started(asking(engine, tiny_model), tmp_path) as first:
        first.wait_for("64x16, 1 in flight: ")
        engine.stop()
        code, out = first.end()
    assert (code, out) == (1, "")
    assert f"the server at {engine.url} has stopped answering" in first.told
    assert "1 load point is saved in" in first.told
    assert "run the same command to resume" in first.told
    assert not own.exists()

    engine.restart()
    with Started(asking(engine, tiny_model), tmp_path) as second:
        second.wait_for("64x16, 2 in flight: ")
        assert "resuming with 1 load point measured until" in second.told
        assert "64x16, 1 in flight: " not in second.told
        generators = children_of(second.process.pid)
        second.process.send_signal(signal.SIGINT)
        code, out = second.end()
    assert (code, out) == (130, "")
    assert "melange-cloud: interrupted; 2 load points are saved in" in second.told
    assert not any(Path(f"/proc/{pid}").exists() for pid in generators)
    assert not own.exists()

    third = run(*asking(engine, tiny_model, "--format", "json"))
    assert third.exit_code == 0, third.output
    assert "resuming with 2 load points" in third.stderr
    assert "64x16, " not in third.stderr.partition("going on")[2]
    answer = json.loads(third.stdout)
    assert answer["model"] == SERVED
    assert answer["tool"].startswith("guidellm 0.")
    assert [(size["input_tokens"], size["output_tokens"]) for size in answer["sizes"]] == [(64, 16), (128, 32)]
    for size in answer["sizes"]:
        assert size["complete"]
        alone, two = size["points"]
        assert (alone["concurrency"], two["concurrency"]) == (1, 2)
        assert alone["mean_input_tokens"] == size["input_tokens"]
        assert alone["mean_output_tokens"] == size["output_tokens"]
        assert alone["failed"] == two["failed"] == 0
        assert min(alone["completed"], two["completed"]) >= 10
        # Two at once on one core: neither gets its tokens sooner than alone, the noise of a busy machine aside.
        assert two["tpot_ms"] > 0.3 * alone["tpot_ms"]
    small, large = answer["sizes"]
    assert small["points"][0]["requests_per_s"] > large["points"][0]["requests_per_s"]

    assert [(row["input_tokens"], row["output_tokens"], row["concurrency"]) for row in points_in(own)].count(
        ("64", "16", "1")
    ) == 1
    shown = run.json("profiles", "show", "--model", SERVED, "--gpu", "A10G")
    cell = next(cell for cell in shown["cells"] if (cell["input_tokens"], cell["output_tokens"]) == (64, 16))
    best = max(point["requests_per_s"] for point in small["points"])
    assert cell["requests_per_s"] == pytest.approx(best, rel=1e-4)
    assert (cell["origin"], cell["grade"]) == ("measured", "A")

    traffic = tmp_path / "traffic.csv"
    traffic.write_text(TRAFFIC)
    planned = run.json(
        "plan", "--region", "us-east-1", "--gpu", "A10G", "--model", SERVED, "--precision", "fp16", "--tpot-ms", "500",
        "--workload", str(traffic), "--rate", "5",
    )  # fmt: skip
    assert planned["regions"][0]["status"] == "optimal"
    assert "measured" in json.dumps(planned)

    again = run(*asking(engine, tiny_model))
    assert again.exit_code == 0
    assert "resuming with 4 load points" in again.stderr
    assert len(list(own.rglob("*.csv"))) == 1


@needs_guidellm
def test_every_load_becomes_a_row_of_evidence(run, engine, tiny_model, own, tmp_path, monkeypatch):
    """The GPU is the only thing here that is not real: a program that prints what nvidia-smi does."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nline() { echo "0, NVIDIA A10G, 300.00, $1, $2"; }\nline 210 0\n'
        'case "$*" in *-lms*) while true; do line 1500 98; line 1400 97; sleep 0.2; done;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    rows_file, state = tmp_path / "rows.csv", tmp_path / "state"
    ask = asking(engine, tiny_model, "--state", str(state), "--evidence", str(rows_file))
    ask[ask.index("64x16,128x32")] = "64x16"
    first = run(*ask)
    assert first.exit_code == 0, first.output
    assert f"wrote 2 measured rows to {rows_file}; before you contribute, fill in licence" in first.stderr
    unknown = f"unknown about the server, so empty in {rows_file}: max_num_batched_tokens, kv_cache_tokens"
    assert f"{unknown}; --server-log FILE may have them" in first.stderr
    with rows_file.open(newline="") as stream:
        alone, two = csv.DictReader(stream)
    for row, load in ((alone, "1"), (two, "2")):
        assert (row["concurrency"], row["warmup_requests"], row["failed"], row["arrival"]) == (load, "2", "0", "closed")
        assert (row["engine"], row["max_num_seqs"], row["max_model_len"]) == ("llamacpp", "2", "512")
        assert (row["power_limit_w"], row["gpu_count"], row["kv_cache_tokens"]) == ("300.0", "1", "")
        assert float(row["sm_clock_mhz_mean"]) == pytest.approx(1450, abs=30)
        assert float(row["tpot_p50_ms"]) < float(row["tpot_p99_ms"])
        assert (row["tokenizer"], row["tool"], row["source_url"]) == (tiny_model.name, "guidellm", "")
    rows_file.unlink()
    resumed = run(*ask)
    assert "resuming with 2 load points" in resumed.stderr
    with rows_file.open(newline="") as stream:
        again = list(csv.DictReader(stream))
    assert again == [alone, two]


NO_SERVER = ("profiles", "measure", "--url", "http://127.0.0.1:1", "--gpu", "A10G")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--evidence", "rows.txt"), "--evidence rows.txt: measured rows are CSV; give a file name that ends in .csv"),
        (("--evidence", "no/where/rows.csv"), "--evidence no/where/rows.csv: folder not found"),
        (("--server-log", "missing.log"), "missing.log: cannot be read (No such file or directory)"),
        (("--server-log", "other.log"), "other.log: has no start-up line of vLLM, SGLang or TensorRT-LLM"),
        (("--engine", "vlm 0.12"), "--engine vlm 0.12: did you mean vllm?"),
    ],
)
def test_what_cannot_be_written_or_read_is_refused_before_the_server_is_asked(run, tmp_path, options, said):
    (tmp_path / "other.log").write_text("some program started\n")
    result = run(*NO_SERVER, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "does not answer" not in result.stderr


@needs_guidellm
def test_a_wrong_tokenizer_stops_at_once_with_the_reason(run, engine, tiny_model, own, tmp_path):
    result = run(*asking(engine, "no/such-model", "--state", str(tmp_path / "state")))
    assert result.exit_code == 1
    assert "ended with 1 before any request: can it load the tokenizer no/such-model? (OSError: " in result.stderr
    assert "nothing was measured yet" in result.stderr


@needs_guidellm
def test_a_dry_run_checks_and_estimates(run, engine, tiny_model, own):
    result = run(*asking(engine, tiny_model, "--dry-run", "--workload", "conversation")[:-1])
    assert result.exit_code == 2  # --workload lacks its value
    arguments = [text for text in asking(engine, tiny_model) if text not in ("--sizes", "64x16,128x32")]
    result = run(*arguments, "--workload", "conversation", "--tpot-ms", "50", "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "until TPOT 50 ms or saturation" in result.stderr
    assert "takes at most about" in result.stderr


def test_without_guidellm_the_line_that_installs_it_is_told(run, engine, tiny_model, own, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(*asking(engine, tiny_model))
    assert result.exit_code == 1
    assert "GuideLLM, which makes the load, is not installed" in result.stderr
    assert "python3 -m pip install 'melange-cloud[measure]'" in result.stderr


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("echo guidellm version: 0.6.0", "is GuideLLM 0.6.0, but 0.8 or later is required"),
        ("exit 3", "--version failed"),
        ("echo nonsense", "--version failed: no version"),
    ],
)
def test_a_guidellm_that_will_not_do_is_told(run, engine, tiny_model, own, tmp_path, version, said):
    program = tmp_path / "old"
    program.write_text(f"#!/bin/sh\n{version}\n")
    program.chmod(0o755)
    result = run(*asking(engine, tiny_model, "--guidellm", str(program)))
    assert result.exit_code == 1
    assert said in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--url", "host:8000"), "--url host:8000: must be the server's address"),
        (("--gpu", "A10"), "--gpu A10: not supported; known are L4, A10G"),
        (("--sizes", "128"), "--sizes '128': give input x output tokens, like 128x128,1024x256"),
        (("--sizes", "128x128,"), "--sizes"),
        (("--sizes", "0x5"), "--sizes '0x5'"),
        (("--sizes", "128x1"), "one output token has no time per output token"),
        (("--sizes", "8x8", "--workload", "chat"), "--sizes and --workload: give one of them"),
        (("--workload", "nothing"), "unknown workload 'nothing'"),
        (("--tpot-ms", "0"), "--tpot-ms 0: give milliseconds above 0"),
        (("--ttft-ms", "nan"), "--ttft-ms nan: give milliseconds above 0"),
        (("--seconds-per-point", "0"), "--seconds-per-point 0: give a positive number"),
        (("--era", "1999"), "--era 1999: not supported; known are 2025"),
        (("--model", "no-such"), "--precision: unknown model no-such"),
        (("--served-model", "other"), f"serves {SERVED}"),
        (("--tokenizer", "./nothing"), "--tokenizer ./nothing: folder not found"),
    ],
)
def test_bad_input_is_told_before_anything_runs(run, engine, own, arguments, said):
    given = {"--url": engine.url, "--gpu": "A10G", "--model": "llama-2-7b"}
    pairs = given | dict(zip(arguments[::2], arguments[1::2], strict=True))
    result = run("profiles", "measure", *(word for pair in pairs.items() for word in pair))
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_server_that_is_not_there_is_told(run, engine, own):
    engine.stop()
    result = run("profiles", "measure", "--url", engine.url, "--gpu", "A10G")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr


def as_table(question, measured, columns):
    measurement = measurement_of(question, measured, Path("own.csv"), "guidellm 0.8.1")
    return written(measurement_page(measurement), "table", width=columns)


@pytest.mark.parametrize("columns", [60, 200])
def test_the_table_tells_the_best_load_and_why_each_size_ended(columns):
    question = replace(QUESTION, slo=Slo(tpot_ms=45))
    runs = ((1, a_run(1, 2.0)), (2, a_run(2, 3.5, tpot_ms=44.0)), (4, a_run(4, 5.0, tpot_ms=60.0)))
    measured = (
        MeasuredSize(RequestSize(1024, 1024), runs, "the SLO breaks at 3 in flight", True, True),
        MeasuredSize(RequestSize(32, 8), (), "10 of 10 requests failed at 1 in flight, twice", False, False),
    )
    text = as_table(question, measured, columns)
    lines = text.splitlines()
    words = [line.split() for line in lines]
    assert ["1024x1024", "3", "3.5", "2", "44", "50", "100"] in words
    assert ["32x8", "0", "-", "-", "-", "-", "-"] in words
    assert " 1024x1024: the SLO breaks at 3 in flight" in lines
    assert " 32x8: 10 of 10 requests failed at 1 in flight, twice" in lines
    assert "The SLO ended sizes before saturation" in text
    assert max(map(len, lines)) <= columns
    assert "before saturation" not in as_table(question, measured[1:], columns)
