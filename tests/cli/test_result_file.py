"""The suffix of --output decides the format; what cannot be written is refused before any work."""

import json
import os
from pathlib import Path

import pytest

from melange_cloud.cli.result_file import ResultFile, result_of
from melange_cloud.errors import BadInput, MelangeError

PLAN = ("plan", "--offline", "--region", "us-east-1", "--gpu", "L4", "--workload", "chat", "--rate", "2")
NOWHERE = "no-such-region"
"""A command that begins its work complains of it."""


@pytest.mark.parametrize(
    ("name", "chosen", "expected"),
    [
        ("a.json", None, "json"),
        ("a.b.JSON", None, "json"),
        ("a.csv", None, "csv"),
        ("a.md", None, "markdown"),
        ("a.markdown", "markdown", "markdown"),
        ("a.txt", None, "table"),
        ("a.json", "json", "json"),
        ("a.new", "json", "json"),
        ("a", "csv", "csv"),
        ("-", None, "table"),
        ("/dev/stdout", "json", "json"),
        ("/dev/null", None, "table"),
    ],
)
def test_the_suffix_decides(name, chosen, expected):
    found = result_of(Path(name), chosen, ["table", "json", "csv", "markdown"])
    assert found.format == expected
    assert (found.path is None) == (name in ("-", "/dev/stdout"))


@pytest.mark.parametrize(
    ("name", "chosen", "said"),
    [
        ("a", None, "does not say the format; end it in .txt, .json or .csv"),
        (".json", None, "does not say the format"),
        ("a.html", None, "does not write .html"),
        ("a.xlsx", None, "does not write .xlsx"),
        ("a.svg", None, "does not write .svg"),
        ("a.json.gz", None, "does not write .gz"),
        ("a.md", None, "does not write .md"),
        ("a.csv", "json", "disagree"),
        ("a.txt", "json", "disagree"),
        ("a.html", "table", "disagree"),
        ("a.xlsx", "csv", "disagree"),
        ("a.json.gz", "json", "disagree"),
    ],
)
def test_a_name_that_does_not_say_what_the_command_makes_is_bad_input(name, chosen, said):
    with pytest.raises(BadInput, match=f"^--output .*{said}"):
        result_of(Path(name), chosen, ["table", "json", "csv"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/a.json", "does not exist"),
        ("file/a.json", "does not exist"),
        ("folder.json", "it is a folder"),
        ("folder", "it is a folder"),
        (f"{'a' * 300}.json", "File name too long"),
        ("a\0b.json", "not a valid file name"),
        ("loop/a.json", "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(alone, name, said):
    (alone / "folder.json").mkdir()
    (alone / "folder").mkdir()
    (alone / "file").write_text("")
    (alone / "loop").symlink_to("loop")
    with pytest.raises(MelangeError, match=said) as caught:
        result_of(Path(name), None, ["table", "json", "csv"])
    assert caught.value.exit_code == 1
    assert ": cannot be written" in str(caught.value)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_a_place_without_permission_is_refused(alone, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(MelangeError, match="no permission"):
        result_of(Path("a.json"), None, ["json"])


def test_a_named_pipe_takes_anything(alone):
    os.mkfifo(alone / "pipe")
    assert result_of(Path("pipe"), None, ["table", "json"]) == ResultFile("table", Path("pipe"))
    assert result_of(Path("pipe"), "json", ["table", "json"]).format == "json"


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--region", NOWHERE),
        ("sensitivity", "--region", NOWHERE, "--over", "rate"),
        ("solve", "no-such-file.json"),
        ("prices", "list", "--region", NOWHERE),
        ("prices", "diff", "no-such-side"),
        ("prices", "export", "--region", NOWHERE),
        ("prices", "doctor"),
        ("profiles", "list"),
        ("profiles", "show", "--gpu", "no-such-gpu"),
        ("profiles", "heatmap", "--region", NOWHERE),
        ("profiles", "estimate", "--config", "no-such-file", "--gpu", "L4"),
        ("profiles", "import", "no-such-file"),
        ("profiles", "measure", "--url", "http://127.0.0.1:9", "--gpu", "L4"),
        ("maintain", "validate"),
        ("maintain", "calibrate"),
        ("workloads", "show", "no-such-file"),
        ("workloads", "from-trace", "no-such-file"),
        ("workloads", "from-counts", "--histogram", "no-such-file"),
        ("workloads", "mix", "no-such-file=1"),
        ("workloads", "scale", "no-such-file"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
@pytest.mark.parametrize("name", ["w", "a.xlsx", "folder"])
def test_every_command_refuses_before_it_works(run, alone, arguments, name):
    (alone / "folder").mkdir()
    result = run(*arguments, "--out", name)
    assert result.exit_code == (1 if name == "folder" else 2)
    assert result.stderr.startswith(f"melange-cloud: {'' if name == 'folder' else '--output '}{name}: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert [path.name for path in alone.iterdir()] == ["folder"]


def test_a_missing_folder_is_refused_before_the_work(run):
    result = run("plan", "--region", NOWHERE, "-o", "missing/plan.json")
    assert result.exit_code == 1
    assert result.stderr.startswith("melange-cloud: missing/plan.json: cannot be written (")


def test_each_suffix_gives_its_format_and_all_three_names_of_the_option_mean_the_same(run, alone):
    for option, name in (("--output", "a.json"), ("-o", "a.csv"), ("--out", "a.md"), ("--out", "a.txt")):
        assert run(*PLAN, option, name).exit_code == 0
    assert json.loads((alone / "a.json").read_text())["regions"]
    assert (alone / "a.csv").read_text().startswith("generated_at,")
    assert (alone / "a.md").read_text().startswith("> **")
    assert (alone / "a.txt").read_text() == run(*PLAN).stdout
    assert run(*PLAN, "--current", "a.json").exit_code == 0, "what was written can be read"


def test_a_workload_file_can_be_read_again(run, alone):
    assert run("workloads", "scale", "chat", "--longest", "4000", "-o", "w.json").exit_code == 0
    assert run("workloads", "show", "w.json").exit_code == 0


def test_a_dash_is_standard_output(run):
    assert json.loads(run("workloads", "show", "chat", "--format", "json", "-o", "-").stdout)["name"] == "chat"


def test_variables_of_both_names_are_read(run, alone):
    for variable in ("MELANGE_CLOUD_OUT", "MELANGE_CLOUD_OUTPUT"):
        assert run(*PLAN, **{variable: f"{variable}.json"}).exit_code == 0
        assert json.loads((alone / f"{variable}.json").read_text())


def test_the_note_of_what_was_written_is_one_line(run, alone):
    result = run("workloads", "show", "chat", "-o", "a\nb\x1b.json")
    assert result.stderr == "wrote a b\ufffd.json\n"
    assert (alone / "a\nb\x1b.json").is_file()
