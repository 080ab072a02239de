"""`melange-cloud profiles estimate` end to end."""

import json
import os
import subprocess
import sys

import pytest

from melange_cloud.domain import GPUS
from melange_cloud.profiles import check_profile_file, read_profile_file
from tests.estimator.test_config_json import LLAMA_8B, PUBLISHED, SHIPPED

ESTIMATE = ("profiles", "estimate", "--config", "config.json")


@pytest.fixture
def config(tmp_path):
    def write(fields, name="config.json"):
        (tmp_path / name).write_text(json.dumps(fields))

    return write


def test_table(run, config):
    config(PUBLISHED["qwen2.5-7b"][0])
    result = run(*ESTIMATE, "--gpu", "l4", "--precision", "fp8", "--tpot-ms", "60", "--model", "Qwen/Qwen2.5-7B")
    assert result.exit_code == 0
    assert result.stdout.startswith(" qwen2.5-7b fp8 on L4, era 2025, mean of vLLM, SGLang and TensorRT-LLM\n")
    assert "within 60 ms per output token" in result.stdout
    assert "this model was not measured" in result.stdout
    assert result.stderr == "config.json: qwen2, 7,615,616,512 parameters\n"


def test_json_is_that_of_profiles_show_and_more(run, config):
    config({**LLAMA_8B, "_name_or_path": "meta-llama/Llama-3.1-8B"})
    made = run.json(*ESTIMATE, "--gpu", "A10G", "--tp", "1", "--tpot-ms", "100")
    shown = run.json("profiles", "show", "--model", "llama-3.1-8b", "--gpu", "A10G", "--tp", "1", "--tpot-ms", "100")
    assert made["parameters"] == 8_030_261_248
    assert made["family"] == "llama"
    assert set(made) == set(shown) | {"parameters", "family", "notes"}
    for field in ("model", "gpu", "tensor_parallel", "era", "precision", "target_tpot_ms", "cells"):
        assert made[field] == shown[field], field


def test_a_file_in_the_profile_format(run, config, tmp_path):
    config(LLAMA_8B)
    result = run(*ESTIMATE, "--gpu", "L4", "--out", "m.csv", "--model", "mine")
    assert result.exit_code == 0
    assert result.stdout == ""
    check_profile_file(tmp_path / "m.csv")
    header = read_profile_file(tmp_path / "m.csv").header
    assert (header.model, header.gpu, header.precision, header.made_by) == (
        "mine",
        "L4",
        "bf16",
        "melange-cloud profiles estimate",
    )
    assert (
        run(*ESTIMATE, "--gpu", "L4", "--format", "csv", "--model", "mine").stdout == (tmp_path / "m.csv").read_text()
    )


def test_out_ends_decide_the_format(run, config, tmp_path):
    config(LLAMA_8B)
    run(*ESTIMATE, "--gpu", "L4", "--out", "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["gpu"] == "L4"
    run(*ESTIMATE, "--gpu", "L4", "--out", "m.txt")
    assert "Requests/s of one replica at saturation" in (tmp_path / "m.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--gpu", "L9"), "--gpu L9: not supported; known are L4"),
        (("--gpu", "L4", "--tp", "3"), "--tp 3: only 1, 2, 4, 8 can be estimated"),
        (("--gpu", "A10G", "--precision", "fp8"), "A10G does not support fp8: use --precision bf16"),
        (("--gpu", "L4", "--era", "1999"), "--era 1999: not supported; known are 2025"),
        (("--gpu", "L4", "--tpot-ms", "-5"), "--tpot-ms -5: give milliseconds above 0"),
        (("--gpu", "L4", "--config", "absent.json"), "absent.json: cannot be read (No such file"),
        (("--gpu", "L4", "--config", "mixtral.json"), "mixtral.json, num_local_experts: is a mixture of experts"),
        (("--gpu", "L4", "--config", "big.json"), "big: 131.4 GiB of bf16 weights do not fit on one L4"),
        (("--gpu", "L4", "--model", "///"), "--model '///': give the model's name"),
    ],
)
def test_bad_input_is_one_line(run, config, arguments, expected):
    config(LLAMA_8B)
    config({**LLAMA_8B, "model_type": "mixtral", "num_local_experts": 8}, "mixtral.json")
    config(SHIPPED["llama-3.1-70b"], "big.json")
    tensor_parallel = () if "--tp" in arguments else ("--tp", "1")
    result = run(*ESTIMATE, *arguments, *tensor_parallel)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_what_was_saved_is_planned_with(run, config, tmp_path):
    config({**PUBLISHED["qwen2.5-7b"][0], "max_position_embeddings": 32768})
    folder = str(tmp_path / "own")
    asked = ("plan", "--region", "us-east-1", "--offline", "--model", "our-7b")
    assert run(*asked, MELANGE_CLOUD_PROFILES=folder).exit_code == 2
    for gpu in ("L4", "A10G"):
        saved = run(*ESTIMATE, "--gpu", gpu, "--model", "our-7b", "--save", MELANGE_CLOUD_PROFILES=folder)
        assert saved.exit_code == 0, saved.output
        assert "plan with it: melange-cloud plan --model our-7b --precision bf16 --era 2025" in saved.stderr
    planned = run(*asked, "--format", "json", MELANGE_CLOUD_PROFILES=folder)
    assert planned.exit_code == 0, planned.output
    document = json.loads(planned.stdout)
    assert document["request"]["model"] == "our-7b"
    assert document["request"]["host_memory_floor_gib"] == pytest.approx(14.185 + 8, abs=0.01)
    (region,) = document["regions"]
    assert {use["gpu"] for use in region["kinds"]} <= {"L4", "A10G"}
    assert {use["origin"] for use in region["kinds"]} == {"estimated"}


QWEN_14B = {
    "model_type": "qwen2", "hidden_size": 5120, "intermediate_size": 13824, "max_position_embeddings": 32768,
    "num_attention_heads": 40, "num_hidden_layers": 48, "num_key_value_heads": 8, "vocab_size": 152064,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "use_sliding_window": False,
}  # fmt: skip
"""Qwen2.5-14B: 14.77e9 parameters, 27.5 GiB in 16 bits: two L4 at least. In fp8 one does."""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


def test_every_gpu_that_is_named_is_estimated_and_saved(run, config, folder):
    config(LLAMA_8B)
    result = run(*ESTIMATE, "--gpu", "l4", "--gpu", "A10G", "--model", "mine", "--save")
    assert result.exit_code == 0
    assert "mine bf16 on L4, era 2025" in result.stdout
    assert "mine bf16 on A10G, era 2025" in result.stdout
    assert {path.parent.name for path in folder.rglob("*.csv")} == {"L4", "A10G"}
    listed = run.json(*ESTIMATE, "--gpu", "L4,A10G", "--model", "mine")
    assert [entry["gpu"] for entry in listed["profiles"]] == ["L4", "A10G"]
    assert listed["left_out"] == {}


def test_all_is_every_gpu_that_can_hold_the_model_and_says_why_not_others(run, config):
    config(QWEN_14B)
    listed = run.json(*ESTIMATE, "--gpu", "all", "--tp", "1", "--model", "mine")
    assert [entry["gpu"] for entry in listed["profiles"]] == ["A100-40GB", "A100-80GB", "H100"]
    assert set(listed["left_out"]) == {"L4", "A10G"}
    table = run(*ESTIMATE, "--gpu", "all", "--tp", "1", "--model", "mine")
    assert "left out: L4: mine: 27.5 GiB of bf16 weights do not fit on one L4" in table.stderr
    assert "Left out: A10G: mine: 27.5 GiB" in table.stdout
    nowhere = run(*ESTIMATE, "--gpu", "L4", "--gpu", "A10G", "--tp", "1", "--model", "mine")
    assert (nowhere.exit_code, nowhere.stdout) == (2, "")
    assert nowhere.stderr.count("do not fit") == 2


def test_a_profile_file_is_of_one_gpu(run, config, tmp_path):
    config(LLAMA_8B)
    for more in (("--format", "csv"), ("--out", "m.csv")):
        result = run(*ESTIMATE, "--gpu", "L4", "--gpu", "A10G", *more)
        assert result.exit_code == 2
        assert "a profile file is for one GPU" in result.stderr
    assert not (tmp_path / "m.csv").exists()


def test_if_nothing_is_served_the_page_is_the_reason(run, config):
    """14.77e9 parameters in 16 bits, read by two L4 at 300 GB/s each: 29.54e9 / 600e9 = 49.2 ms."""
    config(QWEN_14B)
    ask = (*ESTIMATE, "--gpu", "L4", "--tp", "2", "--model", "mine")
    result = run(*ask, "--tpot-ms", "40")
    assert result.exit_code == 3
    reason = "mine bf16 on L4 x2: nothing is served within 40 ms per output token: 49.2 ms to read the weights > 40 ms"
    assert reason in " ".join(result.stdout.split())
    assert reason in result.stderr
    assert "-" not in {word for line in result.stdout.splitlines()[3:-6] for word in line.split()}
    refused = run(*ask, "--tpot-ms", "40", "--format", "json")
    assert refused.exit_code == 3
    assert json.loads(refused.stdout)["cells"] == []
    both = run(*ESTIMATE, "--gpu", "L4", "--gpu", "H100", "--model", "mine", "--tpot-ms", "40", "--format", "json")
    assert both.exit_code == 0


def test_a_target_below_the_first_token_says_so(run, config):
    config(LLAMA_8B)
    result = run(*ESTIMATE, "--gpu", "L4", "--model", "mine", "--ttft-ms", "1")
    assert result.exit_code == 3
    assert "nothing is served within 1 ms TTFT" in result.stderr


def test_profiles_show_gives_the_reason_too(run):
    result = run("profiles", "show", "--gpu", "L4", "--tpot-ms", "40")
    assert result.exit_code == 0
    assert "nothing is served within 40 ms per output token: 53.5 ms to read the weights > 40 ms" in result.stderr
    unknown = run("profiles", "show", "--gpu", "L4", "--p99-tpot-ms", "100")
    assert "nothing is known of 100 ms p99 TPOT" in unknown.stderr


def test_profiles_show_takes_several_gpus(run):
    both = run.json("profiles", "show", "--gpu", "L4", "--gpu", "A10G", "--tpot-ms", "100")
    assert [entry["gpu"] for entry in both["profiles"]] == ["L4", "A10G"]
    assert both["profiles"][0] == run.json("profiles", "show", "--gpu", "L4", "--tpot-ms", "100")
    every = run.json("profiles", "show", "--gpu", "all", "--model", "llama-3.1-70b", "--tp", "4")
    assert {entry["gpu"] for entry in every["profiles"]} | every["left_out"].keys() == set(GPUS)
    assert "A10G" in every["left_out"]
    table = run("profiles", "show", "--gpu", "L4,A10G").stdout
    assert table.index("llama-3.1-8b bf16 on L4") < table.index("llama-3.1-8b bf16 on A10G")


def test_it_is_saved_before_it_is_printed(config, folder, tmp_path):
    """A reader that takes nothing, as ``| head -1`` may: the profile is there all the same."""
    config(LLAMA_8B)
    ask = [
        sys.executable,
        "-c",
        "from melange_cloud.cli.app import main; main()",
        *ESTIMATE,
        "--gpu",
        "A10G",
        "--model",
        "mine",
        "--save",
    ]
    reader, writer = os.pipe()
    os.close(reader)
    subprocess.run([*ask], stdout=writer, stderr=subprocess.DEVNULL, cwd=tmp_path, check=False)
    os.close(writer)
    assert [path.name for path in folder.rglob("*.csv")] == ["tp1-estimated.csv"]
