"""`profiles evidence`: the measured rows behind profiles, and files of rows that are checked."""

import csv
import json
import re
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.profiles import profile_commands
from melange_cloud.errors import BadInput
from melange_cloud.profiles.evidence import evidence_list as rows_listed
from melange_cloud.profiles.evidence.evidence_columns import COLUMNS
from melange_cloud.shipped import shipped
from tests.cli.test_profiles import run
from tests.profiles.test_evidence_file import ROW, written
from tests.schemas import assert_valid


def wide(*arguments: str) -> str:
    """The page as a very wide terminal shows it, blanks collapsed."""
    ran = CliRunner().invoke(profile_commands.app, arguments, env={"COLUMNS": "400"}, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return " ".join(ran.stdout.split())


def test_the_rows_of_a_gpu_have_their_source_date_engine_and_load() -> None:
    flat = wide("evidence", "--gpu", "l4", "--model", "meta-llama/Llama-3.1-8B")
    assert "3 measured rows of llama-3.1-8b on L4." in flat
    assert "236 346 1 in flight 61.2 p50 161.6 p50" in flat
    assert "vLLM 0.7.3" in flat
    assert "accelmark-vllm-0.7.3" in flat
    assert "CC-BY-4.0" in flat
    kept = tomllib.loads((shipped("profiles") / "calibration.toml").read_text("utf-8"))["calibration"]
    (rows,) = (each["rows"] for each in kept if (each["gpu"], each["era"]) == ("L4", "vllm-0.2.7"))
    listed = ", ".join(f"{source} {count}" for source, count in rows.items())
    assert f"L4, vllm-0.2.7, fp16 {sum(rows.values())} rows: {listed}" in flat
    assert "No two sources contradict each other" in flat


def test_the_json_is_as_described_and_holds_every_row_and_contradiction() -> None:
    assert_valid("evidence", run("evidence", "--gpu", "A100-80GB", "--format", "json"))
    answer = json.loads(run("evidence", "--format", "json"))
    lines = (shipped("profiles") / "measured" / "evidence.csv").read_text("utf-8").splitlines()
    assert len(answer["rows"]) == len(lines) - 1
    assert len({source["name"] for source in answer["sources"]}) == len(answer["sources"]) > 20
    assert sum(source["rows"] for source in answer["sources"]) == len(answer["rows"])
    worst = answer["contradictions"][0]
    assert worst["ratio"] == max(each["ratio"] for each in answer["contradictions"])
    assert (answer["gpus"], answer["model"], answer["checked"]) == ([], None, None)


def test_what_is_printed_as_csv_can_be_checked_again(tmp_path: Path) -> None:
    printed = run("evidence", "--gpu", "A10G", "--gpu", "L4", "--format", "csv")
    rows = list(csv.DictReader(StringIO(printed)))
    assert list(rows[0]) == list(COLUMNS)
    assert {row["gpu"] for row in rows} == {"A10G", "L4"}
    file = tmp_path / "again.csv"
    file.write_text(printed)
    assert run("evidence", "--check", str(file), "--format", "csv") == printed


def test_contradictions_are_on_the_page() -> None:
    page = wide("evidence", "--gpu", "A100-80GB", "--model", "llama-3.1-8b")
    assert "Contradictions: the same thing, measured differently" in page
    assert "vLLM 0.7.3 1.506-1.577 [accelmark-vllm-0.7.3]; vLLM 0.20.1 1.976-2.061 [accelmark-vllm-0.20.1]" in page


def test_a_file_to_send_is_checked_and_compared(tmp_path: Path) -> None:
    slow = {**ROW, "gpu": "H100", "input_tokens_mean": "45", "output_tokens_mean": "128", "concurrency": "1"}
    file = written(tmp_path / "mine.csv", {**slow, "tpot_mean_ms": "9"}, ROW)
    page = wide("evidence", "--check", str(file))
    assert re.search(r"2 measured rows in \S*mine.csv can be sent; \d of them (is|are) held out of every fit\.", page)
    assert "vLLM 0.21.0 6.48 [yobitel-vllm-0.21]" in page
    assert "vLLM 0.29.0 9 [the checked file]" in page
    answer = json.loads(run("evidence", "--check", str(file), "--format", "json"))
    assert answer["checked"] == str(file)
    assert [row["tpot_mean_ms"] for row in answer["rows"]] == [9, 71.5]
    assert len(answer["contradictions"]) == 1


def test_a_bad_file_is_refused_with_line_and_field(tmp_path: Path) -> None:
    bad = [{**ROW, "engine": ""}, {**ROW, "weights_precision": "int4"}, {**ROW, "output_tokens_mean": ""}]
    file = written(tmp_path / "bad.csv", *bad)
    with pytest.raises(BadInput) as raised:
        run("evidence", "--check", str(file))
    lines = str(raised.value).splitlines()
    assert [line.removeprefix(str(file)).split(":")[0] for line in lines] == [
        ", line 2, engine",
        ", line 3, weights_precision",
        ", line 4, output_tokens_mean",
    ]
    with pytest.raises(BadInput, match=r"nowhere\.csv: cannot be read"):
        run("evidence", "--check", str(tmp_path / "nowhere.csv"))


def test_a_file_of_too_many_rows_is_to_be_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_listed, "MOST_ROWS", 2)
    rows = [{**ROW, "tpot_mean_ms": f"{60 + at}"} for at in range(3)]
    file = written(tmp_path / "many.csv", *rows)
    with pytest.raises(BadInput, match="has 3 rows, more than the limit of 2: split it"):
        run("evidence", "--check", str(file))
    assert "2 measured rows" in run("evidence", "--check", str(written(file, *rows[:2])))


def test_rows_that_are_shipped_already_are_not_sent_again(tmp_path: Path) -> None:
    known = run("evidence", "--gpu", "L4", "--format", "csv").splitlines()[:2]
    head = known[0].split(",")
    row = dict(zip(head, next(csv.reader([known[1]])), strict=True))
    fresh = {**dict.fromkeys(head, ""), **ROW}
    file = tmp_path / "both.csv"
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, head)
        writer.writeheader()
        writer.writerows([fresh, row])
    with pytest.raises(BadInput, match="line 3: is already among the shipped rows"):
        run("evidence", "--check", str(file))


def test_wrong_options_are_one_line(tmp_path: Path) -> None:
    file = str(written(tmp_path / "rows.csv", ROW))
    with pytest.raises(BadInput, match="--check reads a whole file: leave out --gpu and --model"):
        run("evidence", "--check", file, "--gpu", "L4")
    with pytest.raises(BadInput, match="L5"):
        run("evidence", "--gpu", "L5")
    with pytest.raises(BadInput, match="gpt-5"):
        run("evidence", "--model", "gpt-5")
    assert "0 measured rows of qwen2.5-32b on A10G." in run("evidence", "--gpu", "A10G", "--model", "qwen2.5-32b")
