"""`plan --config`: every GPU is estimated by itself; which have no profile is said, with a config and without."""

import json
import re

import pytest

from tests.cli.test_profile_estimate import QWEN_14B
from tests.estimator.test_config_json import LLAMA_8B, SHIPPED

REGION = ("plan", "--region", "us-east-1")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def config(tmp_path):
    def write(fields):
        (tmp_path / "config.json").write_text(json.dumps(fields))

    return write


def test_it_is_the_plan_of_the_shipped_estimates_where_nothing_was_measured(run, config, folder):
    """Llama-3.1-8B by its config: on L4, of which no row is pinned, the fleet of `plan --model llama-3.1-8b`."""
    config(LLAMA_8B)
    ask = (*REGION, "--gpu", "L4", "--rate", "10")
    own = run.json(*ask, "--config", "config.json", "--model", "mine")
    shipped = run.json(*ask, "--model", "llama-3.1-8b")
    assert own["request"]["model"] == "mine"
    assert own["request"]["config"] == "config.json"
    assert shipped["request"]["config"] is None
    assert "model" not in own["defaulted"]
    assert own["regions"][0]["usd_per_hour"] == shipped["regions"][0]["usd_per_hour"]
    assert own["regions"][0]["kinds"][0]["grade"] == shipped["regions"][0]["kinds"][0]["grade"]
    assert not folder.exists(), "nothing is saved"
    (notice,) = [notice for notice in own["notices"] if "estimated from" in notice]
    assert notice == "mine: estimated from config.json: llama, 8,030,261,248 parameters"


def test_it_is_what_saving_every_gpu_gives(run, config):
    """But for the busy share: a saved file holds a grid of sizes, and what is estimated at once is so at every size."""
    config(QWEN_14B)
    ask = ("--rate", "5", "--tpot-ms", "60")
    at_once = run.json(*REGION, *ask, "--config", "config.json", "--model", "mine")
    gpus = {line["gpu"] for line in at_once["regions"][0]["single_gpu"]}
    assert {"A10G", "A100-40GB", "A100-80GB", "H100"} <= gpus
    for degree in ("1", "2", "4", "8"):
        run(
            "profiles",
            "estimate",
            "--config",
            "config.json",
            "--gpu",
            "all",
            "--tp",
            degree,
            "--model",
            "mine",
            "--save",
        )
    saved = run.json(*REGION, *ask, "--model", "mine")
    assert saved["regions"][0]["usd_per_hour"] == at_once["regions"][0]["usd_per_hour"]
    of_grid, of_sizes = (
        [{**line, "busy": None} for line in answer["regions"][0]["allocations"]] for answer in (saved, at_once)
    )
    assert of_grid == of_sizes
    for line, other in zip(saved["regions"][0]["allocations"], at_once["regions"][0]["allocations"], strict=True):
        assert line["busy"] == pytest.approx(other["busy"], rel=0.02)


def test_gpus_that_cannot_hold_the_model_are_named_with_the_reason(run, config):
    """fp8 on A10G and A100: no such unit."""
    config(QWEN_14B)
    plan = run.json(*REGION, "--config", "config.json", "--model", "mine", "--precision", "fp8", "--rate", "5")
    (notice,) = [notice for notice in plan["notices"] if notice.startswith("left out: no profile of mine for")]
    assert notice == "left out: no profile of mine for A10G, A100-40GB, A100-80GB: no fp8"
    assert [(line["gpu"], line["tensor_parallel"]) for line in plan["no_profile"]] == [
        ("A10G", None),
        ("A100-40GB", None),
        ("A100-80GB", None),
    ]
    assert all(line["reason"] == "no fp8" for line in plan["no_profile"])
    assert "H100" not in notice
    alone = run.json(*REGION, "--config", "config.json", "--model", "mine", "--precision", "fp8", "--gpu", "L4")
    assert not any("left out" in notice for notice in alone["notices"]), "others were not asked for"


def test_an_own_model_with_one_gpu_estimated_says_which_have_none(run, config):
    config(QWEN_14B)
    run("profiles", "estimate", "--config", "config.json", "--gpu", "A10G", "--model", "mine", "--save")
    plan = run.json(*REGION, "--model", "mine", "--rate", "5")
    (notice,) = [notice for notice in plan["notices"] if notice.startswith("left out")]
    assert notice.startswith("left out: no profile of mine for L4, A100-40GB, A100-80GB, H100, ")
    assert "plan --config config.json" in notice
    assert notice in " ".join(run(*REGION, "--model", "mine", "--rate", "5").stdout.split())
    for gpu in ("L4", "A100-40GB", "A100-80GB", "H100"):
        run("profiles", "estimate", "--config", "config.json", "--gpu", gpu, "--model", "mine", "--save")
    whole = run.json(*REGION, "--model", "mine", "--rate", "5")
    assert not any(notice.startswith("left out") for notice in whole["notices"])
    assert whole["regions"][0]["usd_per_hour"] <= plan["regions"][0]["usd_per_hour"]


def test_sensitivity_takes_it_too(run, config):
    config(LLAMA_8B)
    ask = ("sensitivity", "--region", "us-east-1", "--gpu", "L4", "--over", "rate", "--from", "5", "--to", "6")
    answer = run.json(*ask, "--config", "config.json", "--model", "mine")
    assert any("estimated from config.json" in notice for notice in answer["notices"])


@pytest.mark.parametrize(
    ("fields", "options", "says"),
    [
        (None, (), "config.json"),
        ({**LLAMA_8B, "model_type": "mixtral"}, (), "model_type"),
        (LLAMA_8B, ("--precision", "int4"), "--precision int4: not supported; known are bf16, fp16 and fp8"),
        (LLAMA_8B, ("--era", "1999"), "--era 1999: not supported; known are 2025"),
    ],
)
def test_what_cannot_be_estimated_is_refused(run, config, fields, options, says):
    if fields is not None:
        config(fields)
    result = run(*REGION, "--config", "config.json", "--rate", "5", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_the_settings_file_is_not_taken_for_a_model(run, config, tmp_path):
    """MELANGE_CLOUD_CONFIG names the settings; the variable of this option has another name."""
    (tmp_path / "settings.toml").write_text('[plan]\nregion = "us-east-1"\n')
    result = run("plan", "--rate", "5", "--gpu", "L4", MELANGE_CLOUD_CONFIG=str(tmp_path / "settings.toml"))
    assert result.exit_code == 0, result.output
    config(LLAMA_8B)
    named = run(
        *("plan", "--rate", "5", "--gpu", "L4", "--region", "us-east-1", "--full"),
        MELANGE_CLOUD_MODEL_CONFIG="config.json",
    )
    assert "estimated from config.json" in " ".join(named.stdout.split())


def test_degrees_that_do_not_split_the_model_are_named(run, config):
    """28 heads over 8 GPUs."""
    config({**SHIPPED["qwen2.5-7b"], "max_position_embeddings": 32768})
    ask = (*REGION, "--config", "config.json", "--model", "mine", "--rate", "5")
    plan = run.json(*ask)
    reason = "mine does not split evenly over 8 GPUs"
    gpus = ("L4", "A10G", "A100-40GB", "A100-80GB", "H100")
    assert plan["no_profile"] == [{"gpu": gpu, "tensor_parallel": 8, "reason": reason} for gpu in gpus]
    assert f"not estimated: 8 GPUs per replica ({reason})" in plan["notices"]
    alone = run(*ask, "--gpu", "H100:8")
    assert alone.exit_code == 3
    assert f"p5.48xlarge: H100 x8: {reason}" in " ".join(alone.stdout.split())


def test_a_model_that_fits_on_no_gpu_says_how_much_memory_is_missing(run, config):
    """405,853,388,800 parameters x 2 bytes are 756.0 GiB, more than eight GPUs of any kind here have."""
    config({**LLAMA_8B, "num_hidden_layers": 126, "hidden_size": 16384, "num_attention_heads": 128,
            "intermediate_size": 53248})  # fmt: skip
    result = run(*REGION, "--config", "config.json", "--model", "mine", "--rate", "5", "--gpu", "L4", "--gpu", "H100")
    assert result.exit_code == 3
    said = " ".join(result.stdout.split())
    notice = (
        "left out: no profile of mine for L4: 756.0 GiB of bf16 weights do not fit on 8 GPUs; "
        "H100: 756.0 GiB of bf16 weights do not fit on 8 GPUs; use --precision fp8"
    )
    assert notice in said
    one = run("profiles", "estimate", "--config", "config.json", "--gpu", "L4")
    assert (one.exit_code, one.stdout) == (2, "")
    assert re.search(r"do not fit on 8 x L4: [0-9.]+ GiB are missing; more GPUs", one.stderr)
    assert said.count("use a larger GPU") == 0, "every GPU is listed"


@pytest.mark.parametrize(
    ("file", "more", "name"),
    [
        ("config.json", {}, "llama-8b"),  # the folder's
        ("Llama 3.json", {}, "llama-3"),
        ("config.json", {"_name_or_path": "org/My_Model"}, "my-model"),
        ("config.json", {"_name_or_path": f"org/{'x' * 5000}"}, "x" * 80),
    ],
)
def test_without_a_name_the_model_is_called_as_its_file_says(run, tmp_path, file, more, name):
    folder = tmp_path / "Llama_8B"
    folder.mkdir()
    (folder / file).write_text(json.dumps({**LLAMA_8B, **more}))
    plan = run.json(*REGION, "--gpu", "L4", "--rate", "1", "--config", str(folder / file))
    assert plan["request"]["model"] == name
    assert "model" not in plan["defaulted"]


def test_heat_map_and_profile_of_a_config_are_those_of_the_shipped_model(run, config):
    """On L4, of which no row of the model is pinned."""
    config(LLAMA_8B)
    own = ("--config", "config.json", "--model", "mine")
    ask = ("profiles", "heatmap", "--gpu", "L4", "--gpu", "A10G", "--size", "64x64", "--over", "tpot")
    cells = [run.json(*ask, *whose)["cells"] for whose in (own, ("--model", "llama-3.1-8b"))]
    l4 = [[one for cell in some for one in cell["ranked"] if one["gpu"] == "L4"] for some in cells]
    assert l4[0]
    assert [one["requests_per_s"] for one in l4[0]] == [one["requests_per_s"] for one in l4[1]]
    show = ("profiles", "show", "--gpu", "L4", "--tpot-ms", "100")
    shown = [run.json(*show, *whose) for whose in (own, ("--model", "llama-3.1-8b"))]
    assert [answer["model"] for answer in shown] == ["mine", "llama-3.1-8b"]
    assert shown[0]["cells"] == shown[1]["cells"]


def test_a_file_that_is_not_a_config_gets_one_line(run, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama", "vocab_size": 32000}')
    result = run(*REGION, "--config", "config.json", "--rate", "5")
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert "has no num_hidden_layers, hidden_size" in line
    assert "give a model's whole config.json" in line
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_8B).replace("{", '{"hidden_size": 8192, ', 1))
    (line,) = run(*REGION, "--config", "config.json", "--rate", "5").stderr.splitlines()
    assert line.endswith("config.json: has a duplicate field hidden_size in one object: keep one")
    (tmp_path / "config.json").write_text(json.dumps({**LLAMA_8B, "num_local_experts": 8}))
    (line,) = run(*REGION, "--config", "config.json", "--rate", "5").stderr.splitlines()
    assert "is a mixture of experts" in line
    assert "melange-cloud profiles measure" in line
