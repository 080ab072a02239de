"""How tables fit a terminal: nothing is wider than asked, no word is broken, and legends go with their columns."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from melange_cloud.report.blocks import Column, Sheet
from melange_cloud.report.markdown import markdown
from melange_cloud.report.terminal import terminal
from melange_cloud.report.text import GLUE
from tests.properties import examples

NAMES = ("Name", "Price", "Where", "Note")


def shown(sheet: Sheet, width: int | None) -> list[str]:
    return terminal([sheet], width=width, colour=False).splitlines()


def sheet(**more: object) -> Sheet:
    columns = (
        Column("Name"),
        Column("Price", right=True),
        Column("Where it is sold", drop=1, legend="Where: the region", instead="Where: see --format csv"),
        Column("Note", least=6),
    )
    rows = (
        ("p5.48xlarge", "55.0400", "northamerica-northeast1", "--require-fresh refuses it"),
        ("g6.xlarge", "0.8048", "us-east-1", ""),
    )
    return Sheet(columns, rows, **more)  # type: ignore[arg-type]


def test_a_legend_is_there_with_its_column_and_its_stand_in_without() -> None:
    wide, narrow = shown(sheet(), 100), shown(sheet(), 44)
    assert wide[-2:] == ["", " Where: the region"]
    assert "Where it is sold" in wide[0]
    assert narrow[-2:] == ["", " Where: see --format csv"]
    assert "Where it is sold" not in narrow[0]


def test_notes_follow_the_legends_and_nothing_is_said_twice() -> None:
    assert shown(sheet(notes=("one", "Where: the region", "two")), 100)[-3:] == [
        " Where: the region",
        " one",
        " two",
    ]


def test_markdown_has_every_column_and_its_legend() -> None:
    assert markdown([sheet(notes=("one",))]).splitlines()[-3:] == ["", "Where: the region\\", "one"]


def test_a_line_may_have_any_length_if_no_width_is_given() -> None:
    long = Sheet((Column("A", least=2), Column("B", drop=1)), (("word " * 400, "x" * 3000),))
    assert len(shown(long, None)) == 2


def test_a_header_is_wrapped_at_its_blanks_before_a_row_is() -> None:
    quotas = Sheet(
        (Column("Quota", least=16), Column("One more saves $/month", right=True), Column("First useful limit saves")),
        ((f"--max-gpus{GLUE}A10G=8", "1,234", "12: 3,456"),),
    )
    assert shown(quotas, 42) == [
        " Quota               One more  First",
        "                        saves  useful",
        "                      $/month  limit saves",
        " --max-gpus A10G=8      1,234  12: 3,456",
    ]


def test_what_does_not_fit_in_a_row_is_on_a_line_below_it() -> None:
    four = Sheet(tuple(Column(name) for name in NAMES), (("a" * 20, "b" * 15, "c" * 20, "d"), ("e", "f", "g", "h")))
    assert shown(four, 42) == [
        f" {'Name':20}  Price",
        f"     {'Where':20}  Note",
        f" {'a' * 20}  {'b' * 15}",
        f"     {'c' * 20}  d",
        f" {'e':20}  f",
        f"     {'g':20}  h",
    ]


def test_wrapped_text_does_not_share_its_line_with_what_makes_it_taller() -> None:
    numbers = tuple(Column(name, right=True) for name in ("Mean in", "Mean out", "Mean/s", "Peak/s"))
    what = "BurstGPT, 61 days of arrivals, with the sizes of conversations"
    workloads = Sheet(
        (Column("Name"), Column("What it is", least=8), *numbers),
        (("conversation-burstgpt", what, "1,155", "211", "0.271", "9.26"),),
    )
    assert shown(workloads, 60) == [
        " Name                   What it is",
        "     Mean in  Mean out  Mean/s  Peak/s",
        " conversation-burstgpt  BurstGPT, 61 days of arrivals, with",
        "                        the sizes of conversations",
        "       1,155       211   0.271    9.26",
    ]


def test_heads_stand_once_above_the_rows_that_share_them() -> None:
    columns = (Column("GPU"), Column("Era"), Column("Quantity"), Column("Error", right=True))
    rows = (("A100-80GB", "vllm-2024-h2", "requests per second", "1 %"), ("A100-80GB", "vllm-2024-h2", "TPOT", "2 %"))
    assert shown(Sheet(columns, rows, heads=2), 40) == [
        " GPU        Era",
        "     Quantity             Error",
        " A100-80GB  vllm-2024-h2",
        "     requests per second    1 %",
        "     TPOT                   2 %",
    ]


def test_a_sheet_with_keys_is_split_evenly_and_empty_rows_stay_out() -> None:
    columns = (Column("in\\out", right=True), *(Column(f"{tokens:,}", right=True) for tokens in range(1000, 1010)))
    rows = (("25", *["36.8 B"] * 10), ("9,000", *["1.2 C"] * 3, *[""] * 7))
    parts = "\n".join(shown(Sheet(columns, rows, keys=1), 60)).split("\n\n")
    assert [len(part.splitlines()[0].split()) - 1 for part in parts] == [5, 5]
    assert [len(part.splitlines()) for part in parts] == [3, 2]
    assert "".join(parts).count("36.8 B") == 10


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("options", [{}, {"keys": 1}, {"heads": 2}])
@settings(max_examples=examples(20))
@given(
    cells=st.lists(
        st.lists(st.text("abc-. 日", max_size=30).map(str.strip), min_size=5, max_size=5), min_size=1, max_size=4
    ),
    wraps=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_nothing_is_wider_than_asked_and_no_word_is_lost_or_broken(
    width: int, options: dict[str, Any], cells: list[list[str]], wraps: list[bool]
) -> None:
    columns = tuple(Column(f"head {at}", least=4 if wraps[at] else None) for at in range(5))
    lines = shown(Sheet(columns, tuple(tuple(row) for row in cells), **options), width)
    assert max(cell_len(line) for line in lines) <= width
    said = [row for row in cells if not options.get("keys") or any(row[1:])]
    words = [word for row in said for cell in row for word in cell.split() if cell_len(word) <= 28]
    assert set(words) - set(" ".join(lines).split()) == set()


def test_styles_colour_cells_and_change_no_character() -> None:
    plain = sheet()
    styled = sheet(styles=(("bold green", "", "", ""), ("", "", "", "")))
    coloured = terminal([styled], width=100, colour=True)
    assert "\x1b[1;32mp5.48xlarge" in coloured
    assert shown(styled, 100) == shown(plain, 100)


def test_a_row_with_nothing_on_its_second_line_takes_one() -> None:
    columns = (Column("Name"), Column("Somewhere far away"), Column("Another long header"))
    rows = (("p5.48xlarge", "northamerica-northeast1", "here"), ("... 33 more", "", ""), ("g6", "us-east-1", "there"))
    lines = shown(Sheet(columns, rows), 40)
    more = lines.index(" ... 33 more")
    assert lines[more + 1].startswith(" g6")


def test_numbers_are_in_line_where_some_have_a_mark() -> None:
    columns = (Column("GPU"), Column("$/h", right=True), Column("Age", right=True))
    rows = (("L4", "0.80", "115d"), ("H100", "11.06!", f"287d{GLUE}!"), ("A10G", "-", ""))
    lines = shown(Sheet(columns, rows, total=("Total", "11.86", "")), 40)
    assert lines == [
        " GPU       $/h     Age",
        " L4      0.80   115d",
        " H100   11.06!  287d !",
        " A10G       -",
        " ---------------------",
        " Total  11.86",
    ]
