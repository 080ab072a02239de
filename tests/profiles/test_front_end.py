"""The HTTP front end: figures worked out by hand from laws made up for it, and the bounds that measurements set."""

from dataclasses import replace
from typing import Any

import pytest

from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.domain import FRONT_END, FrontEndCeiling, Kind, MaxTput, OperatingPoint, Slo
from melange_cloud.estimator.spec_files import load_calibrations, load_models
from melange_cloud.estimator.specs import FrontEnd
from melange_cloud.profiles import Profile, load_profiles
from melange_cloud.profiles.front_end import (
    FrontEndLimit,
    front_end_law,
    front_end_of,
    note_of,
    request_s,
    served_cells,
    served_max_tput,
)
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile

H100 = Kind("H100", 1)


def profile(gpu: str = "H100", model: str = "llama-3.1-8b", precision: str = "bf16", era: str = "2025") -> Profile:
    return load_profiles(model, precision, era, [gpu])[0][Kind(gpu, 1)]


def served(of: Profile, size: tuple[float, float], api_servers: int = 1, slo: Slo | None = None) -> MaxTput:
    answer = served_max_tput(of, size, slo or Slo(), api_servers=api_servers)
    assert isinstance(answer, MaxTput)
    return answer


def most(output_tokens: float, layers: int = 32, engine: str = "mean") -> float:
    """Requests/s that one server takes at most, from the numbers in calibration.toml."""
    law = load_calibrations()["H100", "2025", "fp16"].of_engine(engine).front_end
    prefill_s = law.per_prefill_s + layers * law.per_prefill_layer_s
    return 1 / (prefill_s + (output_tokens - 1) * law.per_request_s)


def test_the_law_knows_the_engine_and_the_layers_but_no_precision() -> None:
    for engine in ("mean", "vllm", "sglang", "tensorrt-llm"):
        assert front_end_law("2025", "bf16", engine) == front_end_law("2025", "fp8", engine)
    assert front_end_law("2025", "bf16") == front_end_law("2025", "bf16", "tensorrt-llm"), "it needs the most"
    assert front_end_law("vllm-0.2.7", "fp16") is None
    small, large = (profile(model=model, precision="fp8") for model in ("llama-3.1-8b", "qwen3-32b"))
    for of, layers in ((small, 32), (large, 64)):
        limit = front_end_of(of)
        assert limit is not None
        assert limit.most_requests_per_s(128) == pytest.approx(most(128, layers))


@pytest.mark.parametrize(
    ("model_layers", "precision", "served_per_s"),
    [
        (32, "bf16", 39.4),  # Llama-3.1-8B, TP 2, 1024/128 at 128 in flight, the most that was measured on H100
        (64, "fp8", 21.8),  # Qwen3-32B, TP 4, the same; on eight GPUs no more (21.7)
    ],
)
def test_tensorrt_llm_was_measured_close_to_what_the_law_lets_through(
    model_layers: int, precision: str, served_per_s: float
) -> None:
    assert served_per_s < most(128, model_layers, "tensorrt-llm") < 1.25 * served_per_s, precision


def test_other_engines_serve_more_than_tensorrt_llms_front_end_takes() -> None:
    """SGLang 0.5.6 served 85.9 requests/s of 1000/100 before one H200: aiconfigurator's silicon_sample.csv."""
    assert most(100, engine="tensorrt-llm") < 50 < most(100, engine="sglang") < 100
    assert most(100, engine="sglang") == pytest.approx(85.9, rel=0.06)


@pytest.mark.parametrize(
    ("law", "output_tokens", "requests_per_s"),
    [
        (FrontEnd(0.001, 2e-5, 0.02), 1, 50.0),  # 1 / 0.02
        (FrontEnd(0.001, 2e-5, 0.02), 251, 40.0),  # 1 / (0.02 + 250 x 0.00002 = 0.025)
        (FrontEnd(0.001, 2e-5, 0.004, 5e-4).of_layers(32), 251, 40.0),  # 0.004 + 32 x 0.0005 = 0.02
        (FrontEnd(0.001, 2e-5, 0.004, 5e-4).of_layers(64), 201, 25.0),  # 1 / (0.004 + 64 x 0.0005 + 200 x 0.00002)
    ],
)
def test_what_one_server_takes(law: FrontEnd, output_tokens: int, requests_per_s: float) -> None:
    assert 1 / request_s(law, output_tokens) == pytest.approx(requests_per_s)


def engine_with_five_ms_and_a_quarter_per_request(slo: Slo) -> MaxTput:
    """What it does at 101 output tokens, 100 steps: TPOT = 5 + b/4 ms, so b = 20 at 10 ms, 20/s."""
    decoding = 4 * (slo.tpot_ms - 5)
    return MaxTput(1000 * decoding / (100 * slo.tpot_ms), "B", 0.25, "estimated", "tpot")


def test_both_work_at_once_and_fourth_powers_add_to_a_steps_time() -> None:
    """Both need 10 ms with 20 requests, so together 10 x 2^(1/4) = 11.892 ms: 20 / (100 x 0.011892) = 16.818/s."""
    limit = FrontEndLimit(FrontEnd(0.0, 5e-4, 0.0), 1, "B", 0.25)
    ask = engine_with_five_ms_and_a_quarter_per_request
    behind = limit.within_target(ask, 101, Slo(tpot_ms=11.892))
    assert isinstance(behind, MaxTput)
    assert behind.requests_per_s == pytest.approx(16.818, rel=2e-3)
    assert ask(Slo(tpot_ms=11.892)).requests_per_s == pytest.approx(23.18, rel=1e-3), "what the engine alone does"
    two = limit.within_target(ask, 101, Slo(tpot_ms=10.153))
    assert isinstance(two, MaxTput)
    # Two servers need 5 ms: (10^4 + 5^4)^(1/4) = 10.153 ms.
    slower = FrontEndLimit(FrontEnd(0.0, 5e-4, 0.0), 2, "B", 0.25).within_target(ask, 101, Slo(tpot_ms=10.153))
    assert isinstance(slower, MaxTput)
    assert slower.requests_per_s == pytest.approx(20 / (100 * 0.010153), rel=2e-3)
    assert two.requests_per_s < slower.requests_per_s


def test_no_served_run_that_was_measured_did_two_percent_more_than_the_law() -> None:
    """By Little's law: as many requests as are in flight finish in the time that each takes."""
    checked = 0
    for row in load_measurements():
        law = front_end_law("2025", row.precision, row.source.engine)
        if row.table != "closed_loop" or row.gpu != "H100" or law is None:
            continue
        steps = row.size[1] - 1
        seconds = (row.known("ttft_ms") + steps * row.known("tpot_ms")) / 1000
        of_model = law[0].of_layers(load_models()[row.model].layers)
        assert row.known("concurrency") / seconds <= 1.02 / request_s(of_model, row.size[1]), row
        checked += 1
    assert checked > 300


def test_short_requests_on_an_h100_are_limited_by_the_front_end() -> None:
    of = profile()
    engine = of.max_tput(25, 25, Slo())
    assert isinstance(engine, MaxTput)
    assert engine.requests_per_s > 500
    one, two = served(of, (25, 25)), served(of, (25, 25), 2)
    assert (one.grade, one.error, one.origin, one.limited_by) == ("B", pytest.approx(0.2), "estimated", FRONT_END)
    assert one.requests_per_s == one.front_end_requests_per_s == pytest.approx(most(25))
    assert replace(one, front_end=None) == engine
    assert two.requests_per_s == 2 * one.requests_per_s
    assert served(of, (25, 25), 64).requests_per_s == engine.requests_per_s


@pytest.mark.parametrize("gpu", ["L4", "A10G", "A100-40GB", "A100-80GB", "H100"])
@pytest.mark.parametrize(
    ("model", "precision"), [("llama-3.1-8b", "bf16"), ("llama-3.1-8b", "fp8"), ("mistral-7b", "bf16")]
)
def test_no_gpu_does_more_than_its_front_end(gpu: str, model: str, precision: str) -> None:
    for kind, of in load_profiles(model, precision, gpus=[gpu])[0].items():
        for cell, engine in zip(served_cells(of), of.cells(), strict=True):
            if isinstance(cell.served, MaxTput):
                assert isinstance(engine.served, MaxTput)
                alone, ceiling = engine.served.requests_per_s, most(cell.output_tokens)
                assert cell.served.requests_per_s == pytest.approx(min(alone, ceiling)), kind
                assert (cell.served.limited_by == FRONT_END) == (alone > ceiling)
                assert cell.tpot_ms is None or engine.tpot_ms is None or cell.tpot_ms <= engine.tpot_ms


def test_what_the_front_end_does_not_limit_stays() -> None:
    of = profile()
    engine = of.max_tput(4000, 500, Slo(100))
    behind = served(of, (4000, 500), slo=Slo(100))
    assert isinstance(engine, MaxTput)
    ceiling = most(500)
    close: Any = pytest.approx(ceiling)
    assert behind.front_end == FrontEndCeiling(close, "B", 0.2)
    assert behind.requests_per_s == pytest.approx(engine.requests_per_s, rel=0.002)
    assert behind.requests_per_s < ceiling
    for name in ("grade", "error", "origin", "limited_by"):
        assert getattr(behind, name) == getattr(engine, name)


@pytest.mark.parametrize(
    ("engine", "grade", "error", "expected"),
    [
        (100.0, "D", 0.5, ("B", 0.25)),  # engine at least 50: only the front end's own error is left
        (40.0, "C", 0.3, ("C", 0.3)),  # engine at least 28 of 40, front end 30
        (60.0, "D", 0.5, ("D", 0.25)),  # both at least 30
    ],
)
def test_the_error_is_that_of_the_lower_low_end(
    engine: float, grade: str, error: float, expected: tuple[str, float]
) -> None:
    limit = FrontEndLimit(FrontEnd(0.0, 0.0, 1 / 40), 1, "B", 0.25)
    behind = limit.within(MaxTput(engine, grade, error, "estimated", "tpot"), 100)
    if engine == 40.0:
        assert (behind.grade, behind.error, behind.limited_by) == (*expected, "tpot")
    else:
        assert (behind.grade, behind.error, behind.limited_by) == (expected[0], pytest.approx(expected[1]), FRONT_END)
    assert behind.requests_per_s == 40
    # The better end is the front end's own limit; the worse one is what the error says.
    high: Any = behind.off_by(1)
    low: Any = behind.off_by(-1)
    assert high.requests_per_s == 40
    assert low.requests_per_s == pytest.approx(40 * (1 - behind.error))
    assert behind.times(10).requests_per_s == 40
    assert behind.times(0.2).requests_per_s == pytest.approx(engine * 0.2)
    slower = limit.within(MaxTput(36.0, "C", 0.3, "estimated", "tpot"), 100)
    assert slower.requests_per_s == 36
    high = slower.off_by(1)
    assert high.requests_per_s == 40
    assert (slower.times(1.3).limited_by, slower.times(1.1).limited_by) == (FRONT_END, "tpot")


def test_where_it_was_not_fitted_it_is_borrowed() -> None:
    assert [(limit.grade, limit.error) for gpu in ("H100", "A10G") if (limit := front_end_of(profile(gpu)))] == [
        ("B", 0.2),
        ("D", 0.5),
    ]


def test_the_papers_era_holds_its_server_already() -> None:
    of = profile("H100", "llama-2-7b", "fp16", "vllm-0.2.7")
    assert front_end_of(of) is None
    assert served(of, (25, 25)) == of.max_tput(25, 25, Slo())
    assert served_cells(of) == of.cells()


def measured(*points: OperatingPoint) -> PinnedProfile:
    of = profile()
    estimate: Any = of.estimate if isinstance(of, PinnedProfile) else of
    by_size = {(point.input_tokens, point.output_tokens): (point,) for point in points}
    own = MeasuredProfile(estimate.table, H100, measured=by_size)
    return PinnedProfile(estimate.table, H100, estimate=estimate, measured=own)


def test_what_users_measured_is_never_cut_and_shows_how_fast_their_front_end_is() -> None:
    """90 requests/s at 25 output tokens are about two servers of the law."""
    of = measured(OperatingPoint(25, 25, None, 90.0, 9.0, 40.0, "measured", "A", 0.1))
    here = served(of, (25, 25))
    assert (here.requests_per_s, here.origin, here.grade) == (90.0, "measured", "A")
    limit = front_end_of(of)
    assert limit is not None
    assert limit.servers == pytest.approx(90 / most(25))
    assert served(of, (250, 100)).requests_per_s == pytest.approx(90 / most(25) * most(100))
    assert most(256) < served(of, (136, 256)).requests_per_s < 90 / most(25) * most(256)
    assert served(of, (250, 25), 4).requests_per_s > served(of, (250, 25)).requests_per_s == pytest.approx(90.0)
    assert "times what one API server takes" in note_of(of)
    assert note_of(of, 3) == note_of(profile()) == ""


def test_a_slow_measurement_does_not_slow_the_front_end_down() -> None:
    of = measured(OperatingPoint(1000, 1000, None, 5.0, 30.0, 100.0, "measured", "A", 0.1))
    assert served(of, (25, 25)).requests_per_s == pytest.approx(most(25))
    assert served(of, (1000, 1000)).requests_per_s == 5.0
