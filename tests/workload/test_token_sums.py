"""What the sizes of a log include: caches under any name, totals that tell, rows that sum up several requests."""

import json
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.errors import BadFile
from melange_cloud.workload import ColumnChoice, Trace, read_trace


def written(folder: Path, records: list[dict[str, Any]]) -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def figures(trace: Trace) -> tuple[int, int]:
    return trace.tally.input_values.total, trace.tally.output_values.total


# (record, input tokens, output tokens, input tokens from a cache)
EXCLUDED: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "ccusage": (
        {
            "inputTokens": 700,
            "outputTokens": 100,
            "cacheCreationTokens": 50,
            "cacheReadTokens": 1000,
            "totalTokens": 1850,
        },
        1750,
        100,
        1000,
    ),
    "camel": ({"usage": {"input": 70, "output": 10, "cacheRead": 900, "cacheWrite": 30}}, 1000, 10, 900),
    "snake": (
        {"usage": {"input_tokens": 70, "output_tokens": 10, "cache_read": 900, "cache_write": 30}},
        1000,
        10,
        900,
    ),
    "nested": ({"usage": {"input": 70, "output": 10, "cache": {"read": 20, "write": 5}}}, 95, 10, 20),
    "langfuse": (
        {"usageDetails": {"input": 70, "output": 10, "input_cached_tokens": 30, "output_reasoning_tokens": 5}},
        100,
        15,
        30,
    ),
}


@pytest.mark.parametrize("name", sorted(EXCLUDED))
def test_caches_under_other_names_are_added(tmp_path: Path, name: str) -> None:
    record, size_in, size_out, cached = EXCLUDED[name]
    trace = read_trace(written(tmp_path, [record, record]))
    assert figures(trace) == (2 * size_in, 2 * size_out)
    assert trace.cached_input_share == pytest.approx(cached / size_in)


@pytest.mark.parametrize(
    ("usage", "cures"),
    [
        (
            {"prompt_tokens": 70, "completion_tokens": 10, "cache_read_tokens": 30},
            ("--input-column usage.prompt_tokens", "--input-column usage.prompt_tokens+usage.cache_read_tokens"),
        ),
        (
            {"input_tokens": 70, "output_tokens": 10, "tokens_from_cache": 30},
            ("--input-column usage.input_tokens", "--input-column usage.input_tokens+usage.tokens_from_cache"),
        ),
    ],
)
def test_a_cache_that_nothing_explains_is_asked_about(
    tmp_path: Path, usage: dict[str, int], cures: tuple[str, ...]
) -> None:
    without = {name: 0 if "cache" in name else tokens for name, tokens in usage.items()}
    # The first two thousand records tell nothing: what comes late counts as well.
    path = written(tmp_path, [*[{"usage": without}] * 2000, {"usage": usage}])
    with pytest.raises(BadFile) as caught:
        read_trace(path)
    assert [line.partition(", use ")[2] for line in str(caught.value).splitlines()] == list(cures)
    whole, both = (cure.removeprefix("--input-column ") for cure in cures)
    assert figures(read_trace(path, ColumnChoice(whole)))[0] == 2001 * 70
    assert figures(read_trace(path, ColumnChoice(both)))[0] == 2001 * 70 + 30
    assert figures(read_trace(written(tmp_path, [{"usage": without}])))[0] == 70


def test_the_same_rule_holds_for_tables(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = "70,10,30\n" * 3000
    path.write_text(f"prompt_tokens,completion_tokens,cache_hits_tokens\n{rows}")
    with pytest.raises(BadFile, match=r"cache_hits_tokens holds cached tokens"):
        read_trace(path)
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"prompt_tokens": [70], "completion_tokens": [10], "cache_hits_tokens": [30]})
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(BadFile, match=r"cache_hits_tokens holds cached tokens"):
        read_trace(tmp_path / "log.parquet")


@pytest.mark.parametrize(
    "beside",
    [
        {"cache_hit": True},
        {"cache_hit": 1},
        {"cache_read_cost": 12},
        {"cache_read_latency_ms": 12},
        {"kv_cache_read_tokens": 12},
        {"prompt_tokens_details": {"cached_tokens": 40}, "prompt_cache_hit_tokens": 40, "prompt_cache_miss_tokens": 30},
    ],
)
def test_what_is_no_further_input_is_not_asked_about(tmp_path: Path, beside: dict[str, Any]) -> None:
    record = {"prompt_tokens": 70, "completion_tokens": 10, **beside}
    assert figures(read_trace(written(tmp_path, [record]))) == (70, 10)


@pytest.mark.parametrize(("total", "size_in"), [(110, 100), (80, 70)])
def test_a_total_tells_whether_a_cache_is_included(tmp_path: Path, total: int, size_in: int) -> None:
    usage = {"prompt_tokens": 70, "completion_tokens": 10, "cache_read_tokens": 30, "total_tokens": total}
    trace = read_trace(written(tmp_path, [{"usage": usage}] * 3))
    assert figures(trace) == (3 * size_in, 30)
    assert trace.cached_input_share == pytest.approx(30 / size_in)
    assert any("usage.cache_read_tokens is" in note and "usage.total_tokens" in note for note in trace.notes)


def test_a_total_against_the_custom_of_a_name_is_asked_about(tmp_path: Path) -> None:
    usage = {"input_tokens": 70, "output_tokens": 10, "cache_read_input_tokens": 30, "total_tokens": 80}
    path = written(tmp_path, [{"usage": usage}] * 3)
    with pytest.raises(BadFile, match=r"use --input-column usage\.input_tokens\+usage\.cache_read_input_tokens$"):
        read_trace(path)
    assert figures(read_trace(path, ColumnChoice("usage.input_tokens"))) == (210, 30)


def test_more_cached_than_input_tokens_outweigh_a_total(tmp_path: Path) -> None:
    usage = {"input_tokens": 70, "output_tokens": 10, "cache_read_input_tokens": 300, "total_tokens": 80}
    assert figures(read_trace(written(tmp_path, [{"usage": usage}] * 3))) == (1110, 30)
    usage = {"prompt_tokens": 70, "completion_tokens": 10, "cache_written_tokens": 300, "total_tokens": 80}
    with pytest.raises(BadFile, match=r"use --input-column usage\.prompt_tokens\+usage\.cache_written_tokens$"):
        read_trace(written(tmp_path, [{"usage": usage}] * 3))


@pytest.mark.parametrize(
    ("usage", "size_out"),
    [
        # xAI counts reasoning apart, OpenAI does not.
        ({"total_tokens": 1250, "completion_tokens_details": {"reasoning_tokens": 400}}, 521),
        ({"total_tokens": 850, "completion_tokens_details": {"reasoning_tokens": 100}}, 121),
        ({"completion_tokens_details": {"reasoning_tokens": 100}}, 121),
        ({"total_tokens": 1250, "reasoning_tokens": 400}, 521),
        ({"reasoning_tokens": 100}, 121),
        ({"reasoning_tokens": 400}, 521),  # more than the output, so no part of it
    ],
)
def test_a_total_tells_whether_reasoning_is_output(tmp_path: Path, usage: dict[str, Any], size_out: int) -> None:
    record = {"usage": {"prompt_tokens": 729, "completion_tokens": 121, **usage}}
    assert figures(read_trace(written(tmp_path, [record] * 3))) == (3 * 729, 3 * size_out)


def test_a_total_that_nothing_explains_is_noted(tmp_path: Path) -> None:
    record = {"prompt_tokens": 70, "completion_tokens": 10, "total_tokens": 95}
    (note,) = read_trace(written(tmp_path, [record] * 3)).notes
    assert "total_tokens is not the sum of input and output" in note
    assert not read_trace(written(tmp_path, [{**record, "total_tokens": 81}] * 3)).notes  # rounding


@pytest.mark.parametrize("name", ["num_model_requests", "requests", "request_count", "numRequests", "count"])
def test_rows_that_sum_up_requests_are_refused(tmp_path: Path, name: str) -> None:
    single = {"input_tokens": 70, "output_tokens": 10, name: 1}
    assert figures(read_trace(written(tmp_path, [single]))) == (70, 10)
    path = written(tmp_path, [*[single] * 2000, {**single, name: 20}])
    with pytest.raises(BadFile, match=rf"{name} is above 1 in 1 row, .* from-counts; .* --where '{name}=\*'"):
        read_trace(path)
    assert read_trace(path, ColumnChoice(where=(f"{name}=*",))).requests == 2001
    assert read_trace(path, ColumnChoice(where=(f"{name}=1",))).requests == 2000


def test_the_cure_for_input_without_its_cache_names_all_columns(tmp_path: Path) -> None:
    usage = {"cache_read_input_tokens": 900, "cache_creation_input_tokens": 40, "completion_tokens": 1}
    path = written(tmp_path, [{"response": {"body": {"usage": {"prompt_tokens": 10, **usage}}}}])
    with pytest.raises(BadFile) as caught:
        read_trace(path)
    before, _, cure = caught.value.faults[0].what.partition("--input-column ")
    assert "900 cached of 10 input tokens" in before
    assert (caught.value.faults[0].line, caught.value.faults[0].field) == (
        1,
        "response.body.usage.cache_read_input_tokens",
    )
    assert figures(read_trace(path, ColumnChoice(cure))) == (950, 1)
