"""``melange-cloud workloads``: the commands, from tiny traces."""

import csv
import io
import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app as main_app
from melange_cloud.cli.workloads.workload_commands import app
from melange_cloud.errors import BadFile, BadInput, MelangeError
from melange_cloud.report.pages.arrivals import per_s
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
    assert {line.split()[0] for line in lines[1:]} >= {"chat", "code", "conversation", "document", "mixed", "m-mid"}
    (conversation,) = [line for line in lines if line.startswith(" conversation ")]
    assert "Azure 2023 conversations, 19,366 requests" in conversation
    assert conversation.split()[-5:] == ["1,155", "211", "36", "5.55", "8.45"]


def test_show_as_a_page() -> None:
    text = run("show", "conversation")
    assert text.startswith(" conversation: Azure 2023 conversations, 19,366 requests\n")
    assert " input   1,155  1,020  2,735  4,142" in text
    row = next(line for line in text.splitlines() if line.split()[:1] == ["2k"])
    assert "26.4" in row.split()  # 5,107 of 19,366 with 251 to 500 output tokens
    for fact in (
        "mean 5.55, p95 7.78, peak 8.45 requests/s, over 58 windows of 1 min", "AzurePublicDataset", "CC-BY 4.0",
        "load error at most 1.3 %", "Rate over time", "November 2023",
    ):  # fmt: skip
        assert fact in text
    assert "\x1b" not in text
    listed = run("show", "conversation", "--buckets")
    bucket = next(line for line in listed.splitlines() if line.split()[:2] == ["1,001-2,000", "251-500"])
    assert bucket.endswith("26.37 %")


def test_show_a_week_and_its_drift() -> None:
    text = run("show", "code-week")
    assert "Hour of the week (UTC): requests/s, a full bar is 83.6" in text
    (monday,) = [line for line in text.splitlines() if line.startswith(" Mon ")]
    assert len(monday.split()[1]) == 24
    assert monday.split()[2] == "34"
    assert "arrivals: Azure LLM inference trace of 2024" in text
    drifting = run("show", "m-mid")
    assert "differs from the whole by 0.16 on average, 0.44 at most" in drifting
    assert "over 320 windows of 1 h, 16 with gaps left out" in drifting
    assert "Hour of the week, from the first hour" in drifting


@pytest.mark.parametrize("name", ["m-mid", "deepseek-r1", "conversation-burstgpt"])
@pytest.mark.parametrize("columns", [60, 100, 200])
def test_pages_fit_their_terminal(name: str, columns: int) -> None:
    result = CliRunner().invoke(app, ["show", name], env={"COLUMNS": str(columns)})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(len(line) for line in lines) <= columns
    assert len([line for line in lines if line.split()[:1] in (["32k"], ["16k"], ["8k"])]) >= 1


def test_many_ranges_are_shaded(tmp_path: Path) -> None:
    trace = tmp_path / "wide.csv"
    rows = [f"{40 * at + 1},{30 * to + 1}" for at in range(30) for to in range(30)]
    trace.write_text("input_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    edges = ",".join(str(30 * at) for at in range(1, 31))
    run("from-trace", trace, "--output-edges", edges, "--input-edges", "400,800,1200", "--out", tmp_path / "wide.json")
    result = CliRunner().invoke(app, ["show", str(tmp_path / "wide.json")], env={"COLUMNS": "60"})
    assert "Share of requests (shade of" in result.stdout
    assert "\u2588" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 60


def test_show_and_list_in_every_form(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("show", "code", "--format", "csv"))))
    assert len(rows) == 38
    first = load_workload("code").buckets[0]
    assert (rows[0]["input_low_tokens"], rows[0]["input_high_tokens"], rows[0]["share"]) == (
        "0",
        "25",
        str(first.share),
    )
    assert "| 2k | 18.8 | 4.7 | 0.7 | 0.1 | \\<.1 | . |" in run("show", "code", "--format", "markdown")
    listed = json.loads(run("list", "--format", "json"))["workloads"]
    (week,) = [workload for workload in listed if workload["name"] == "code-week"]
    assert (
        week["peak_requests_per_s"]
        == json.loads(run("show", "code-week", "--format", "json"))["requests_per_s"]["peak"]
    )
    assert next(workload for workload in listed if workload["name"] == "mixed")["peak_requests_per_s"] is None
    run("list", "--out", tmp_path / "workloads.csv")
    assert (tmp_path / "workloads.csv").read_text().splitlines()[0].startswith("name,title,mean_input_tokens,")


def test_show_as_json() -> None:
    answer = json.loads(run("show", "code", "--format", "json"))
    workload = load_workload("code")
    assert answer["schema_version"] == 2
    assert (answer["requests"], answer["rows_unreadable"]) == (8_819, 0)
    assert answer["input_tokens"] == {"mean": pytest.approx(2047.85, abs=0.01), "p50": 1469, "p90": 5194, "p99": 7436}
    assert answer["output_tokens"]["p99"] == 252
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
    assert unknown["input_tokens"]["p50"] is None


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
    text = run("show", path, "--buckets")
    assert "the middle of each range is used" in text
    assert "<0.01 %" in text
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


def test_unreadable_rows_are_shown_and_counted(tmp_path: Path, trace: Path) -> None:
    trace.write_text(TRACE + "5,x,1\n6,7\n")
    out = tmp_path / "mine.json"
    result = CliRunner().invoke(app, ["from-trace", str(trace), "--out", str(out)])
    assert result.exit_code == 0
    assert "requests.csv, line 6: input_tokens is 'x': must be a whole number from 0 to" in result.stderr
    assert "requests.csv, line 7: has 2 cells, the header has 3" in result.stderr
    assert "2 of 6 rows could not be read and are left out" in result.stderr
    answer = json.loads(run("show", out, "--format", "json"))
    assert (answer["requests"], answer["rows_unreadable"]) == (4, 2)
    assert "2 of 6 rows could not be read and are left out" in answer["notes"]
    assert "4; 2 rows could not be read" in run("show", out)


def test_a_bad_trace_writes_nothing(tmp_path: Path, trace: Path) -> None:
    trace.write_text("arrival_s,input_tokens,output_tokens\n5,x,1\n")
    assert "line 2: input_tokens is 'x'" in refused("from-trace", trace, "--out", tmp_path / "mine.json")
    assert [path.name for path in tmp_path.iterdir()] == ["requests.csv"]


def test_a_doubtful_unit_ends_with_2_and_what_each_would_mean(tmp_path: Path, trace: Path) -> None:
    trace.write_text("timestamp,input_length,output_length\n" + "".join(f"{300 * at},9,9\n" for at in range(288)))
    out = tmp_path / "mine.json"
    result = CliRunner().invoke(main_app, ["workloads", "from-trace", str(trace), "--out", str(out)])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "as seconds, 288 requests in 23.9 h, 0.0033/s" in line
    assert "--time-unit" in line
    assert len(line) < 300
    assert not out.exists()
    result = CliRunner().invoke(
        main_app, ["workloads", "from-trace", str(trace), "--out", str(out), "--time-unit", "s"]
    )
    assert result.exit_code == 0
    # Below 1/s, rates have significant digits: one in 300 s.
    assert "mean 0.00333, p95 0.00333, peak 0.00333 requests/s, over 23 windows of 1 h" in result.stderr
    assert "mean 0.00333, p95 0.00333, peak 0.00333 requests/s" in run("show", out)


@pytest.mark.parametrize(
    ("rate", "shown"), [(0.0, "0"), (0.00333, "0.00333"), (0.5, "0.5"), (1.0, "1.00"), (1234.5, "1,234.50")]
)
def test_rates_have_significant_digits(rate: float, shown: str) -> None:
    assert per_s(rate) == shown


def test_where_counts_some_rows_and_says_how_many(tmp_path: Path, trace: Path) -> None:
    trace.write_text("model,input_tokens,output_tokens\n" + "a,10,1\nb,5000,1\na,30,1\n")
    assert "2 models in one log" in refused("from-trace", trace)
    out = tmp_path / "mine.json"
    result = CliRunner().invoke(
        main_app, ["workloads", "from-trace", str(trace), "--where", "model=a", "--out", str(out)]
    )
    assert result.exit_code == 0
    assert "only rows with model=a: 2 of 3" in result.stderr
    held = load_workload_file(out)
    assert held.workload.mean_input_tokens == 20
    assert "only rows with model=a: 2 of 3" in held.workload.notes
    assert "did you mean" in refused("from-trace", trace, "--where", "model=A")
    assert json.loads(run("from-trace", trace, "--where", "model=*"))["requests"] == 3


def test_the_cached_share_is_shown(tmp_path: Path, trace: Path) -> None:
    trace.write_text("input_tokens,cache_read_input_tokens,output_tokens\n10,990,1\n500,500,1\n")
    out = tmp_path / "mine.json"
    run("from-trace", trace, "--out", out)
    assert "Cached" in run("show", out)
    assert (
        "74.5 % of the input tokens were read from a prompt cache; plans take the same share from the engine's own, "
        "unless --cached-input says otherwise"
    ) in " ".join(run("show", out).split())
    assert json.loads(run("show", out, "--format", "json"))["cached_input_share"] == 0.745
    assert json.loads(run("show", "chat", "--format", "json"))["cached_input_share"] is None
    assert json.loads(run("mix", f"{out}=1", "--name", "same"))["cached_input_share"] == 0.745
    assert "cached_input_share" not in json.loads(run("mix", f"{out}=0.5", "chat=0.5", "--name", "both"))


def test_what_counts_one_is_singular_and_what_is_nothing_is_not_said(tmp_path: Path, trace: Path) -> None:
    trace.write_text("input_tokens,cache_read_input_tokens,output_tokens\n10,0,1\n12,,1\nx,0,1\n")
    out = tmp_path / "mine.json"
    result = CliRunner().invoke(app, ["from-trace", str(trace), "--out", str(out)])
    assert "2 requests in 1 bucket; " in result.stderr
    assert "1 of 3 rows could not be read and is left out" in result.stderr
    assert "prompt cache" not in result.stderr
    page = run("show", out)
    assert "2; 1 row could not be read" in page
    assert "Cached" not in page


def test_minutes_can_be_named(tmp_path: Path, trace: Path) -> None:
    trace.write_text("clock,input_tokens,output_tokens\n" + "".join(f"{at / 2},9,9\n" for at in range(61)))
    out = tmp_path / "mine.json"
    run("from-trace", trace, "--time-column", "clock", "--time-unit", "min", "--out", out)
    rates = load_workload_file(out).arrival_rates
    assert rates is not None
    assert rates.mean_requests_per_s == pytest.approx(1 / 30)  # two a minute
    assert "min" in run("from-trace", "--help")


def test_a_time_column_that_nobody_knows_is_hinted_at(trace: Path) -> None:
    trace.write_text("begun,input_tokens,output_tokens\n2026-05-01T00:00:00Z,1,1\n2026-05-01T00:02:00Z,1,1\n")
    result = CliRunner().invoke(main_app, ["workloads", "from-trace", str(trace)])
    assert result.exit_code == 0
    assert "If begun has them, use --time-column begun" in result.stderr


def test_a_quoted_glob_and_named_columns(tmp_path: Path) -> None:
    for part in "ab":
        (tmp_path / f"log-{part}.csv").write_text("when,in,out\n2024-05-10T10:00:00,5,6\n2024-05-10T10:05:00,7,8\n")
    text = run(
        "from-trace", f"{tmp_path}/log-*.csv", "--input-column", "in", "--output-column", "out",
        "--time-column", "when", "--time-zone", "Europe/Berlin",
    )  # fmt: skip
    made = json.loads(text)
    assert (made["name"], made["requests"], made["dated"]) == ("log", 4, "2024-05-10")
    assert made["requests_per_s"]["starts_at"] == "2024-05-10T08:00:00Z"
    assert made["requests_per_s"]["requests_by_window"] == [2, 0, 0, 0, 0]


def test_edges_are_the_papers_or_given_or_found(trace: Path) -> None:
    assert len(json.loads(run("from-trace", trace, "--edges", "auto"))["buckets"]) >= 1
    given = json.loads(run("from-trace", trace, "--input-edges", "15,400", "--output-edges", "1000"))
    assert [bucket["input_tokens"] for bucket in given["buckets"]] == [[0, 15], [15, 400]]
    assert "leave out --input-edges" in refused("from-trace", trace, "--edges", "auto", "--input-edges", "5")
    for wrong in ("5,5", "9,3", "x", "", "0,5", "1.5", "1_0", "\u0663", "9" * 5000):
        assert "give increasing whole numbers" in refused("from-trace", trace, "--input-edges", wrong)


def test_sizes_of_one_source_with_arrivals_of_another(tmp_path: Path) -> None:
    rates, out = tmp_path / "rates.csv", tmp_path / "joined.json"
    rates.write_text("hour_utc,requests\n2024-05-10T00:00Z,3600\n2024-05-10T01:00Z,7200\n")
    run("from-counts", "--histogram", "chat", "--rates", rates, "--rates-source", "elsewhere", "--out", out)
    held = load_workload_file(out)
    assert held.workload.name == "joined"
    assert held.workload.buckets == load_workload("chat").buckets
    assert held.arrival_rates is not None
    assert (held.arrival_rates.mean_requests_per_s, held.arrival_rates.source) == (1.5, "elsewhere")
    assert "arrivals: elsewhere" in run("show", out)
    histogram = tmp_path / "h.csv"
    histogram.write_text("input\\output,1-25,>25\n1-25,1,1\n")
    assert "--longest-output" in refused("from-counts", "--histogram", histogram)
    made = json.loads(run("from-counts", "--histogram", histogram, "--longest-output", "100", "--mean-output", "30"))
    assert sum(bucket["share"] * bucket["mean_output_tokens"] for bucket in made["buckets"]) == pytest.approx(30)


def test_scale(tmp_path: Path) -> None:
    twice = json.loads(run("scale", "code-week", "--times", "2"))["requests_per_s"]
    once = json.loads(run("show", "code-week", "--format", "json"))["requests_per_s"]
    assert (twice["mean"], twice["peak"]) == pytest.approx((2 * once["mean"], 2 * once["peak"]))
    assert twice["hour_of_week"][0] == pytest.approx(2 * once["hour_of_week"][0])
    out = tmp_path / "ours.json"
    run("scale", "code-week", "--rate", "25", "--at", "p95", "--out", out)
    held = load_workload_file(out)
    assert held.workload.name == "ours"
    assert held.arrival_rates is not None
    assert held.arrival_rates.p95_requests_per_s == pytest.approx(25)
    assert held.arrival_rates.quantile(95) == pytest.approx(25)
    shorter = json.loads(run("scale", "document", "--longest", "32000"))
    assert sum(bucket["share"] for bucket in shorter["buckets"]) == pytest.approx(1)
    assert any("over 32,000 tokens: 1 % of the requests" in note for note in shorter["notes"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("code",), "say what to change"),
        (("code", "--times", "2", "--rate", "3"), "give either a factor"),
        (("code", "--times", "0"), "must be above 0"),
        (("chat", "--times", "2"), "chat has no arrival rates to scale"),
        (("chat", "--longest", "10"), "leaves no bucket of chat"),
    ],
)
def test_wrong_scales_are_refused(options: tuple[str, ...], says: str) -> None:
    assert says in refused("scale", *options)


def test_the_example_made_from_a_trace_is_what_its_readme_makes(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parent.parent.parent / "examples" / "from-a-trace"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    command = readme[readme.index("melange-cloud workloads ") : readme.index("\n\nand the plan")].replace("\\\n", " ")
    arguments = shlex.split(command.replace("examples/from-a-trace", str(folder)))[2:]
    made = run(*arguments[: arguments.index("--out")])
    assert made == (folder / "workload.json").read_text(encoding="utf-8")


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
        (("chat=0.1_0",), "'chat=0.1_0': write NAME=WEIGHT"),
        (("chat=1.0000001",), "write NAME=WEIGHT"),
        (("chat=0",), "'chat=0': write NAME=WEIGHT"),
        (("=1",), "'=1': write NAME=WEIGHT"),
        (("chat=0.5", "chat=0.5"), "chat is given twice"),
        (("chat=0.5", "document=0.6"), "the weights sum to 1.1"),
        (("chat=0.5", "documnt=0.5"), "did you mean document?"),
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


@pytest.mark.parametrize("command", ["list", "show", "from-trace", "from-counts", "mix", "scale"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example:\n  melange-cloud workloads {command}" in run(command, "--help")


def test_a_mixture_says_whose_arrivals_it_does_without(tmp_path: Path) -> None:
    out = tmp_path / "both.json"
    run("mix", "conversation=0.5", "code-week=0.25", "document=0.25", "--output", out)
    held = load_workload_file(out)
    assert held.arrival_rates is None
    assert held.workload.notes[0] == (
        "no arrival rates: those of conversation, code-week are not mixed; plan with --rate"
    )
    run("mix", "chat=0.5", "document=0.5", "--output", tmp_path / "none.json")
    assert not any("not mixed" in note for note in load_workload(tmp_path / "none.json").notes)
