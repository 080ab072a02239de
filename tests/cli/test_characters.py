"""What leaves the program fits the stream: no encoding ends it, no control character of others passes."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.cli.characters import fitting, harmless, harmless_json
from melange_cloud.cli.output import note
from tests.examples import SHELL

ENCODINGS = ["ascii", "latin-1", "cp1252", "cp437", "iso8859-7", "shift_jis", "utf-8"]


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("±30 % – 2×", "utf-8", "±30 % – 2×"),
        ("±30 % – 2×", "latin-1", "±30 % - 2×"),
        ("±30 % – 2×…", "cp437", "±30 % - 2x..."),
        ("±30 % – 2×", "ascii", "+/-30 % - 2x"),
        ("Tromsø, Łódź, Zürich", "ascii", "Tromso, Lodz, Zurich"),
        ("▁▄█ ▂", "utf-8", "▁▄█ ▂"),
        ("▁▄█ ▂", "ascii", "_:# ."),
        ("▁▄█ ▂", "cp437", "_:# ."),  # which has ▄ and █, and no other height
        ("東京", "ascii", "??"),
        ("a\udc80b", "utf-8", "a\ufffdb"),
        ("1\u202f000", "latin-1", "1 000"),
        ("x", "no-such-codec", "x"),
    ],
)
def test_characters_missing_in_an_encoding_become_others(text, encoding, expected):
    assert fitting(text, encoding) == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_stays_the_same_document(encoding):
    document = {"a\u2028b": ["±–×", "東京", "\U0001f600", "\x9b31m\x7f", "a\tb\nc", "\ud800"]}
    text = harmless_json(json.dumps(document, ensure_ascii=False, indent=2), encoding)
    assert json.loads(text.encode(encoding).decode("utf-8")) == document
    assert all(char.isprintable() or char == "\n" for char in text)


def test_control_characters_go_and_colours_of_ours_stay():
    assert harmless("a\x1b[31mb\x1b]0;t\x07\r\n\tc\x9b\u202e") == "a\ufffd[31mb\ufffd]0;t\ufffd\ufffd\n\tc\ufffd\ufffd"
    assert harmless("\x1b[1mb\x1b[0m\x1b]0;t\x07", coloured=True) == "\x1b[1mb\x1b[0m\ufffd]0;t\ufffd"


def test_notes_are_cleaned_and_cut_line_by_line(capsys):
    note("a\x1b[2Jb\nc" + "d" * 9999)
    first, second, rest = capsys.readouterr().err.split("\n")
    assert (first, rest) == ("a\ufffd[2Jb", "")
    assert len(second) <= 600


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437"])
def test_no_command_fails_for_its_stream_s_encoding(encoding):
    sweep = ("sensitivity", "--offline", "--region", "us-east-1", "--gpu", "L4", "--over", "rate", "--from", "1")
    for arguments in (
        ("workloads", "show", "code-week"),
        ("workloads", "show", "code-week", "--format", "json"),
        ("workloads", "list"),
        (*sweep, "--to", "3"),
        ("plan", "--offline", "--region", "us-east-1", "--rate", "2"),
        ("plan", "--offline", "--region", "us-east-1", "--rate", "2", "--format", "markdown"),
        ("plan", "--help"),
        ("prices", "list", "--offline", "--region", "us-east-1"),
        ("profiles", "show", "--gpu", "L4"),
        ("profiles", "list"),
        ("profiles", "heatmap", "--offline"),
    ):
        result = CliRunner(charset=encoding).invoke(app, list(arguments), env={**SHELL, "COLUMNS": "100"})
        assert result.exit_code == 0, (arguments, result.exception)
        result.stdout_bytes.decode(encoding)
        result.stderr_bytes.decode(encoding)


@pytest.mark.loud
def test_a_process_in_the_c_locale_shows_the_week():
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    main = "from melange_cloud.cli.start import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", main, "workloads", "show", "code-week"], env=environment, capture_output=True
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert "Mon" in ran.stdout.decode("ascii")


HOSTILE = "\x1b]0;title\x07\x9b31m" + "x" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        (HOSTILE,),
        (f"--{HOSTILE}",),
        ("plan", f"--{HOSTILE}"),
        ("plan", "--format", HOSTILE),
        ("plan", "--time-limit", HOSTILE),
        ("plan", "--region", HOSTILE),
        ("plan", "--region", "us-east-1", "--rate", HOSTILE),
        ("plan", "--region", "us-east-1", "--max-gpus", HOSTILE),
        ("plan", "--region", "us-east-1", "--max-age", HOSTILE),
        ("plan", "--region", "us-east-1", "--workload", HOSTILE),
        ("plan", "--region", "us-east-1", "--out", f"a.{HOSTILE}"),
        ("plan", "--region", "us-east-1", "--stay-within", HOSTILE),
        ("prices", HOSTILE),
        ("prices", "list", "--gpu", HOSTILE),
        ("prices", "list", "--purchase", HOSTILE),
        ("prices", "diff", HOSTILE),
        ("profiles", "show", "--gpu", HOSTILE),
        ("profiles", "show", "--gpu", "L4", "--model", HOSTILE),
        ("profiles", "import", HOSTILE),
        ("workloads", "show", HOSTILE),
        ("workloads", "mix", HOSTILE),
        ("workloads", "mix", f"{HOSTILE}=1"),
        ("workloads", "from-trace", HOSTILE),
        ("sensitivity", "--region", "us-east-1", "--over", HOSTILE),
        ("sensitivity", "--region", "us-east-1", "--over", "rate", "--prices", HOSTILE),
        ("plan", "--region", "us-east-1", "--prices", HOSTILE),
        ("plan", "--region", "us-east-1", "--current", HOSTILE),
        ("plan", "--region", "us-east-1", "--config", HOSTILE),
        ("profiles", "estimate", "--gpu", "L4", "--config", HOSTILE),
        ("workloads", "from-counts", "--histogram", HOSTILE),
        ("solve", HOSTILE),
    ],
    ids=lambda arguments: " ".join(word[:12] for word in arguments if word.isprintable()) or "command",
)
def test_what_was_typed_comes_back_cleaned_and_cut(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert all(char.isprintable() or char == "\n" for char in result.stderr)
    assert all(len(line) < 300 for line in result.stderr.split("\n"))
    assert result.stdout == ""


def is_clean(text):
    return all(char.isprintable() or char in "\n\t" for char in text)


@pytest.fixture
def hostile_files(run, alone):
    """A workload and a price sheet of others, with sequences that a terminal would obey, and 5,000 characters."""
    assert run("workloads", "scale", "chat", "--longest", "8192", "-o", "w.json").exit_code == 0
    document = json.loads((alone / "w.json").read_text())
    for field in ("title", "source", "licence"):
        document[field] = HOSTILE
    document["notes"] = [HOSTILE]
    (alone / "w.json").write_text(json.dumps(document))
    (alone / "p.csv").write_text(
        "provider,region,instance_type,purchase,usd_per_hour,source,as_of_from\n"
        f'aws,us-east-1,g6.2xlarge,on_demand,0.5,"{HOSTILE}",2026-11-20\n'
    )


@pytest.mark.parametrize("format_", ["table", "json", "csv", "markdown"])
def test_text_of_files_reaches_no_terminal_raw_and_fills_no_page(run, hostile_files, format_):
    asked = ("--offline", "--region", "us-east-1", "--gpu", "L4")
    plan = ("plan", *asked, "--workload", "w.json", "--rate", "2")
    for arguments, formats in (
        (("workloads", "show", "w.json"), ("table", "json")),
        ((*plan, "--prices", "p.csv"), ("table", "json", "csv", "markdown")),
        (("prices", "list", *asked, "--prices", "p.csv"), ("table", "json", "csv")),
        (("sensitivity", *asked, "--workload", "w.json", "--over", "router"), ("table", "json", "csv")),
    ):
        if format_ in formats:
            result = run(*arguments, "--format", format_)
            assert is_clean(result.stdout + result.stderr), arguments
            assert all(len(line) < 700 for line in result.stderr.split("\n"))
            if format_ in ("table", "markdown"):
                assert result.stdout.count("x") < 5000, "cut"


@pytest.mark.parametrize("variable", ["CONFIG", "GLPSOL", "PROFILES", "RATE", "FORMAT", "OUT", "PRICES"])
def test_what_the_environment_says_comes_back_cleaned_and_cut(run, variable):
    hostile = HOSTILE.replace("\0", "")
    asked = ("plan", "--offline", "--region", "us-east-1", "--gpu", "L4", "--solver", "glpk")
    result = run(*asked, **{f"MELANGE_CLOUD_{variable}": hostile})
    assert result.exit_code in (1, 2)
    assert is_clean(result.output)
    assert all(len(line) < 300 for line in result.stderr.split("\n"))
