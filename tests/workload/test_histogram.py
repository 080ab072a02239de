"""Histograms in CSV: what is read, and every refusal."""

from pathlib import Path

import pytest

from melange_cloud.domain import Bucket
from melange_cloud.errors import BadFile
from melange_cloud.workload import load_workload

GOOD = "input\\output,1-25,26-100,>100\n1-25,3,0,0\n26-100,0,1,0\n>100,0,0,0\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "counts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_counts_become_shares_and_the_middle_stands_for_the_mean(tmp_path: Path) -> None:
    workload = load_workload(written(tmp_path, GOOD))
    assert workload.buckets == (
        Bucket(0, 25, 0, 25, 13.0, 13.0, 0.75),
        Bucket(25, 100, 25, 100, 63.0, 63.0, 0.25),
    )
    assert workload.notes == ("no mean sizes in the histogram: the middle of each range is used",)
    assert (workload.name, workload.title, workload.requests) == ("counts", "counts, 4 requests", 4)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD + "\n\n",
        GOOD.replace(",", " , "),
        "input\\output,26-100,1-25\n26-100,1,0\n1-25,0,3\n",
    ],
)
def test_the_same_in_other_clothes(tmp_path: Path, text: str) -> None:
    assert load_workload(written(tmp_path, text)).buckets == load_workload(written(tmp_path, GOOD)).buckets


def test_shares_and_fractional_counts_are_read(tmp_path: Path) -> None:
    for text in (
        GOOD.replace("3", "0.75").replace("0,1,0", "0,0.25,0"),
        GOOD.replace(",3", ",7.5").replace(",1,", ",2.5,"),
    ):
        workload = load_workload(written(tmp_path, text))
        assert [bucket.share for bucket in workload.buckets] == [0.75, 0.25]
        assert workload.requests is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the header must be input\\output"),
        ("1-25,3,0,0\n", "line 1: the header must be input\\output"),
        ("input_tokens,output_tokens\n1,2\n", "is a trace, not a histogram"),
        (GOOD.replace(",3,", ",nan,"), "line 2, column 1-25: is 'nan': must be a number"),
        (GOOD.replace(",3,", ",inf,"), "line 2, column 1-25: is 'inf'"),
        (GOOD.replace(",3,", ",1e999,"), "line 2, column 1-25: is '1e999'"),
        (GOOD.replace(",3,", ",-3,"), "line 2, column 1-25: is '-3'"),
        (GOOD.replace(",3,", ",,"), "line 2, column 1-25: is empty"),
        (GOOD.replace(",3,0,0", ",3,0"), "line 2: has 3 cells, the header has 4"),
        (GOOD.replace(",3,0,0", ",3,0,0,0"), "line 2: has 5 cells, the header has 4"),
        (GOOD.replace(",3,", ",0,").replace(",1,", ",0,"), "all counts are 0"),
        (GOOD.splitlines()[0], "all counts are 0"),
        ("input\\output\n1-25\n", "all counts are 0"),
        ("input\\output,1-25,26-100\n1-25,0.5,0.5\n26-100,0.25,0.75\n", "the shares sum to 2: they must sum to 1"),
        (GOOD.replace("\n26-100", "\n100-26"), "line 3, range '100-26': is not a range"),
        (GOOD.replace("\n26-100", "\nmany"), "line 3, range 'many': is not a range"),
        (GOOD.replace("\n26-100", "\n20-100"), "line 3, range 20-100: overlaps another range"),
        (GOOD.replace("\n26-100", "\n1-25"), "line 3, range 1-25: is a duplicate"),
        (GOOD.replace("output,1-25,26-100", "output,1-25,1-25"), "line 1, range 1-25: is a duplicate"),
        (GOOD.replace(">100,0,0,0", ">50,0,0,0"), "line 4, range >50: must be the only open range"),
        (GOOD + ">200,0,0,0\n", "line 5, range >200: must be the only open range"),
        ('input\\output,1-25\n1-25,"3\n', "is not valid CSV"),
    ],
)
def test_refused(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadFile) as caught:
        load_workload(path)
    assert says in str(caught.value)
    assert all(line.startswith(str(path)) for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("0,1,0", "0,1,1"), "20 % of the requests are in ranges without an upper edge (output >100)"),
        (GOOD.replace(">100,0,0,0", ">100,0,0,4"), "50 % of the requests"),
        (GOOD.replace(">100,0,0,0", ">100,4,0,0"), "(input >100), so their mean size is unknown: split those ranges"),
    ],
)
def test_requests_in_an_open_range_are_refused_with_their_share(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadFile) as caught:
        load_workload(written(tmp_path, text))
    assert says in str(caught.value)
    assert "from-trace" in str(caught.value)


def test_all_faults_come_together(tmp_path: Path) -> None:
    text = GOOD.replace(",3,", ",nan,").replace("\n26-100,0,1,0", "\nx,0,1").replace(">100,0,0,0", ">100,0,0,-1")
    with pytest.raises(BadFile) as caught:
        load_workload(written(tmp_path, text))
    assert sorted(fault.line or 0 for fault in caught.value.faults) == [2, 3, 3, 4]
