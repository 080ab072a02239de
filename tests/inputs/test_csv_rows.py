import time

import pytest

from melange_cloud.errors import BadFile
from melange_cloud.inputs import csv_rows, read_rows


def test_rows_carry_the_line_in_which_they_begin():
    text = 'a, b\n\n"x\ny",2\r\n , \n3,4'
    assert list(read_rows(text, "f.csv")) == [(1, ["a", "b"]), (3, ["x\ny", "2"]), (6, ["3", "4"])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a\n"b', "f.csv, line 2: is not valid CSV"),
        ('a\n"b"c', "line 2: is not valid CSV"),
        ("a\n" + "b" * 200_000, "line 2: has a value longer than 20,000 characters|field larger than field limit"),
        ("a,b\n" + "," * 300_000, "line 2: has 300,001 columns, more than the limit of 2,000"),
    ],
)
def test_what_is_not_a_table_is_refused_in_one_line(text, said):
    with pytest.raises(BadFile, match=said) as refused:
        list(read_rows(text, "f.csv"))
    assert len(refused.value.faults) == 1


def test_rows_are_bounded(monkeypatch):
    monkeypatch.setattr(csv_rows, "MOST_ROWS", 3)
    assert len(list(read_rows("1\n" * 3, "f.csv"))) == 3
    with pytest.raises(BadFile, match="line 4: has more than 3 rows"):
        list(read_rows("1\n" * 4, "f.csv"))


def test_many_columns_cost_no_time():
    before = time.process_time()
    with pytest.raises(BadFile):
        list(read_rows(",".join(f"c{n}" for n in range(1_000_000)), "f.csv"))
    assert time.process_time() - before < 5
