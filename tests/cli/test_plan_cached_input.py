"""--cached-input, and the cached share of a log."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.schemas import assert_valid

COMMON = ("--region", "us-east-1", "--offline", "--gpu", "A10G:1")
PLAN = ("plan", *COMMON, "--rate", "3")
LOG = "input_tokens,cache_read_input_tokens,cache_creation_input_tokens,output_tokens\n" + (
    "100,900,0,100\n600,1000,400,200\n" * 20
)
"""As Anthropic counts: 20 x (1,000 + 2,000) input tokens, of which 20 x (900 + 1,000) were read from a cache."""


def run(*arguments: object) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def document(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*PLAN, *arguments, "--format", "json"))
    return found


def words(page: str) -> str:
    return " ".join(page.split())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    trace, out = tmp_path / "requests.csv", tmp_path / "ours.json"
    trace.write_text(LOG)
    ran = CliRunner().invoke(app, ["workloads", "from-trace", str(trace), "--name", "ours", "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert "63.3 % of the input tokens were read from a prompt cache; plans take the same share" in words(ran.stderr)
    return out


def test_a_cache_makes_the_fleet_cheaper_and_the_page_says_so() -> None:
    text = run(*PLAN, "--cached-input", "60%", "--format", "json")
    assert_valid("plan", text)
    plain, cached = document(), json.loads(text)
    assert cached["regions"][0]["usd_per_month"] < plain["regions"][0]["usd_per_month"]
    assert (plain["request"]["cached_input"], "cached_input" in plain["defaulted"]) == (0, True)
    assert (cached["request"]["cached_input"], "cached_input" in cached["defaulted"]) == (0.6, False)
    what_if = {change["option"]: change for change in cached["regions"][0]["what_if"]}
    without = what_if["--cached-input 0%"]
    assert without["usd_per_hour"] == pytest.approx(plain["regions"][0]["usd_per_hour"])
    assert "--cached-input 0%" not in {change["option"] for change in plain["regions"][0]["what_if"]}
    page = words(run(*PLAN, "--cached-input", "0.6", "--full"))
    assert "nothing from the prefix cache (--cached-input 0%)" in page
    assert "60 % of input tokens from the prefix cache: less prompt work, same memory" in page
    assert "router plain*: weighted load balancer; no prefix cache*" in words(run(*PLAN, "--full"))
    assert "no prefix cache" not in page


def test_the_share_of_a_log_is_planned_with_unless_another_is_given(log: Path) -> None:
    found = document("--workload", log)
    assert found["request"]["cached_input"] == pytest.approx(1900 / 3000)
    assert found["request"]["cached_input_source"] == "the log of ours"
    assert "cached_input" in found["defaulted"]
    page = words(run(*PLAN, "--workload", log, "--full"))
    assert (
        "63.3 % of input tokens from the prefix cache*, as in the log of ours: less prompt work, same memory. Your "
        "replicas do not share their caches, so that a plain load balancer may hit them less (--cached-input)"
    ) in page
    none = document("--workload", log, "--cached-input", "0")
    assert (none["request"]["cached_input"], none["request"]["cached_input_source"]) == (0, "")
    assert none["regions"][0]["usd_per_month"] >= found["regions"][0]["usd_per_month"]


def test_every_row_of_the_csv_has_it() -> None:
    rows = list(csv.DictReader(io.StringIO(run(*PLAN, "--cached-input", "25%", "--format", "csv"))))
    assert rows
    assert {row["cached_input"] for row in rows} == {"0.25"}


@pytest.mark.parametrize("word", ["60", "1.01", "100.5%", "-1%", "60%%", "most", "nan", "1e999", ""])
def test_what_is_no_share_is_refused(word: str) -> None:
    for command in (PLAN, ("profiles", "show", "--gpu", "L4")):
        ran = CliRunner().invoke(app, [*command, f"--cached-input={word}"])
        assert ran.exit_code == 2
        (line,) = ran.stderr.splitlines()
        assert line == f"melange-cloud: --cached-input {word}: give a share of the input tokens, such as 60% or 0.6"


def test_engines_without_a_prefix_cache_have_no_cached_input(log: Path) -> None:
    old = ("--era", "vllm-0.2.7", "--model", "llama-2-7b")
    for command in (PLAN, ("profiles", "show", "--gpu", "A10G"), ("profiles", "heatmap", *COMMON)):
        ran = CliRunner().invoke(app, [*command, *old, "--cached-input", "20%"])
        assert ran.exit_code == 2
        assert "--cached-input 20%: engines of era vllm-0.2.7 have no prefix cache; leave the option out" in ran.stderr
    found = document(*old, "--workload", log)
    assert found["request"]["cached_input"] == 0
    assert "cached_input" not in found["defaulted"]
    page = words(run(*PLAN, *old, "--workload", log, "--full"))
    assert "weighted load balancer; no prefix cache" in page
    assert "no prefix cache*" not in page


def test_a_number_in_the_settings_file_is_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "melange-cloud.toml").write_text("[plan]\ncached-input = 0.5\n")
    assert document()["request"]["cached_input"] == 0.5
    monkeypatch.setenv("MELANGE_CLOUD_CACHED_INPUT", "70%")
    assert document()["request"]["cached_input"] == 0.7


def test_profiles_are_shown_with_a_cache() -> None:
    def rates(*arguments: object) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("profiles", "show", "--gpu", "L4", *arguments, "--format", "json"))
        return found

    plain, cached = rates("--tpot-ms", 100), rates("--tpot-ms", 100, "--cached-input", "80%")
    assert (plain["cached_input"], cached["cached_input"]) == (0, 0.8)
    before = {(cell["input_tokens"], cell["output_tokens"]): cell["requests_per_s"] for cell in plain["cells"]}
    after = {(cell["input_tokens"], cell["output_tokens"]): cell["requests_per_s"] for cell in cached["cells"]}
    assert all(after[size] >= rate * (1 - 1e-4) for size, rate in before.items())
    assert after[4000, 250] > 1.5 * before[4000, 250]
    page = words(run("profiles", "show", "--gpu", "L4", "--cached-input", "80%"))
    assert "80 % of input tokens from the prefix cache: less prompt work, same memory" in page


def test_a_heat_map_has_it_too() -> None:
    found = json.loads(run("profiles", "heatmap", *COMMON, "--cached-input", "80%", "--format", "json"))
    assert found["cached_input"] == 0.8
    assert "; 80 % of input tokens from the prefix cache" in words(
        run("profiles", "heatmap", *COMMON, "--cached-input", "80%")
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
                "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
                "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
                "tie_word_embeddings": False, "torch_dtype": "bfloat16",
            }
        )
    )  # fmt: skip
    return path


def test_a_model_that_its_config_describes_has_a_cache_too(config: Path) -> None:
    asked = ("--config", config, "--model", "mine")
    plain, cached = (document(*asked, *more) for more in ((), ("--cached-input", "80%")))
    assert cached["regions"][0]["usd_per_month"] < plain["regions"][0]["usd_per_month"]


def test_an_estimate_with_a_cache_is_shown_and_not_saved(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    asked = ("profiles", "estimate", "--config", config, "--gpu", "L4", "--cached-input", "50%")
    assert json.loads(run(*asked, "--format", "json"))["cached_input"] == 0.5
    for more in (("--save",), ("--format", "csv")):
        ran = CliRunner().invoke(app, [*map(str, asked), *more])
        assert ran.exit_code == 2
        assert "a profile file is for prompts computed in full: drop --cached-input" in ran.stderr
    assert not (tmp_path / "own").exists()
