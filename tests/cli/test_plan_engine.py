"""``--engine`` in every command whose answer rests on profiles: what is said, what is computed, what is refused."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.test_profile_import import SWEEP, imported

REGION = ("--region", "us-east-1")
PLAN = ("plan", *REGION, "--gpu", "H100:1", "--rate", "40", "--tpot-ms", "15", "--workload", "traffic.csv")
TRAFFIC = "input\\output,90-110,190-210\n240-260,0,10\n980-1020,5,0\n"
"""Two sizes: a plan of many takes longer and says nothing more of engines."""
MEAN = "profiles of engine era 2025*, mean of vLLM, SGLang and TensorRT-LLM*: "


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    Path("traffic.csv").write_text(TRAFFIC)
    return tmp_path / "own"


def flat(text):
    return " ".join(text.split())


def test_without_it_the_mean_is_said_as_a_default(run):
    assert MEAN in flat(run(*PLAN, "--full").stdout)
    plan = run.json(*PLAN)
    assert plan["request"]["engine"] == "mean"
    assert "engine" in plan["defaulted"]
    named = run.json(*PLAN, "--engine", "mean")
    assert "engine" not in named["defaulted"]
    assert named["regions"] == plan["regions"]


def test_a_plan_is_of_the_engine_that_is_named(run):
    page = flat(run(*PLAN, "--engine", "vLLM", "--full").stdout)
    assert "profiles of engine era 2025*, vLLM: " in page
    answers = {engine: run.json(*PLAN, "--engine", engine) for engine in ("trtllm", "SGLang")}
    assert [answer["request"]["engine"] for answer in answers.values()] == ["tensorrt-llm", "sglang"]
    assert not any("engine" in answer["defaulted"] for answer in answers.values())
    sheet = csv.DictReader(io.StringIO(run(*PLAN, "--engine", "sglang", "--format", "csv").stdout))
    assert {row["engine"] for row in sheet} == {"sglang"}


def test_the_load_follows_the_engine(run):
    """vLLM's step is the slowest of the three on an H100 (calibration.toml): the same traffic fills more of it."""

    def load(engine):
        (region,) = run.json(*PLAN, "--engine", engine)["regions"]
        return sum(use["busy_replicas"] for use in region["kinds"])

    assert load("vllm") > load("mean") > load("sglang")


def test_environment_and_settings_file_name_it_too(run, tmp_path):
    def engine(*more, **environment):
        return json.loads(run(*PLAN, "--format", "json", *more, **environment).stdout)["request"]["engine"]

    assert engine(MELANGE_CLOUD_ENGINE="sglang") == "sglang"
    Path("melange-cloud.toml").write_text('[plan]\nengine = "TensorRT-LLM"\n')
    assert engine() == "tensorrt-llm"
    assert engine("--engine", "vllm", MELANGE_CLOUD_ENGINE="sglang") == "vllm"


def test_other_commands_take_it(run, tmp_path):
    swept = run.json("sensitivity", *REGION, "--gpu", "H100:1", "--over", "router", "--engine", "vllm")
    assert swept["request"]["engine"] == "vllm"
    draw = ("profiles", "heatmap", *REGION, "--gpu", "H100", "--over", "tpot", "--size", "500x100")
    assert "profiles of engine era 2025*, vLLM" in flat(run(*draw, "--engine", "vllm").stdout)
    rows = csv.DictReader(io.StringIO(run(*draw, "--format", "csv").stdout))
    assert {row["engine"] for row in rows} == {"mean"}
    shown = run("profiles", "show", "--gpu", "L4", "--engine", "sglang").stdout
    assert "llama-3.1-8b bf16 on L4, era 2025, SGLang" in shown
    assert run.json("profiles", "show", "--gpu", "L4")["engine"] == "mean"


def test_the_list_is_of_an_engine_or_says_that_it_is_of_the_mean(run):
    listed = run.json("profiles", "list")
    assert listed["engines"] == {"2025": ["vllm", "sglang", "tensorrt-llm"], "vllm-0.2.7": ["vllm"]}
    assert "Those of era 2025 are the mean of vLLM, SGLang and TensorRT-LLM; --engine chooses one." in flat(
        run("profiles", "list").stdout
    )
    of_sglang = run.json("profiles", "list", "--engine", "sglang")
    assert (of_sglang["engine"], list(of_sglang["eras"])) == ("sglang", ["2025"])
    assert {held["era"] for held in of_sglang["profiles"]} == {"2025"}


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256,
    "max_position_embeddings": 8192, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
}  # fmt: skip


def test_an_estimate_of_a_config_is_of_the_engine_and_is_kept_apart(run, tmp_path, folder):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIG))
    ask = ("profiles", "estimate", "--config", str(config), "--gpu", "H100", "--model", "mine", "--save")
    rates = {}
    for engine in ("mean", "vllm", "sglang"):
        answer = run.json(*ask, "--engine", engine, "--tpot-ms", "15")
        cells = {(cell["input_tokens"], cell["output_tokens"]): cell["requests_per_s"] for cell in answer["cells"]}
        rates[engine] = cells[1000, 1000]
    assert rates["vllm"] < rates["mean"] < rates["sglang"]
    names = {path.name for path in folder.rglob("*.csv")}
    assert names == {"tp1-estimated.csv", "tp1-estimated-vllm.csv", "tp1-estimated-sglang.csv"}

    def shown(*engine):
        answer = run.json("profiles", "show", "--gpu", "H100", "--model", "mine", "--tpot-ms", "15", *engine)
        (rate,) = (
            cell["requests_per_s"]
            for cell in answer["cells"]
            if (cell["input_tokens"], cell["output_tokens"]) == (1000, 1000)
        )
        return rate, answer["notices"]

    assert shown() == (pytest.approx(rates["mean"], rel=1e-4), [])
    assert shown("--engine", "sglang") == (pytest.approx(rates["sglang"], rel=1e-4), [])
    rate, notices = shown("--engine", "tensorrt-llm")
    assert rate == pytest.approx(rates["mean"], rel=1e-4)
    assert notices == [
        "your estimate tp1-estimated.csv is for mean of vLLM, SGLang and TensorRT-LLM, not TensorRT-LLM, but is used "
        "as it is; add the right one with `profiles estimate --engine tensorrt-llm --save`"
    ]


def test_a_measurement_of_another_engine_is_used_and_said(run, tmp_path):
    """SWEEP was measured on vLLM."""
    name = Path(imported(run, SWEEP)["written"]).name
    ask = ("plan", *REGION, "--gpu", "A10G", "--rate", "20", "--workload", "traffic.csv")
    plain, same, other = (run.json(*ask, *engine) for engine in ((), ("--engine", "vllm"), ("--engine", "sglang")))
    (found, *_) = other["imports"]
    assert found["engine"] == "vllm"
    says = (
        f"{name} was measured with vllm, not SGLang: its rates are used as measured; for a plan of that engine use "
        "--engine vllm"
    )
    assert says in other["notices"]
    assert not [notice for answer in (plain, same) for notice in answer["notices"] if "was measured with" in notice]


def test_an_import_may_name_the_engine_that_the_tool_does_not(run, tmp_path):
    """``vllm bench serve`` measures other servers too, and calls its own interface vllm."""
    path = Path(imported(run, SWEEP, "--engine", "SGLang 0.5.8")["written"])
    assert "# engine: SGLang 0.5.8\n" in path.read_text()
    ask = ("plan", *REGION, "--gpu", "A10G", "--rate", "20", "--workload", "traffic.csv", "--engine")
    of_sglang, of_vllm = (run.json(*ask, engine) for engine in ("sglang", "vllm"))
    assert not [notice for notice in of_sglang["notices"] if "was measured with" in notice]
    (notice,) = [notice for notice in of_vllm["notices"] if "was measured with" in notice]
    assert f"{path.name} was measured with SGLang 0.5.8, not vLLM" in notice
    (own,) = run.json("profiles", "list")["own"]
    assert own["engine"] == "SGLang 0.5.8"


def test_labels_of_a_result_name_the_engine(run, tmp_path):
    result = json.loads(Path(SWEEP).read_text().splitlines()[0])
    labelled = tmp_path / "labelled.json"
    labelled.write_text(json.dumps({**result, "engine": "TensorRT-LLM", "version": "1.0.0"}))
    path = Path(imported(run, str(labelled))["written"])
    assert "# engine: TensorRT-LLM 1.0.0\n" in path.read_text()
    refused = run("profiles", "import", str(labelled), "--engine", "vllm")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (
        2,
        "melange-cloud: --engine vllm: the results say TensorRT-LLM",
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [("vlm 0.12", "did you mean vllm?"), (" ", "give the engine that was measured and its version")],
)
def test_a_misspelt_engine_of_an_import_is_refused(run, word, said):
    refused = run("profiles", "import", SWEEP, "--engine", word)
    assert refused.exit_code == 2
    assert said in refused.stderr


@pytest.mark.parametrize(
    "command",
    [
        PLAN,
        ("sensitivity", *REGION, "--over", "router"),
        ("profiles", "heatmap"),
        ("profiles", "show", "--gpu", "L4"),
        ("profiles", "list"),
    ],
)
def test_what_is_not_an_engine_is_refused_in_one_line(run, command):
    refused = run(*command, "--engine", "vlm")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1] == "melange-cloud: --engine vlm: did you mean vllm?"


def test_an_era_of_one_engine(run):
    old = ("profiles", "show", "--gpu", "L4", "--model", "llama-2-7b", "--era", "vllm-0.2.7")
    refused = run(*old, "--engine", "trt-llm")
    assert refused.exit_code == 2
    assert refused.stderr == ("melange-cloud: --engine trt-llm: era vllm-0.2.7 has only vLLM; drop --engine or --era\n")
    assert run.json(*old, "--engine", "vllm") == run.json(*old)
    plan = run.json(
        "plan", *REGION, "--gpu", "A10G", "--model", "llama-2-7b", "--era", "vllm-0.2.7", "--drop-unservable"
    )
    assert plan["request"]["engine"] == "vllm"
    assert "engine" not in plan["defaulted"]
