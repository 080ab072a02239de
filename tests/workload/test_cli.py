"""``melange-cloud workloads``: the commands, from tiny traces."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.workloads import app
from melange_cloud.errors import BadFile, BadInput, MelangeError
from melange_cloud.workload import load_workload, load_workload_file

TRACE = "arrival_s,input_tokens,output_tokens\n0,10,30\n1,20,50\n61,300,5\n130,20,40\n"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "requests.csv"
    path.write_text(TRACE)
    return path


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert isinstance(result.exception, MelangeError), result.output
    assert result.stdout == ""
    return str(result.exception)


def test_list_names_every_shipped_workload() -> None:
    lines = run("list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["chat", "code", "conversation", "document", "mixed"]
    assert "Azure 2023 conversations, 19,366 requests" in lines[3]
    assert lines[3].split()[-3:] == ["1,155", "211", "36"]


def test_show_as_a_table() -> None:
    text = run("show", "conversation")
    assert text.startswith("conversation: Azure 2023 conversations, 19,366 requests\n")
    assert len([line for line in text.splitlines() if line.endswith("%")]) == 36
    row = next(line for line in text.splitlines() if line.split()[:2] == ["1,001-2,000", "251-500"])
    assert row.endswith("26.37 %")  # 5,107 of 19,366
    for fact in ("mean 5.55, p95 7.78, peak 8.45 requests/s", "AzurePublicDataset", "CC-BY 4.0", "1,155 in, 211 out"):
        assert fact in text


def test_show_as_json() -> None:
    answer = json.loads(run("show", "code", "--format", "json"))
    workload = load_workload("code")
    assert answer["schema_version"] == 1
    assert answer["requests"] == 8_819
    assert answer["input_tokens"] == {"mean": workload.mean_input_tokens, "p50": None, "p90": None, "p99": None}
    assert answer["requests_per_s"]["peak"] == pytest.approx(10.5333, abs=1e-4)
    assert answer["source"] == workload.source
    assert answer["licence"] == workload.licence
    assert len(answer["buckets"]) == 38
    first = answer["buckets"][0]
    assert first["input_tokens"] == [0, 25]
    assert first["share"] == workload.buckets[0].share
    unknown = json.loads(run("show", "mixed", "--format", "json"))
    assert unknown["requests"] is None
    assert unknown["requests_per_s"]["mean"] is None


def test_text_of_a_file_is_not_markup(tmp_path: Path, trace: Path) -> None:
    out = tmp_path / "m.json"
    run("from-trace", trace, "--title", "[red]bold[/red] :smile:", "--source", "[/]", "--note", "[x]", "--out", out)
    text = run("show", out)
    assert "[red]bold[/red] :smile:" in text
    assert "[/]" in text
    assert "[x]" in text


def test_a_histogram_can_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("input\\output,1-25,26-100\n1-25,99999,0\n26-100,0,1\n")
    text = run("show", path)
    assert "the middle of each range is used" in text
    assert "< 0.01 %" in text
    assert "no data" in text


def test_from_trace_writes_a_workload_file(tmp_path: Path, trace: Path) -> None:
    out = tmp_path / "mine.json"
    stdout = run(
        "from-trace", trace, "--name", "mine", "--title", "My traffic", "--source", "log", "--licence", "private",
        "--note", "one", "--note", "two", "--out", out,
    )  # fmt: skip
    assert stdout == ""
    held = load_workload_file(out)
    workload = held.workload
    assert (workload.name, workload.title, workload.source) == ("mine", "My traffic", "log")
    assert (workload.licence, workload.notes, workload.requests) == ("private", ("one", "two"), 4)
    assert [bucket.share for bucket in workload.buckets] == [0.75, 0.25]
    assert held.arrival_rates is not None
    assert held.arrival_rates.peak_requests_per_s == pytest.approx(2 / 60)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["mine.json", "requests.csv"]


def test_from_trace_without_out_prints_the_file(tmp_path: Path, trace: Path) -> None:
    out = tmp_path / "mine.json"
    run("from-trace", trace, "--out", out)
    assert run("from-trace", trace) == out.read_text(encoding="utf-8")
    assert load_workload(out).title == "requests, 4 requests"


def test_times_that_are_not_real_can_be_ignored(trace: Path) -> None:
    assert "requests_per_s" in run("from-trace", trace)
    assert "requests_per_s" not in run("from-trace", trace, "--ignore-times")


def test_nothing_is_overwritten_without_force(tmp_path: Path, trace: Path) -> None:
    out = tmp_path / "mine.json"
    out.write_text("precious")
    assert "--force" in refused("from-trace", trace, "--out", out)
    assert "--force" in refused("mix", "chat=1", "--out", out)
    assert "--force" in refused("show", "chat", "--out", out)
    assert out.read_text() == "precious"
    run("from-trace", trace, "--out", out, "--force")
    assert load_workload(out).requests == 4


def test_a_bad_trace_writes_nothing(tmp_path: Path, trace: Path) -> None:
    trace.write_text(TRACE + "5,x,1\n")
    assert "line 6, input_tokens: is 'x'" in refused("from-trace", trace, "--out", tmp_path / "mine.json")
    assert [path.name for path in tmp_path.iterdir()] == ["requests.csv"]


def test_an_unwritable_place_is_one_line(tmp_path: Path, trace: Path) -> None:
    message = refused("from-trace", trace, "--out", tmp_path / "absent" / "mine.json")
    assert "cannot be written" in message
    assert "\n" not in message


def test_mix_of_shipped_and_own(tmp_path: Path, trace: Path) -> None:
    own, out = tmp_path / "own.json", tmp_path / "blend.json"
    run("from-trace", trace, "--out", own)
    run("mix", "chat=0.8", f"{own}=0.2", "--out", out)
    mixed = load_workload(out)
    assert mixed.name == "blend"
    assert mixed.title == f"80 % chat + 20 % {own}"
    expected = 0.8 * load_workload("chat").mean_input_tokens + 0.2 * load_workload(own).mean_input_tokens
    assert mixed.mean_input_tokens == pytest.approx(expected)


def test_the_shipped_mixture_is_what_the_command_makes() -> None:
    arguments = ("mix", "chat=0.8", "document=0.2", "--name", "mixed", "--title", load_workload("mixed").title)
    made = json.loads(run(*arguments))
    assert made["buckets"] == json.loads(run("show", "mixed", "--format", "json"))["buckets"]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (("chat",), "'chat': write NAME=WEIGHT"),
        (("chat=x",), "'chat=x': write NAME=WEIGHT"),
        (("chat=nan",), "'chat=nan': write NAME=WEIGHT"),
        (("chat=0",), "'chat=0': write NAME=WEIGHT"),
        (("=1",), "'=1': write NAME=WEIGHT"),
        (("chat=0.5", "chat=0.5"), "chat stands twice"),
        (("chat=0.5", "document=0.6"), "the weights sum to 1.1"),
        (("chat=0.5", "documnt=0.5"), "Did you mean document?"),
    ],
)
def test_wrong_parts_are_refused(parts: tuple[str, ...], says: str) -> None:
    assert says in refused("mix", *parts)


def test_errors_carry_exit_code_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["show", "nothing"])
    assert isinstance(result.exception, BadInput)
    assert result.exception.exit_code == 2
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    result = CliRunner().invoke(app, ["show", str(bad)])
    assert isinstance(result.exception, BadFile)
    assert result.exception.exit_code == 2


@pytest.mark.parametrize("command", ["list", "show", "from-trace", "mix"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: melange-cloud workloads {command}" in " ".join(run(command, "--help").split())
