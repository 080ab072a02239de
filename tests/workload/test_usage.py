"""Usage records of the vendors: what counts as input and output, and what came from a cache."""

import json
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.errors import BadFile
from melange_cloud.workload import ColumnChoice, Trace, load_workload_file, read_trace, write_workload

# (record, input tokens, output tokens, input tokens from a cache; None: not told)
ANTHROPIC = {"input_tokens": 11, "cache_read_input_tokens": 15_216, "cache_creation_input_tokens": 341}
RECORDS = {
    "anthropic": ({"usage": {**ANTHROPIC, "output_tokens": 454}}, 15_568, 454, 15_216),
    "anthropic flat": ({**ANTHROPIC, "output_tokens": 454}, 15_568, 454, 15_216),
    "anthropic batch": ({"result": {"message": {"usage": {**ANTHROPIC, "output_tokens": 4}}}}, 15_568, 4, 15_216),
    "anthropic session log": (
        {
            "message": {
                "usage": {
                    **ANTHROPIC,
                    "cache_creation": {"ephemeral_5m_input_tokens": 341, "ephemeral_1h_input_tokens": 0},
                    "output_tokens": 4,
                }
            }
        },
        15_568,
        4,
        15_216,
    ),
    "anthropic creation by parts": (
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 3},
            "output_tokens": 4,
        },
        133,
        4,
        100,
    ),
    "anthropic without a cache": (
        {"usage": {"input_tokens": 11, "cache_read_input_tokens": None, "output_tokens": 5}},
        11,
        5,
        0,
    ),
    "openai chat": (
        {
            "usage": {
                "prompt_tokens": 2006,
                "completion_tokens": 300,
                "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 128},
            }
        },
        2006,
        300,
        1920,
    ),
    "openai responses": (
        {
            "usage": {
                "input_tokens": 2006,
                "input_tokens_details": {"cached_tokens": 1920},
                "output_tokens": 300,
                "output_tokens_details": {"reasoning_tokens": 128},
            }
        },
        2006,
        300,
        1920,
    ),
    "deepseek": (
        {
            "usage": {
                "prompt_tokens": 100,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
                "completion_tokens": 7,
            }
        },
        100,
        7,
        64,
    ),
    "gemini": (
        {
            "usageMetadata": {
                "promptTokenCount": 1000,
                "cachedContentTokenCount": 800,
                "candidatesTokenCount": 50,
                "thoughtsTokenCount": 450,
                "totalTokenCount": 1500,
            }
        },
        1000,
        500,
        800,
    ),
    "gemini with tools": (
        {
            "response": {
                "usage_metadata": {
                    "prompt_token_count": 1000,
                    "tool_use_prompt_token_count": 20,
                    "thoughts_token_count": 450,
                }
            },
        },
        1020,
        450,
        None,
    ),
    "bedrock converse": (
        {
            "usage": {
                "inputTokens": 12,
                "outputTokens": 30,
                "totalTokens": 1042,
                "cacheReadInputTokens": 900,
                "cacheWriteInputTokens": 100,
            }
        },
        1012,
        30,
        900,
    ),
    "bedrock invocation log": (
        {
            "input": {"inputTokenCount": 12, "cacheReadInputTokenCount": 900, "cacheWriteInputTokenCount": 100},
            "output": {"outputTokenCount": 30},
        },
        1012,
        30,
        900,
    ),
    "opentelemetry flat": (
        {
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.cache_read.input_tokens": 900,
            "gen_ai.usage.cache_creation.input_tokens": 50,
            "gen_ai.usage.output_tokens": 5,
        },
        1000,
        5,
        900,
    ),
    "opentelemetry nested": (
        {"attributes": {"gen_ai": {"usage": {"input_tokens": 1000, "output_tokens": 5}}}},
        1000,
        5,
        None,
    ),
    "opentelemetry under attributes": (
        {"attributes": {"gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 5}},
        1000,
        5,
        None,
    ),
    "opentelemetry otlp": (
        {
            "attributes": [
                {"key": "gen_ai.system", "value": {"stringValue": "vllm"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "5"}},
            ]
        },
        1000,
        5,
        None,
    ),
    "ai sdk": ({"usage": {"inputTokens": 100, "cachedInputTokens": 90, "outputTokens": 5}}, 100, 5, 90),
    "sglang": ({"meta_info": {"prompt_tokens": 100, "cached_tokens": 64, "completion_tokens": 5}}, 100, 5, 64),
    "openinference": (
        {
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 5,
            "llm.token_count.prompt_details.cache_read": 64,
        },
        100,
        5,
        64,
    ),
    "openinference of 2025": (
        {
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 5,
            "llm.token_count.prompt_details.cache_input": 64,
        },
        100,
        5,
        64,
    ),
    "vllm offline": ({"num_prompt_tokens": 100, "num_cached_tokens": 64, "num_output_tokens": 5}, 100, 5, 64),
    "ollama": ({"prompt_eval_count": 100, "eval_count": 5}, 100, 5, None),
}


def written(tmp_path: Path, records: list[Any]) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def figures(trace: Trace) -> tuple[int, int, int]:
    return trace.requests, trace.tally.input_values.total, trace.tally.output_values.total


@pytest.mark.parametrize("name", RECORDS)
def test_vendors_count_input_and_output_each_in_their_way(tmp_path: Path, name: str) -> None:
    record, size_in, size_out, cached = RECORDS[name]
    for blemish in ([], ["not a record"]):  # a blemish sends the block down the slow way
        trace = read_trace(written(tmp_path, [record, *blemish, record]))
        assert figures(trace) == (2, 2 * size_in, 2 * size_out)
        assert trace.unreadable == len(blemish)
        assert trace.cached_input_share == (None if cached is None else pytest.approx(cached / size_in))


def test_a_part_that_is_missing_in_some_records_counts_as_nothing(tmp_path: Path) -> None:
    records = [
        {"usage": {"input_tokens": 5, "cache_read_input_tokens": 10, "output_tokens": 1}},
        {"usage": {"input_tokens": 5, "output_tokens": 1}},
        {"usage": {"input_tokens": 5, "cache_read_input_tokens": None, "output_tokens": 1}},
    ]
    trace = read_trace(written(tmp_path, records))
    assert figures(trace) == (3, 25, 3)
    assert trace.cached_input_share == pytest.approx(10 / 25)


@pytest.mark.parametrize("before", [{}, {"usage": None}])
def test_a_cache_that_is_first_used_late_counts_too(tmp_path: Path, before: dict[str, Any]) -> None:
    first = {"usage": {"input_tokens": 5, "output_tokens": 1}}
    late = {"usage": {**ANTHROPIC, "output_tokens": 1}}
    trace = read_trace(written(tmp_path, [*[first] * 3000, *([before] if before else []), late]))
    assert figures(trace) == (3001, 15_000 + 15_568, 3001)


def test_a_table_of_anthropic_usage_adds_up_too(tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    rows = "11,15216,341,454\n22,18978,92,100\n25,,,69\n" * 800
    path.write_text(f"input_tokens,cache_read_input_tokens,cache_creation_input_tokens,output_tokens\n{rows}")
    trace = read_trace(path)
    assert figures(trace) == (2400, 800 * (15_568 + 19_092 + 25), 800 * 623)
    assert trace.cached_input_share == pytest.approx((15_216 + 18_978) / (15_568 + 19_092 + 25))
    assert trace.taken[path].startswith(
        "input input_tokens + cache_read_input_tokens + cache_creation_input_tokens, output output_tokens"
    )
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "input_tokens": [11, 22, 25],
            "cache_read_input_tokens": [15_216, 18_978, None],
            "cache_creation_input_tokens": [341, 92, None],
            "output_tokens": [454, 100, 69],
        }
    )
    pq.write_table(table, tmp_path / "usage.parquet")
    assert figures(read_trace(tmp_path / "usage.parquet")) == (3, 15_568 + 19_092 + 25, 623)


def test_named_columns_are_taken_as_they_are_and_can_be_added_up(tmp_path: Path) -> None:
    path = written(tmp_path, [{"usage": {**ANTHROPIC, "output_tokens": 454}}])
    assert figures(read_trace(path, ColumnChoice("usage.input_tokens"))) == (1, 11, 454)
    both = ColumnChoice("usage.input_tokens+usage.cache_read_input_tokens")
    assert figures(read_trace(path, both)) == (1, 15_227, 454)
    with pytest.raises(BadFile, match=r"column usage\.cached not found: name it with --input-column"):
        read_trace(path, ColumnChoice("usage.input_tokens+usage.cached"))


def test_more_cached_than_input_tokens_shows_that_they_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, [{"prompt_tokens": 10, "cache_read_input_tokens": 900, "completion_tokens": 1}])
    with pytest.raises(BadFile, match=r"--input-column prompt_tokens\+cache_read_input_tokens"):
        read_trace(path)
    asked = ColumnChoice("prompt_tokens+cache_read_input_tokens")
    assert figures(read_trace(path, asked)) == (1, 910, 1)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_the_row_with_more_cached_than_input_tokens_is_named(tmp_path: Path, suffix: str) -> None:
    rows = [{"prompt_tokens": 100, "cached_tokens": 60, "completion_tokens": 1}] * 4000
    odd = [*rows, {"prompt_tokens": 100, "cached_tokens": 101, "completion_tokens": 1}]
    path = tmp_path / f"log.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in odd))
    elif suffix == "csv":
        lines = [",".join(map(str, row.values())) for row in odd]
        path.write_text("\n".join(["prompt_tokens,cached_tokens,completion_tokens", *lines]))
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.Table.from_pylist(odd), path)
    with pytest.raises(BadFile) as caught:
        read_trace(path)
    (fault,) = caught.value.faults
    assert (fault.line, fault.field) == (4002 if suffix == "csv" else 4001, "cached_tokens")
    assert fault.what == (
        "101 cached of 100 input tokens: the input excludes cached tokens. Use --input-column "
        "prompt_tokens+cached_tokens"
    )


@pytest.mark.parametrize("bad", [-1, 0.5, "many", True])
def test_a_row_whose_cached_tokens_are_no_number_of_tokens_is_left_out(tmp_path: Path, bad: object) -> None:
    sound = {"prompt_tokens": 100, "cached_tokens": 60, "completion_tokens": 1}
    records = [sound, {**sound, "cached_tokens": bad}, {**sound, "cached_tokens": None}]
    trace = read_trace(written(tmp_path, records))
    assert (trace.requests, trace.unreadable, trace.cached_input_share) == (2, 1, 0.3)
    (row,) = trace.unreadable_rows
    assert (row.line, row.reason.partition(" is ")[0]) == (2, "cached_tokens")
    assert row.reason.endswith("must be a whole number from 0 to 1,000,000,000")


def test_two_usages_in_one_record_are_asked_about(tmp_path: Path) -> None:
    usage = {"usage": {"input_tokens": 5, "output_tokens": 1}}
    path = written(tmp_path, [{"first": usage, "second": usage}])
    with pytest.raises(
        BadFile, match=r"first\.usage\.input_tokens and second\.usage\.input_tokens may each hold input tokens"
    ):
        read_trace(path)


def test_a_sum_beyond_any_request_is_no_request(tmp_path: Path) -> None:
    huge = {"input_tokens": 10**9, "cache_read_input_tokens": 1, "output_tokens": 1}
    trace = read_trace(written(tmp_path, [huge, {**huge, "input_tokens": 5}]))
    assert figures(trace) == (1, 6, 1)
    assert trace.unreadable == 1


def test_the_cached_share_is_kept_in_the_file(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, [{"usage": {**ANTHROPIC, "output_tokens": 454}}]))
    held = trace.workload_file(name="n", title="t", source="s", licence="l")
    path = tmp_path / "mine.json"
    path.write_text(write_workload(held), encoding="utf-8")
    assert load_workload_file(path).cached_input_share == pytest.approx(15_216 / 15_568)


def test_otlp_exports_of_many_spans_say_how_to_split_them(tmp_path: Path) -> None:
    path = written(tmp_path, [{"resourceSpans": [{"scopeSpans": []}]}])
    with pytest.raises(BadFile, match=r"write one span per line \(jq -c '.resourceSpans"):
        read_trace(path)
