import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.calibration.build_profiles import FINGERPRINTS
from melange_cloud.cli.maintain import commands
from melange_cloud.cli.profiles import profile_commands
from melange_cloud.errors import BadInput, MelangeError
from melange_cloud.shipped import shipped


def run(*arguments: str) -> str:
    result = CliRunner().invoke(profile_commands.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def maintain(*arguments: str) -> None:
    result = CliRunner().invoke(commands.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_list_shows_every_era_model_and_gpu() -> None:
    table = run("list")
    for word in ("2025", "vllm-0.2.7", "llama-3.1-70b", "fp8", "A100-40GB", "18,000"):
        assert word in table
    answer = json.loads(run("list", "--format", "json"))
    assert answer["schema_version"] == 1
    big = next(row for row in answer["profiles"] if (row["model"], row["precision"]) == ("llama-3.1-70b", "bf16"))
    assert big["tensor_parallel"]["H100"] == [4, 8]
    assert "do not fit" in big["left_out"]["H100"]
    assert "a sliver" in big["left_out"]["H100 x2"]


def test_show_as_json_has_the_documented_shape() -> None:
    answer = json.loads(
        run(
            *("show", "--model", "llama-2-7b", "--gpu", "A10G", "--tp", "1", "--tpot-ms", "120"),
            *("--era", "vllm-0.2.7", "--format", "json"),
        )
    )
    assert (answer["model"], answer["gpu"], answer["tensor_parallel"]) == ("llama-2-7b", "A10G", 1)
    assert (answer["era"], answer["precision"], answer["target_tpot_ms"]) == ("vllm-0.2.7", "fp16", 120)
    assert all(
        {"input_tokens", "output_tokens", "requests_per_s", "tpot_ms", "origin", "grade", "error"} <= cell.keys()
        for cell in answer["cells"]
    )
    cell = next(cell for cell in answer["cells"] if (cell["input_tokens"], cell["output_tokens"]) == (1000, 500))
    assert 0.25 < cell["requests_per_s"] < 0.5
    assert all(cell["tpot_ms"] <= 120 for cell in answer["cells"])


def test_show_lists_refused_sizes_with_their_reason() -> None:
    answer = json.loads(run("show", "--gpu", "L4", "--tpot-ms", "50", "--format", "json"))
    assert answer["cells"] == []
    assert {refused["reason"] for refused in answer["refused"]} == {"53.5 ms to read the weights > 50 ms"}


def test_show_as_a_table() -> None:
    table = run("show", "--gpu", "l4", "--tpot-ms", "100")
    assert "llama-3.1-8b bf16 on L4, era 2025" in table
    assert "within 100 ms per output token" in table
    assert "16,000" in table
    assert "at saturation" in run("show", "--gpu", "H100", "--model", "llama-3.1-70b", "--precision", "fp8")


def test_show_takes_the_fewest_gpus_that_fit() -> None:
    assert (
        json.loads(run("show", "--gpu", "H100", "--model", "llama-3.1-70b", "--format", "json"))["tensor_parallel"] == 4
    )


def test_show_writes_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    assert run("show", "--gpu", "L4", "--format", "json", "--out", str(out)) == ""
    assert json.loads(out.read_text())["gpu"] == "L4"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gpu", "T4"), "--gpu T4: not supported; known are L4"),
        (("--gpu", "A10G", "--precision", "fp8"), "A10G does not support fp8"),
        (("--gpu", "A10G", "--model", "llama-3.1-70b", "--tp", "2"), "94.9 GiB are missing; it has --tp 8"),
        (("--gpu", "L4", "--tp", "3"), "it has --tp 1, 2, 4, 8"),
        (("--gpu", "L4", "--tpot-ms", "0"), "--tpot-ms 0"),
        (("--gpu", "L4", "--tpot-ms", "nan"), "--tpot-ms nan"),
        (("--gpu", "L4", "--model", "gpt"), "--model gpt: not supported; known are llama-3.1-8b"),
        (("--gpu", "L4", "--era", "1999"), "--era 1999: not supported; known are 2025"),
    ],
)
def test_show_refuses_with_the_cure(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadInput) as raised:
        run("show", *arguments)
    assert says in str(raised.value)


def test_build_writes_what_check_compares(tmp_path: Path) -> None:
    constants = shipped("profiles") / "calibration.toml"
    maintain("build", "--out", str(tmp_path))
    (tmp_path / constants.name).write_bytes(constants.read_bytes())
    maintain("check", "--folder", str(tmp_path))
    changed = constants.read_text("utf-8").replace("read_weights = 0.", "read_weights = 0.1", 1)
    (tmp_path / constants.name).write_text(changed, "utf-8")
    some = next(iter(sorted((tmp_path / "pinned").rglob("*.csv"))))
    some.write_text(some.read_text() + "1,25,25,1,1,1,1,measured,A,0.1\n")
    kept = tmp_path / FINGERPRINTS
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join([*lines[:-1], lines[-1].replace("H100", "H999")]))
    with pytest.raises(MelangeError) as raised:
        maintain("check", "--folder", str(tmp_path))
    assert raised.value.exit_code == 1
    era, model, precision, gpu, *_ = lines[-1].split(",")
    constants_differ, *lines_of_files = str(raised.value).splitlines()
    assert re.match(r"calibration.toml: line \d+ is 'read_weights = 0.1", constants_differ)
    assert lines_of_files[:2] == [
        f"{FINGERPRINTS}: the estimate of {era} {model} {precision} {gpu} differs",
        f"{FINGERPRINTS}: the estimate of {era} {model} {precision} H999 differs",
    ]
    assert lines_of_files[2] == f"{some.relative_to(tmp_path)}: differs"


@pytest.mark.parametrize("command", ["list", "show"])
def test_every_command_has_an_example(command: str) -> None:
    assert "melange-cloud profiles " + command in run(command, "--help")
