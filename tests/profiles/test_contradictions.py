"""Where measured rows contradict each other."""

import pytest

from melange_cloud.domain.evidence import Contradiction, MeasuredRow
from melange_cloud.profiles.evidence.contradictions import contradictions
from melange_cloud.profiles.evidence.evidence_list import evidence_list
from tests.report.evidence_rows import measured


def only(*rows: MeasuredRow) -> Contradiction:
    (found,) = contradictions(rows)
    return found


def test_two_sources_of_one_version_contradict_each_other() -> None:
    found = only(measured("one", "0.12.0", 60.0), measured("two", "0.12.0", 75.0))
    assert (found.between, found.measure, found.ratio) == ("sources", "tpot_ms", 1.25)
    assert [(figure.source, figure.lowest, figure.rows) for figure in found.figures] == [("one", 60, 1), ("two", 75, 1)]
    assert (found.input_tokens, found.output_tokens, found.arrival, found.load) == (1024, 128, "closed", 16)


def test_engines_and_versions_that_disagree_are_distinguished() -> None:
    base = measured("one", "0.12.0", 60.0)
    assert only(base, measured("two", "0.29.0", 75.0)).between == "versions"
    assert only(base, measured("two", "0.5.8", 75.0, engine="SGLang")).between == "engines"
    assert only(base, measured("one", "0.29.0", 75.0)).between == "versions"


def test_what_a_source_itself_differs_by_is_no_contradiction() -> None:
    spread = [measured("one", "0.12.0", tpot_ms) for tpot_ms in (60.0, 72.0)]
    assert contradictions([*spread, measured("two", "0.12.0", 75.0)]) == []
    assert contradictions([*spread, measured("two", "0.12.0", 80.0)]) == []  # 11 % above 72; its own are 20 % apart
    found = only(*spread, measured("two", "0.12.0", 90.0))  # 25 % above
    assert found.ratio == 1.5
    assert [(figure.lowest, figure.highest, figure.rows) for figure in found.figures] == [(60, 72, 2), (90, 90, 1)]
    assert contradictions([measured("one", "0.12.0", 60.0), measured("two", "0.12.0", 62.9)]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"model": "qwen2.5-7b"},
        {"gpu": "A10G"},
        {"tp": 2},
        {"weights_precision": "fp8"},
        {"kv_precision": "fp8"},
        {"concurrency": 17},
        {"arrival": "poisson", "rate_asked": 16.0},
        {"input_tokens_mean": 1080.0},
        {"output_tokens_mean": 121.0},
        {"prompts_shared_fraction": 1.0},
        {"gpu_only": True},
    ],
)
def test_other_things_are_not_compared(change: dict[str, object]) -> None:
    one, two = measured("one", "0.12.0", 60.0), measured("two", "0.12.0", 75.0)
    assert contradictions([one, two]) != []
    assert contradictions([one, measured("two", "0.12.0", 75.0, **change)]) == []


def test_sixteen_bits_are_sixteen_bits_and_near_sizes_the_same() -> None:
    near = measured("two", "0.12.0", 75.0, weights_precision="fp16", kv_precision="fp16", input_tokens_mean=1060.0)
    assert only(measured("one", "0.12.0", 60.0), near).ratio == 1.25


def test_one_request_at_a_time_is_compared_over_sizes_of_nearly_one_context() -> None:
    one = measured("one", "0.7.3", 7.74, concurrency=1, input_tokens_mean=236.0, output_tokens_mean=347.0)
    near = measured("two", "0.21.0", 6.48, concurrency=1, input_tokens_mean=45.0, output_tokens_mean=128.0)
    far = measured("two", "0.21.0", 6.48, concurrency=1, input_tokens_mean=1024.0, output_tokens_mean=1024.0)
    assert only(one, near).ratio == pytest.approx(7.74 / 6.48)
    assert contradictions([one, far]) == []


def test_rows_of_a_file_are_compared_with_the_shipped_ones_and_only_they() -> None:
    shipped = [measured("a", "1", 10.0), measured("b", "1", 20.0), measured("c", "1", 10.0, gpu="A10G")]
    assert contradictions([], among=shipped) == []
    (found,) = contradictions([measured("mine", "1", 30.0, gpu="A10G")], among=shipped)
    assert [figure.source for figure in found.figures] == ["c", "mine"]


def test_the_shipped_rows_contradict_each_other_where_the_sources_say_so() -> None:
    """Qwen3-32B at 4096/128 on eight H100, 128 in flight: SGLang 60.88 ms per token, vLLM 0.12 99.07 ms."""
    found = evidence_list(["H100"]).contradictions
    assert [each.ratio for each in found] == sorted((each.ratio for each in found), reverse=True)
    worst = found[0]
    assert (worst.model, worst.tp, worst.load, worst.between) == ("qwen3-32b", 8, 128, "engines")
    assert [(figure.engine, figure.lowest) for figure in worst.figures] == [("SGLang", 60.88), ("vLLM", 99.07)]
    assert worst.ratio == pytest.approx(99.07 / 60.88)
