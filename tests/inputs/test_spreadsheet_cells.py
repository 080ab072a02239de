"""What a spreadsheet could run is text in every CSV and Markdown of ours, and a sheet comes back as it was."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.inputs.spreadsheet_cells import restored, safe_cell
from melange_cloud.report.blocks import Column, Sheet
from melange_cloud.report.markdown import markdown
from tests.examples import SHELL

CALC = "=cmd|' /C calc'!A0"
RUN = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r]")


@pytest.mark.parametrize(
    ("given_cell", "written"),
    [
        (CALC, f"'{CALC}"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\r\n=1", "'=1"),
        ("  =1", "'=1"),
        ("＝1", "'＝1"),
        ("'=1", "''=1"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("two\nlines\x1b", "two lines\ufffd"),
        ("", ""),
        (-1.5, -1.5),
        (7, 7),
    ],
)
def test_a_cell_that_could_be_a_formula_is_marked_as_text(given_cell, written):
    assert safe_cell(given_cell) == written


@given(st.text(st.sampled_from("'=+-@ab1 |＝"), max_size=8).map(str.strip))
def test_what_was_marked_comes_back(text):
    written = str(safe_cell(text))
    assert restored(written) == text
    assert not RUN.match(written)


def invoke(*arguments):
    result = CliRunner().invoke(app, list(arguments), env={**SHELL, "COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


def cells(text):
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


@pytest.fixture
def sheet(tmp_path, monkeypatch):
    """A price sheet whose sources are formulas, one of a new instance type."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ours.csv"
    header = "provider region instance_type purchase usd_per_hour source as_of_from gpu gpu_count vcpus memory_gib"
    known = ("aws", "us-east-1", "g6.2xlarge", "on_demand", "0.5", CALC, "2026-11-20", "", "", "", "")
    markup = "@[x](http://e.example)|`<b>`"
    own = ("aws", "us-east-1", "own.large", "on_demand", "0.4", markup, "2026-11-20", "L4", "1", "8", "32")
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header.split(), known, own])
    return path


def test_a_sheet_with_formulas_leaves_as_text_and_comes_back_with_the_same_content(sheet, tmp_path):
    asked = ("--offline", "--region", "us-east-1", "--provider", "aws")
    invoke("prices", "export", *asked, "--prices", "ours.csv", "-o", "out.csv")
    text = (tmp_path / "out.csv").read_text()
    assert f"'{CALC}" in cells(text)
    assert not any(RUN.match(cell) for cell in cells(text))
    invoke("prices", "export", *asked, "--prices", "out.csv", "-o", "again.csv")
    again = (tmp_path / "again.csv").read_text()
    ours = {"origin": "user", "confirmed": "yes"}  # since they now come from a sheet
    assert list(csv.DictReader(io.StringIO(again))) == [row | ours for row in csv.DictReader(io.StringIO(text))]
    listed = invoke("prices", "list", *asked, "--prices", "out.csv", "--format", "json")
    assert f'"source": "{CALC}"' in listed
    assert '"source": "@[x](http://e.example)|`<b>`"' in listed


def test_no_csv_holds_a_formula(sheet):
    asked = ("--offline", "--region", "us-east-1", "--gpu", "L4", "--prices", str(sheet))
    plan = ("plan", *asked, "--workload", "chat", "--rate", "3")
    for arguments in (
        ("prices", "list", *asked, "--format", "csv"),
        (*plan, "--format", "csv"),
        ("profiles", "heatmap", *asked, "--format", "csv"),
        ("sensitivity", *asked, "--workload", "chat", "--over", "router", "--rate", "3", "--format", "csv"),
    ):
        text = invoke(*arguments)
        assert "own.large" in text
        for cell in cells(text):
            assert not RUN.match(cell) or float(cell) < 0, "our own numbers may be negative"


def test_markdown_shows_what_is_not_ours_as_it_stands():
    rows = (("=1+1", "-1.5"), ("@SUM(A1)", "-2 %"), ("a|b\n<b>`x`[l](u)!*_", "-"), ("-x", "+3.4 %"))
    text = markdown([Sheet((Column("=head", right=False), Column("Number", right=True)), rows)])
    lines = text.splitlines()
    assert lines[0] == r"| \=head | Number |"
    assert lines[2:] == [
        r"| \=1+1 | -1.5 |",
        r"| \@SUM(A1) | -2 % |",
        r"| a\|b \<b\>\`x\`\[l\](u)\!\*\_ | - |",
        r"| \-x | +3.4 % |",
    ]


def test_the_page_in_markdown_holds_no_formula_and_no_markup_of_others(sheet):
    asked = ("plan", "--offline", "--region", "us-east-1", "--gpu", "L4", "--prices", str(sheet), "--rate", "3")
    text = invoke(*asked, "--workload", "chat", "--format", "markdown")
    assert "own.large" in text
    assert "| @" not in text
    assert "`<b>" not in text
