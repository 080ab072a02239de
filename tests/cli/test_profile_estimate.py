"""`melange-cloud profiles estimate` end to end."""

import json

import pytest

from melange_cloud.profiles import check_profile_file, read_profile_file
from tests.profiles.test_config_json import LLAMA_8B, PUBLISHED, SHIPPED

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
    assert result.stdout.startswith("qwen2.5-7b fp8 on L4, era 2025\n")
    assert "within 60 ms per output token" in result.stdout
    assert "nothing of this model is measured" in result.stdout
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
    ("arguments", "told"),
    [
        (("--gpu", "L9"), "no profile of the GPU 'L9'"),
        (("--gpu", "L4", "--tp", "3"), "--tp 3: degrees that are estimated are 1, 2, 4, 8"),
        (("--gpu", "A10G", "--precision", "fp8"), "A10G has no fp8: give --precision bf16"),
        (("--gpu", "L4", "--era", "1999"), "no engine era '1999'"),
        (("--gpu", "L4", "--tpot-ms", "-5"), "--tpot-ms -5: milliseconds above 0"),
        (("--gpu", "L4", "--config", "absent.json"), "absent.json: cannot be read (No such file"),
        (("--gpu", "L4", "--config", "mixtral.json"), "mixtral.json, num_local_experts: is a mixture of experts"),
        (("--gpu", "L4", "--config", "big.json"), "big: 131.4 GiB of bf16 weights do not fit on one L4"),
        (("--gpu", "L4", "--model", "///"), "--model '///': give the model's name"),
    ],
)
def test_bad_input_is_one_line(run, config, arguments, told):
    config(LLAMA_8B)
    config({**LLAMA_8B, "model_type": "mixtral", "num_local_experts": 8}, "mixtral.json")
    config(SHIPPED["llama-3.1-70b"], "big.json")
    tensor_parallel = () if "--tp" in arguments else ("--tp", "1")
    result = run(*ESTIMATE, *arguments, *tensor_parallel)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_what_was_saved_is_planned_with(run, config, tmp_path):
    config({**PUBLISHED["qwen2.5-7b"][0], "max_position_embeddings": 32768})
    folder = str(tmp_path / "own")
    asked = ("plan", "--region", "us-east-1", "--offline", "--model", "qwen2.5-7b")
    assert run(*asked, MELANGE_CLOUD_PROFILES=folder).exit_code == 2
    for gpu in ("L4", "A10G"):
        saved = run(*ESTIMATE, "--gpu", gpu, "--model", "qwen2.5-7b", "--save", MELANGE_CLOUD_PROFILES=folder)
        assert saved.exit_code == 0, saved.output
        assert "plan with it: melange-cloud plan --model qwen2.5-7b --precision bf16 --era 2025" in saved.stderr
    planned = run(*asked, "--format", "json", MELANGE_CLOUD_PROFILES=folder)
    assert planned.exit_code == 0, planned.output
    document = json.loads(planned.stdout)
    assert document["request"]["model"] == "qwen2.5-7b"
    assert document["request"]["host_memory_floor_gib"] == pytest.approx(14.185 + 8, abs=0.01)
    (region,) = document["regions"]
    assert {use["gpu"] for use in region["kinds"]} <= {"L4", "A10G"}
    assert {use["origin"] for use in region["kinds"]} == {"estimated"}
