"""What is known of a measured server: what it says over HTTP, its log, the readings of its GPUs, and rows of it all."""

import csv
import http.server
import io
import json
import os
import threading
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.domain.evidence import EvidenceList
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.profiles.measure import (
    MeasuredSize,
    RequestSize,
    ask_server,
    evidence_rows,
    find_monitor,
    known_settings,
    named_by_user,
    read_server_log,
    settings_of,
    unknown_settings,
)
from melange_cloud.profiles.measure.gpu_readings import GpuMonitor, NoMonitor, read_readings
from melange_cloud.profiles.measure.resume import KeptPoints, readings_file
from melange_cloud.profiles.measure.server_settings import ServerSettings
from melange_cloud.report.page import written
from melange_cloud.report.pages.evidence import COLUMNS, evidence_page
from tests.profiles import server_logs
from tests.profiles.measuring import QUESTION, a_run

CACHE_CONFIG = (
    'vllm:cache_config_info{block_size="16",cache_dtype="auto",calculate_kv_scales="False",cpu_offload_gb="0",'
    'enable_prefix_caching="True",gpu_memory_utilization="0.82",num_gpu_blocks="573",sliding_window="None"} 1.0\n'
)


@contextmanager
def serving(answers):
    """A server on the loopback with an answer for each path; others are 404."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def said(owner, **answers):
    models = {"data": [{"id": "m", "owned_by": owner, **({"max_model_len": 8192} if owner == "vllm" else {})}]}
    more = {f"/{path}": answer for path, answer in answers.items()}
    with serving({"/v1/models": models, **more}) as url:
        return settings_of(ask_server(url), "m")


def test_vllm_says_its_version_and_its_cache():
    metrics = b"# TYPE vllm:cache_config_info gauge\n" + CACHE_CONFIG.encode() + b"vllm:num_requests_running 0.0\n"
    found = said("vllm", version={"version": "0.12.0"}, metrics=metrics)
    assert found == ServerSettings(
        engine="vLLM", engine_version="0.12.0", max_model_len=8192, kv_cache_tokens=573 * 16, prefix_caching=True,
        gpu_memory_utilization=0.82,
    )  # fmt: skip


@pytest.mark.parametrize(
    "metrics",
    [
        b"", b"nonsense", b"\xff\xfe\x00", CACHE_CONFIG.encode() * 2,
        b'vllm:cache_config_info{num_gpu_blocks="None"} 1',
        b'vllm:cache_config_info{num_gpu_blocks="-5",block_size="16"} 1', {"a": "dictionary"},
        b'vllm:cache_config_info{num_gpu_blocks="9999999999999999999",block_size="x",cache_dtype="7"} 1',
    ],
)  # fmt: skip
def test_what_vllm_does_not_say_stays_unknown(metrics):
    found = said("vllm", version={"version": "0.12.0"}, metrics=metrics)
    assert found == ServerSettings(engine="vLLM", engine_version="0.12.0", max_model_len=8192)


@pytest.mark.parametrize("path", ["server_info", "get_server_info"])
def test_sglang_says_its_options(path):
    info = {
        "version": "0.5.8", "max_running_requests": 4096, "chunked_prefill_size": 8192, "context_length": 131072,
        "mem_fraction_static": 0.85, "max_total_num_tokens": 447321, "kv_cache_dtype": "auto", "quantization": None,
        "disable_radix_cache": False, "disable_cuda_graph": False, "speculative_algorithm": None,
        "internal_states": [{"memory_usage": {"token_capacity": 447321}}],
    }  # fmt: skip
    assert said("sglang", **{path: info}) == ServerSettings(
        engine="SGLang", engine_version="0.5.8", max_num_seqs=4096, max_num_batched_tokens=8192, max_model_len=131072,
        gpu_memory_utilization=0.85, kv_cache_tokens=447321, quant_method="none", cuda_graphs=True,
        chunked_prefill=True, prefix_caching=True, spec_decode=False,
    )  # fmt: skip


def test_sglang_has_its_version_elsewhere():
    models = {"data": [{"id": "m", "owned_by": "sglang"}]}
    with serving({"/v1/models": models, "/get_server_info": {"version": "0.5.8"}}) as url:
        assert ask_server(url).engine == "sglang 0.5.8"


def test_others_say_who_they_are(tiny_engine):
    assert said("tensorrt_llm", version={"version": "1.0.0"}) == ServerSettings(
        engine="TensorRT-LLM", engine_version="1.0.0"
    )
    assert said("someone") == ServerSettings(engine="someone")
    real = settings_of(ask_server(tiny_engine.url), "tiny")
    assert (real.engine, real.max_num_seqs, real.max_model_len) == ("llamacpp", 2, 512)


def logged(tmp_path, text):
    path = tmp_path / "server.log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_server_log(path)


def test_logs_say_how_a_server_was_started(tmp_path):
    assert logged(tmp_path, server_logs.VLLM) == ServerSettings(
        engine="vLLM", engine_version="0.11.0", max_num_seqs=128, max_num_batched_tokens=2048, max_model_len=8192,
        gpu_memory_utilization=0.85, kv_cache_tokens=93872, kv_precision="bf16", quant_method="none", cuda_graphs=True,
        chunked_prefill=True, prefix_caching=True, spec_decode=False, api_servers=2,
    )  # fmt: skip
    assert logged(tmp_path, server_logs.SGLANG) == ServerSettings(
        engine="SGLang", max_num_seqs=64, max_num_batched_tokens=8192, max_model_len=32768,
        gpu_memory_utilization=0.835, kv_cache_tokens=20480, kv_precision="fp8", quant_method="none", cuda_graphs=True,
        chunked_prefill=True, prefix_caching=False, spec_decode=True,
    )  # fmt: skip
    assert logged(tmp_path, server_logs.TENSORRT_LLM) == ServerSettings(
        engine="TensorRT-LLM", engine_version="1.0.0", max_num_seqs=2048, max_num_batched_tokens=8192,
        max_model_len=131072, kv_cache_tokens=220480, prefix_caching=False,
    )  # fmt: skip


def test_of_several_starts_the_last_counts(tmp_path):
    later = server_logs.VLLM.replace("93,872", "1,024").replace("v0.11.0", "v0.12.0")
    found = logged(tmp_path, server_logs.VLLM + later)
    assert (found.kv_cache_tokens, found.engine_version) == (1024, "0.12.0")


def test_what_is_nested_in_an_option_is_not_an_option(tmp_path):
    """An option's own settings may be called as the server's are."""
    given = (
        "'max_num_seqs': 128, 'hf_overrides': {'max_num_seqs': 3, 'note': \"} it's\"}, 'sizes': [(1, 'max_num_seqs=4')]"
    )
    nested = (
        "quantization=None, compilation_config={'level': 3, 'max_seq_len': 16, 'splitting': {'enforce_eager': True}}"
    )
    log = server_logs.VLLM.replace("'max_num_seqs': 128", given).replace("quantization=None", nested)
    assert log.count("hf_overrides") == log.count("compilation_config") == 1
    assert logged(tmp_path, log) == logged(tmp_path, server_logs.VLLM)
    after = server_logs.VLLM.replace("'api_server_count': 2}", "'api_server_count': 2} 'max_num_seqs': 9")
    assert logged(tmp_path, after) == logged(tmp_path, server_logs.VLLM)


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", "no start-up line"),
        ("some other program\n" * 1000, "no start-up line"),
        (b"\x00\xff" * 1000, "no start-up line"),
        (server_logs.VLLM + server_logs.SGLANG, "has logs of vLLM and SGLang"),
    ],
)
def test_what_is_not_a_log_of_one_server_is_refused(tmp_path, log, why):
    with pytest.raises(BadFile, match=why):
        logged(tmp_path, log)


def test_a_log_is_read_as_far_as_it_is_of_use_and_only_if_it_is_a_file(tmp_path):
    long = tmp_path / "long.log"
    with long.open("wb") as stream:
        stream.write(server_logs.VLLM.encode())
        stream.truncate(2**33)  # 8 GiB, none of which is on the disk
    assert read_server_log(long).kv_cache_tokens == 93872
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing"):
        with pytest.raises(BadFile, match="cannot be read"):
            read_server_log(path)


def test_lines_of_any_length_take_no_longer(tmp_path):
    nasty = "Initializing a V1 LLM engine (v1) with config: " + "a='b', " * 200_000 + "\n" + "server_args=(" * 100_000
    assert logged(tmp_path, nasty).engine == "vLLM"


def test_the_servers_own_word_goes_before_its_log_and_the_users_before_both(tmp_path):
    log, path = logged(tmp_path, server_logs.VLLM), tmp_path / "server.log"
    server = ServerSettings(engine="vLLM", engine_version="0.11.0", max_model_len=4096)
    found, notes = known_settings(server, log, path)
    assert (found.max_model_len, found.kv_cache_tokens) == (4096, 93872)
    blocks = known_settings(ServerSettings(engine="vLLM", engine_version="0.11.0", kv_cache_tokens=93856), log, path)
    assert (blocks[0].kv_cache_tokens, blocks[1]) == (93872, ())
    (note,) = notes
    assert "max_model_len: the server says 4096 (used)" in note
    assert "says 8192: is the log from another start?" in note
    assert known_settings(ServerSettings(engine="someone"), log, path)[0].engine == "vLLM"
    with pytest.raises(BadInput, match="is a log of vLLM, but the server is SGLang"):
        known_settings(ServerSettings(engine="SGLang"), log, path)
    assert unknown_settings(server) == ("max_num_seqs", "max_num_batched_tokens", "kv_cache_tokens")
    assert unknown_settings(found) == ()


def test_a_user_names_the_engine_that_hides(tiny_engine):
    server = ask_server(tiny_engine.url)
    named = named_by_user(server, "vLLM 0.12.0")
    assert settings_of(named, "tiny").engine == "vLLM"
    assert settings_of(named, "tiny").engine_version == "0.12.0"
    assert named_by_user(server, "") is server
    with pytest.raises(BadInput, match=r"the server says that it is vLLM 0\.12\.0"):
        named_by_user(named, "SGLang")


IDLE, BUSY = "0, NVIDIA L4, 72.00, 210, 0\n", "0, NVIDIA L4, 72.00, 1500, 99\n0, NVIDIA L4, 72.00, 1400, 97\n"


@pytest.mark.parametrize(
    ("text", "gpu", "degree", "expected"),
    [
        (IDLE + BUSY, "L4", 1, (72.0, 1450.0, 1)),  # an idle card's clock says nothing
        (IDLE, "L4", 1, (72.0, None, 1)),
        (BUSY + "1, NVIDIA L4, 72.00, 2040, 3\n", "L4", 1, (72.0, 1450.0, 2)),
        (BUSY + "1, NVIDIA L4, 60.00, 1000, 90\n", "L4", 2, (68.0, 1300.0, 2)),
        ("0, NVIDIA H100 80GB HBM3, [N/A], 1980, 100\n", "H100", 1, (None, 1980.0, 1)),
        ("0, NVIDIA A100-SXM4-40GB, 400.00, 1410, 100\n0, NVIDIA A10", "A100-40GB", 1, (400.0, 1410.0, 1)),
        (BUSY, "L4", 2, None),
        (BUSY, "A10G", 1, None),
        ("", "L4", 1, None),
        ("garbage\n\x00\n", "L4", 1, None),
    ],
)
def test_readings_of_the_busy_gpus_of_a_replica(tmp_path, text, gpu, degree, expected):
    file = tmp_path / "1.gpu.csv"
    file.write_text(text)
    found = read_readings(file, gpu, degree)
    figures = None if found is None else (found.power_limit_w, found.sm_clock_mhz_mean, found.gpu_count)
    assert figures == expected
    assert read_readings(tmp_path / "missing", gpu, degree) is None


def test_gpus_are_read_only_where_the_server_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_monitor("http://192.0.2.1:8000", "L4") == NoMonitor("the server runs on another machine")
    assert find_monitor("http://127.0.0.1:8000", "L4") == NoMonitor("nvidia-smi is not on the PATH")
    program = tmp_path / "nvidia-smi"
    for lines, why in (
        (
            "echo 0, Tesla T4, 70.00, 1590, 0",
            NoMonitor(f"{program} lists Tesla T4: is --gpu L4 right?", other_gpu=True),
        ),
        ("echo NVIDIA-SMI has failed; exit 9", NoMonitor(f"{program} lists no GPU")),
    ):
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o755)
        assert find_monitor("http://localhost:8000", "L4") == why
    program.write_text("#!/bin/sh\necho '0, NVIDIA L4, 72.00, 210, 0'\n")
    assert find_monitor("http://127.0.0.1:8000", "L4") == GpuMonitor(str(program))


def rows_of(tmp_path, **changes):
    """Two loads of a measurement that never was, the first of them with readings of its GPU."""
    question = QUESTION.__class__(
        **{name: getattr(QUESTION, name) for name in QUESTION.__dataclass_fields__}
        | {"model": "llama-3.1-8b", "precision": "bf16", "tokenizer": "/home/me/secret/llama"}
        | changes
    )
    size = RequestSize(1024, 128)
    runs = tuple(
        (
            load,
            a_run(load, 2.0 * load, input_tokens=1024.0, output_tokens=128.0, measured_on=date(2026, 11, 27),
                  p50_tpot_ms=39.0, p50_ttft_ms=90.0, p95_input_tokens=1024.0, p95_output_tokens=128.0),
        )
        for load in (1, 4)
    )  # fmt: skip
    kept, _ = KeptPoints.opened(tmp_path / "state", question.conditions)
    readings_file(kept.report(size, 1)).write_text("0, NVIDIA A10G, 300.00, 1500, 99\n")
    settings = ServerSettings(
        engine="vLLM", engine_version="0.12.0", max_num_seqs=256, kv_cache_tokens=35000, kv_precision="bf16",
        quant_method="none", cuda_graphs=True, prefix_caching=False, gpu_memory_utilization=0.9, api_servers=1,
    )  # fmt: skip
    return evidence_rows(question, [MeasuredSize(size, runs, "", True, False)], settings, kept, host_cpu="AMD EPYC")


def test_each_load_is_a_row_with_all_that_is_known(tmp_path):
    alone, four = rows_of(tmp_path)
    assert (alone.arrival, alone.concurrency, four.concurrency) == ("closed", 1, 4)
    assert (alone.power_limit_w, alone.sm_clock_mhz_mean, four.sm_clock_mhz_mean) == (300.0, 1500.0, None)
    assert (alone.engine, alone.engine_version, alone.kv_cache_tokens) == ("vLLM", "0.12.0", 35000)
    assert (alone.tool, alone.tool_version, alone.tokenizer) == ("guidellm", "0.8.1", "llama")
    assert (alone.requests, alone.failed, alone.warmup_requests, four.warmup_requests) == (40, 0, 2, 4)
    assert (alone.tpot_mean_ms, alone.tpot_p50_ms, alone.tpot_p99_ms) == (40, 39, 50)
    assert (alone.ttft_mean_ms, alone.ttft_p50_ms, alone.ttft_p99_ms) == (100, 90, 150)
    assert "secret" not in repr(alone)


def test_the_rows_can_be_sent_once_their_source_is_filled_in(tmp_path):
    path = tmp_path / "rows.csv"
    listed = EvidenceList((), None, None, tuple(rows_of(tmp_path)), (), (), ())
    rows = list(csv.DictReader(io.StringIO(written(evidence_page(listed), "csv", width=None))))

    def checked(**filled):
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows({**row, **filled} for row in rows)
        return CliRunner().invoke(app, ["profiles", "evidence", "--check", str(path)])

    refused = checked()
    assert refused.exit_code == 2
    assert "source_url" in refused.stderr
    sent = checked(licence="CC-BY-4.0", submitter="me")
    assert sent.exit_code == 0, sent.output
    assert "2 measured rows" in sent.stdout


def test_a_monitor_ends_with_its_load(tmp_path):
    """Whatever ends the load; a program that ignores the polite request, too."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\ntrap '' TERM\necho $$ >" + f"{tmp_path}/pid\n"
        "while true; do echo '0, NVIDIA L4, 72.00, 1500, 99'; sleep 0.05; done\n"
    )
    program.chmod(0o755)
    file = tmp_path / "1.gpu.csv"

    def load():
        with GpuMonitor(str(program)).recording(file):
            while not (tmp_path / "pid").is_file() or not file.stat().st_size:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load()
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    found = read_readings(file, "L4", 1)
    assert found is not None
    assert found.sm_clock_mhz_mean == 1500
