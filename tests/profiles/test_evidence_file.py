"""Files of measured rows: what is read, what is refused, and which rows are held out."""

import hashlib
from pathlib import Path

import pytest

from melange_cloud.domain.evidence import MeasuredRow
from melange_cloud.errors import BadFile
from melange_cloud.estimator.spec_files import load_models
from melange_cloud.profiles.evidence.evidence_file import load_evidence, read_evidence
from melange_cloud.profiles.evidence.hold_out import hold_out_key, is_held_out
from melange_cloud.profiles.evidence.measurement_sources import load_sources

ROW = {
    "source_url": "https://example.org/run",
    "date": "2026-10-01",
    "licence": "CC0",
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "weights_precision": "bf16",
    "gpu": "L4",
    "tp": "1",
    "engine": "vLLM",
    "engine_version": "0.29.0",
    "input_tokens_mean": "1024",
    "output_tokens_mean": "127.5",
    "arrival": "closed",
    "concurrency": "16",
    "tpot_mean_ms": "71.5",
    "ttft_mean_ms": "800",
}


def written(path: Path, *rows: dict[str, str]) -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path, *rows: dict[str, str]) -> list[MeasuredRow]:
    return [row for _, row in read_evidence(written(path / "rows.csv", *rows), load_sources(), load_models())]


def faults(path: Path, *rows: dict[str, str]) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(BadFile) as raised:
        read(path, *rows)
    return [(fault.line, fault.field, f"{fault.what}: {fault.cure}") for fault in raised.value.faults]


def test_a_row_keeps_every_figure_and_knows_nothing_else(tmp_path: Path) -> None:
    (row,) = read(tmp_path, ROW)
    assert (row.model, row.gpu, row.tp, row.weights_precision) == ("llama-3.1-8b", "L4", 1, "bf16")
    assert (row.input_tokens_mean, row.output_tokens_mean, row.concurrency) == (1024, 127.5, 16)
    assert (row.tpot_mean_ms, row.ttft_mean_ms, row.tpot_p50_ms) == (71.5, 800, None)
    assert (row.engine, row.engine_version, row.kv_precision, row.max_num_seqs) == ("vLLM", "0.29.0", None, None)
    assert (row.cuda_graphs, row.power_limit_w, row.gpu_only, row.doubt) == (None, None, False, None)


@pytest.mark.parametrize("column", ["engine", "weights_precision", "input_tokens_mean", "output_tokens_mean"])
def test_a_row_without_engine_precision_or_lengths_is_refused(tmp_path: Path, column: str) -> None:
    found = faults(tmp_path, ROW, {**ROW, "concurrency": "8", column: ""})
    assert [(line, field) for line, field, _ in found] == [(3, column)]
    assert "fill it in, or leave the row out" in found[0][2]
    without = {name: value for name, value in ROW.items() if name != column}
    found = faults(tmp_path, without, {**without, "concurrency": "8"})
    assert found == [(1, "header", f"column {column} is missing: add it")]


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("model", "gpt-5", "unknown 'gpt-5'"),
        ("gpu", "L40S", "unknown 'L40S'"),
        ("tp", "3", "use 1, 2, 4, 8"),
        ("weights_precision", "int4", "use bf16, fp16, fp8"),
        ("engine", "vllm", "did you mean"),
        ("arrival", "steady", "use closed, poisson, burst, static"),
        ("input_tokens_mean", "-5", "is negative"),
        ("output_tokens_mean", "nan", "is not a number"),
        ("tpot_mean_ms", "0", "is zero"),
        ("concurrency", "1.5", "whole number"),
        ("concurrency", "", "is missing, but arrival is closed"),
        ("date", "2026-13-01", "date"),
        ("licence", "", "say where the row comes from"),
        ("gpu_only", "yes", "use true, false"),
        ("source", "nobody", "unknown 'nobody'"),
        ("max_num_seqs", "1e400", "whole number"),
        ("prompts_shared_fraction", "60", "from 0 to 1"),
        ("held_out", "true", "the rule says false"),
        ("tpot_ms", "3", "unknown column 'tpot_ms'"),
    ],
)
def test_what_cannot_be_right_is_named_with_line_field_and_cure(
    tmp_path: Path, column: str, value: str, what: str
) -> None:
    found = faults(tmp_path, {**ROW, "concurrency": "2"}, {**ROW, column: value})
    assert len(found) == 1, found
    line, field, text = found[0]
    assert (line, field) == ((1, "header") if column == "tpot_ms" else (3, column))
    assert what in text


def test_ones_own_runs_need_a_name_instead_of_an_address(tmp_path: Path) -> None:
    own = {name: value for name, value in ROW.items() if name != "source_url"}
    what = "column source_url is missing: add it, or submitter if you measured it yourself"
    assert faults(tmp_path, own, {**own, "concurrency": "8"}) == [(1, "header", what)]
    (row,) = read(tmp_path, {**own, "submitter": "A. Person"})
    assert (row.submitter, row.source_url) == ("A. Person", None)


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    found = faults(tmp_path, {**ROW, "gpu": "", "tp": "7"}, {**ROW, "engine": "", "arrival": "poisson"})
    assert [(line, field) for line, field, _ in found] == [(2, "gpu"), (2, "tp"), (3, "engine"), (3, "rate_asked")]


def test_a_row_without_any_figure_or_twice_is_refused(tmp_path: Path) -> None:
    nothing = {**ROW, "tpot_mean_ms": "", "ttft_mean_ms": ""}
    assert "and so are all other figures" in faults(tmp_path, ROW, nothing)[0][2]
    assert faults(tmp_path, ROW, ROW)[0][:2] == (3, "model")


def test_a_source_fills_in_what_holds_for_all_of_its_rows(tmp_path: Path) -> None:
    """ree2raz ran SGLang without CUDA graphs; sources.toml says so once."""
    cited = {name: value for name, value in ROW.items() if name not in ("source_url", "date", "licence", "engine")}
    cited.pop("engine_version")
    (row,) = read(tmp_path, {**cited, "source": "ree2raz-sglang-0.4.6"})
    assert (row.engine, row.engine_version, row.cuda_graphs, row.licence) == ("SGLang", "0.4.6", False, "Apache-2.0")
    assert row.max_num_seqs is None, "a limit that we assume is not one that the row states"
    assert not row.held_out


def test_times_of_a_gpu_alone_name_their_library(tmp_path: Path) -> None:
    (row,) = read(
        tmp_path, {**ROW, "engine": "torch", "engine_version": "2.9", "arrival": "static", "gpu_only": "true"}
    )
    assert row.gpu_only
    assert not row.enters_fits
    assert not row.held_out


def test_a_third_is_held_out_by_the_hash_of_what_was_measured(tmp_path: Path) -> None:
    """The rule as it is published: the SHA-256 of ``model|gpu|tp|precision|engine|input/output``, divisible by 3."""
    rows = [{**ROW, "input_tokens_mean": str(size), "concurrency": load} for size in range(1, 301) for load in "12"]
    found = read(tmp_path, *rows)
    for row in found:
        text = f"llama-3.1-8b|L4|1|bf16|vLLM|{row.input_tokens_mean:.0f}/128"
        assert row.held_out == (int(hashlib.sha256(text.encode()).hexdigest(), 16) % 3 == 0)
        assert row.enters_fits != row.held_out
    fates = {row.input_tokens_mean: row.held_out for row in found}
    assert all(row.held_out == fates[row.input_tokens_mean] for row in found), "all loads of a size share their fate"
    assert 80 <= sum(fates.values()) <= 120
    key = hold_out_key("llama-3.1-8b", "L4", 1, "bf16", "vLLM", (1024, 128))
    assert key == "llama-3.1-8b|L4|1|bf16|vLLM|1024/128"
    assert not is_held_out(key)


def test_the_shipped_rows_say_who_measured_what_with_which_engine() -> None:
    rows = load_evidence()
    assert len(rows) >= 965 + 80
    for row in rows:
        assert (row.source or "") in load_sources()
        assert row.engine
        assert row.licence
        assert (row.source_url or "").startswith("https://")
    doubted = [row for row in rows if row.doubt]
    assert not any(row.enters_fits for row in doubted)
    assert {row.source for row in doubted} >= {"llmperf-tgi-2.0.4", "yobitel-vllm-0.21"}
    assert len({row.source for row in rows}) == len(load_sources())
