"""What tells requests apart: models, --where, failures, and times under names that nobody knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.errors import BadFile, BadInput
from melange_cloud.workload import ColumnChoice, Trace, read_trace
from tests.workload.test_time_units import WRITERS, Row, as_csv, as_json_lines


def rows_of(models: list[Any], column: str = "model", **more: Any) -> list[Row]:
    return [{column: model, "input_tokens": at + 1, "output_tokens": 1, **more} for at, model in enumerate(models)]


def read(rows: list[Row], folder: Path, write=as_json_lines, *where: str) -> Trace:
    write(rows, folder / "log")
    return read_trace(folder / "log", ColumnChoice(where=where))


TWO = ["gpt-4o"] * 3 + ["llama"] * 1


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("column", ["model", "Model", "modelId", "model_group"])
def test_two_models_are_not_mixed_in_silence(tmp_path: Path, write, column: str) -> None:
    rows = rows_of(TWO * 500, column)
    with pytest.raises(BadInput) as caught:
        read(rows, tmp_path, write)
    assert str(caught.value) == (
        f"2 models in one log, by {column}: gpt-4o (75 %), llama (25 %); choose one with --where {column}=NAME, or "
        f"count them as one with --where '{column}=*'"
    )
    one = read(rows, tmp_path, write, f"{column}=llama")
    assert (one.requests, one.tally.input_values.total) == (500, sum(range(4, 2001, 4)))
    assert f"only rows with {column}=llama: 500 of 2,000" in one.notes
    assert read(rows, tmp_path, write, f"{column}=*").requests == 2000
    assert read(rows, tmp_path, write, f"{column}=llama", f"{column}=gpt-4o").requests == 2000


def test_a_model_that_comes_late_is_seen(tmp_path: Path) -> None:
    rows = rows_of(["gpt-4o"] * 5000 + ["llama"])
    for write in WRITERS:
        with pytest.raises(BadInput, match="2 models in one log"):
            read(rows, tmp_path, write)


def test_one_model_needs_nothing(tmp_path: Path) -> None:
    for write in WRITERS:
        assert read(rows_of(["llama"] * 4), tmp_path, write).requests == 4
    assert read(rows_of(["llama", None, ""]), tmp_path).requests == 3


def test_models_are_counted_over_all_files(tmp_path: Path) -> None:
    for at, model in enumerate(("one", "two")):
        as_csv(rows_of([model]), tmp_path / f"part-{at}.csv")
    with pytest.raises(BadInput, match=r"2 models in one log, by model: one \(50 %\), two \(50 %\)"):
        read_trace(str(tmp_path / "part-*.csv"))


@pytest.mark.parametrize("write", WRITERS)
def test_columns_of_where_must_all_match(tmp_path: Path, write) -> None:
    rows = [
        {"model": model, "team": team, "status": status, "input_tokens": 5, "output_tokens": 5}
        for model in ("a", "b")
        for team in ("x", "y", "z")
        for status in (200, 500)
    ]
    assert read(rows, tmp_path, write, "model=a", "team=x", "team=y", "status=200").requests == 2
    with pytest.raises(BadFile, match="has no requests"):
        read([rows[0], rows[-1]], tmp_path, write, "model=a", "team=z")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("model=lama", "--where model=lama: no row has this value; did you mean llama?"),
        ("model=LLAMA", "no row has this value; did you mean"),
        ("modle=llama", "column modle of --where not found: did you mean model?"),
        ("model", "--where model: write COLUMN=VALUE"),
        ("=x", "write COLUMN=VALUE"),
    ],
)
def test_what_is_not_there_is_refused_with_what_may_be_meant(tmp_path: Path, where: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(rows_of(TWO), tmp_path, as_json_lines, where)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_rows_that_are_not_asked_for_may_be_unreadable(tmp_path: Path) -> None:
    rows = [*rows_of(TWO), {"model": "llama", "input_tokens": None, "output_tokens": 1}]
    for write in WRITERS:
        trace = read(rows, tmp_path, write, "model=gpt-4o")
        assert (trace.requests, trace.unreadable) == (3, 0)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [("status", 200, 503), ("status_code", "200", "429"), ("status", "success", "failure"), ("error", "", "timed out")],
)
def test_failed_requests_are_said_and_can_be_left_out(tmp_path: Path, write, column, good, bad) -> None:
    rows = rows_of(["llama"] * 4)
    for at, row in enumerate(rows):
        row[column] = bad if at == 1 else good
    trace = read(rows, tmp_path, write)
    assert trace.requests == 4
    assert any(note.startswith(f"1 of 4 requests failed (see {column}) but count as traffic") for note in trace.notes)
    if good:
        assert read(rows, tmp_path, write, f"{column}={good}").requests == 3


def test_errors_inside_records_are_failures(tmp_path: Path) -> None:
    failed = {"model": "llama", "input_tokens": 5, "output_tokens": 0, "error": {"type": "overloaded", "code": 529}}
    trace = read([*rows_of(["llama"] * 3), failed], tmp_path)
    assert (trace.requests, trace.unreadable) == (4, 0)
    assert any(note.startswith("1 of 4 requests failed (see error.type)") for note in trace.notes)


def test_a_log_without_failures_says_nothing(tmp_path: Path) -> None:
    assert read(rows_of(["llama"] * 4, status=200, error=None), tmp_path).notes == ()


@pytest.mark.parametrize("write", WRITERS)
def test_litellm_spend_logs(tmp_path: Path, write) -> None:
    rows = [
        {
            "request_id": f"r{at}",
            "startTime": f"2026-05-01T00:{at:02}:00.500000+00:00",
            "endTime": f"2026-05-01T00:{at:02}:09.500000+00:00",
            "model": "llama",
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "total_tokens": 107,
        }
        for at in range(10)
    ]
    trace = read(rows, tmp_path, write)
    assert (trace.requests, trace.dated) == (10, "2026-05-01")
    assert "time startTime (ISO 8601" in trace.taken[tmp_path / "log"]
    assert trace.arrival_rates is not None


def test_otlp_spans_with_nanoseconds(tmp_path: Path) -> None:
    spans = [
        {
            "startTimeUnixNano": str(1_777_593_600_000_000_000 + at * 30_000_000_000),
            "endTimeUnixNano": str(1_777_593_609_000_000_000 + at * 30_000_000_000),
            "attributes": [
                {"key": "gen_ai.request.model", "value": {"stringValue": "ab"[at % 2]}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "10"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "5"}},
            ],
        }
        for at in range(6)
    ]
    trace = read(spans, tmp_path, as_json_lines, "attributes.gen_ai.request.model=a")
    assert (trace.requests, trace.dated) == (3, "2026-05-01")
    assert (trace.tally.by_second.least, trace.tally.by_second.most) == (1_777_593_600, 1_777_593_720)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "values",
    [
        [f"2026-05-01T00:{at:02}:00Z" for at in range(5)],
        [1_777_593_600 + at for at in range(5)],
        [1_777_593_600_123_456_789 + at for at in range(5)],
        [str(1_777_593_600_123_456_789 + at) for at in range(5)],
    ],
)
def test_a_column_that_looks_like_times_is_hinted_at(tmp_path: Path, write, values: list[Any]) -> None:
    rows = [{"begun": value, "input_tokens": 5, "output_tokens": 5} for value in values]
    trace = read(rows, tmp_path, write)
    assert trace.arrival_rates is None
    assert trace.notes == (
        "log: no arrival rates: no column of times found. If begun has them, use --time-column begun",
    )
    assert read_trace(tmp_path / "log", ColumnChoice(time_column="begun")).dated == "2026-05-01"
    assert read_trace(tmp_path / "log", ColumnChoice(ignore_times=True)).notes == ()


@pytest.mark.parametrize("write", WRITERS)
def test_days_are_too_coarse_for_rates(tmp_path: Path, write) -> None:
    rows = [{"timestamp": f"2026-05-0{at + 1}", "input_tokens": 5, "output_tokens": 5} for at in range(5)]
    trace = read(rows, tmp_path, write)
    assert trace.arrival_rates is None
    assert "timestamp has days without a time of day" in trace.notes[0]
    with pytest.raises(BadFile, match="has days without a time of day"):
        read_trace(tmp_path / "log", ColumnChoice(time_column="timestamp"))


def test_values_compare_as_texts_in_every_format(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    records = [{"shard": shard, "input_tokens": 5, "output_tokens": 5} for shard in (1, "1", 1.0, True, "true", None)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert read_trace(path, ColumnChoice(where=("shard=1",))).requests == 3
    assert read_trace(path, ColumnChoice(where=("shard=true",))).requests == 2


@pytest.mark.parametrize(
    "name",
    [
        "modelDeploymentName",
        "metadata.model",
        "payload.model",
        "model.id",
        "request.metadata.modelId",
        "engine",
        "llm",
        "azure_deployment",
        "deployment.name",
    ],
)
def test_models_are_told_apart_under_any_name(tmp_path: Path, name: str) -> None:
    def record(model: str) -> dict[str, Any]:
        value: object = model
        for part in reversed(name.split(".")):
            value = {part: value}
        assert isinstance(value, dict)
        return {"input_tokens": 70, "output_tokens": 10, **value}

    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(record(model)) + "\n" for model in ("a", "a", "b")), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"2 models in one log, by {name}: a \(67 %\), b \(33 %\)"):
        read_trace(path)
    assert read_trace(path, ColumnChoice(where=(f"{name}=b",))).requests == 1
    path.write_text(json.dumps(record("a")) + "\n", encoding="utf-8")
    assert read_trace(path).requests == 1


def test_a_value_that_no_row_has_is_named_though_a_line_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    record = {"model": "a", "input_tokens": 70, "output_tokens": 10}
    path.write_text(json.dumps(record) + "\n{broken\n" + json.dumps(record) + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match="--where model=c: no row has this value"):
        read_trace(path, ColumnChoice(where=("model=c",)))
