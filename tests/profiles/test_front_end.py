"""The HTTP front end: figures worked out by hand from the law in calibration.toml, s of a server per request."""

from dataclasses import replace
from typing import Any

import pytest

from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.domain import FRONT_END, FrontEndCeiling, Kind, MaxTput, OperatingPoint, Slo
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

LAW_16_BIT = FrontEnd(step_s=0.00149, per_request_s=2.14e-5, per_prefill_s=0.0217)
LAW_FP8 = FrontEnd(step_s=0.00361, per_request_s=4.92e-5, per_prefill_s=0.0353)
H100 = Kind("H100", 1)


def profile(gpu: str = "H100", model: str = "llama-3.1-8b", precision: str = "bf16", era: str = "2025") -> Profile:
    return load_profiles(model, precision, era, [gpu])[0][Kind(gpu, 1)]


def served(of: Profile, size: tuple[float, float], api_servers: int = 1, slo: Slo | None = None) -> MaxTput:
    answer = served_max_tput(of, size, slo or Slo(), api_servers=api_servers)
    assert isinstance(answer, MaxTput)
    return answer


def test_the_law_is_the_calibrations_by_precision() -> None:
    assert front_end_law("2025", "bf16") == front_end_law("2025", "fp16") == (LAW_16_BIT, "H100")
    assert front_end_law("2025", "fp8") == (LAW_FP8, "H100")
    assert front_end_law("vllm-0.2.7", "fp16") is None


@pytest.mark.parametrize(
    ("law", "output_tokens", "requests_per_s"),
    [
        (LAW_16_BIT, 1, 46.08),  # 1 / 0.0217
        (LAW_16_BIT, 25, 45.02),  # 1 / (0.0217 + 24 x 0.0000214 = 0.0222136)
        (LAW_16_BIT, 256, 36.82),  # 1 / (0.0217 + 255 x 0.0000214 = 0.027157)
        (LAW_FP8, 1, 28.33),  # 1 / 0.0353
        (LAW_FP8, 256, 20.90),  # 1 / (0.0353 + 255 x 0.0000492 = 0.047846)
    ],
)
def test_what_one_server_takes(law: FrontEnd, output_tokens: int, requests_per_s: float) -> None:
    assert 1 / request_s(law, output_tokens) == pytest.approx(requests_per_s, abs=0.005)


def test_no_served_run_that_was_measured_did_more_than_the_law() -> None:
    """By Little's law: as many requests as are in flight finish in the time that each takes."""
    checked = 0
    for row in load_measurements():
        law = front_end_law("2025", row.precision)
        if row.table != "closed_loop" or law is None:
            continue
        steps = row.size[1] - 1
        seconds = (row.known("ttft_ms") + steps * row.known("tpot_ms")) / 1000
        assert row.known("concurrency") / seconds <= 1 / request_s(law[0], row.size[1]), row
        checked += 1
    assert checked > 300


def test_short_requests_on_an_h100_are_limited_by_the_front_end() -> None:
    of = profile()
    engine = of.max_tput(25, 25, Slo())
    assert isinstance(engine, MaxTput)
    assert engine.requests_per_s > 500
    one, two = served(of, (25, 25)), served(of, (25, 25), 2)
    assert (one.grade, one.error, one.origin, one.limited_by) == ("B", pytest.approx(0.25), "estimated", FRONT_END)
    assert one.requests_per_s == one.front_end_requests_per_s == pytest.approx(45.02, abs=0.005)
    assert replace(one, front_end=None) == engine
    assert two.requests_per_s == 2 * one.requests_per_s
    assert served(of, (25, 25), 64).requests_per_s == engine.requests_per_s


@pytest.mark.parametrize("gpu", ["L4", "A10G", "A100-40GB", "A100-80GB", "H100"])
@pytest.mark.parametrize(
    ("model", "precision"), [("llama-3.1-8b", "bf16"), ("llama-3.1-8b", "fp8"), ("mistral-7b", "bf16")]
)
def test_no_gpu_does_more_than_its_front_end(gpu: str, model: str, precision: str) -> None:
    for kind, of in load_profiles(model, precision, gpus=[gpu])[0].items():
        law = LAW_FP8 if precision == "fp8" else LAW_16_BIT
        for cell, engine in zip(served_cells(of), of.cells(), strict=True):
            if isinstance(cell.served, MaxTput):
                assert isinstance(engine.served, MaxTput)
                most = 1 / (law.per_prefill_s + (cell.output_tokens - 1) * law.per_request_s)
                assert cell.served.requests_per_s == pytest.approx(min(engine.served.requests_per_s, most)), kind
                assert (cell.served.limited_by == FRONT_END) == (engine.served.requests_per_s > most)
                assert cell.tpot_ms is None or engine.tpot_ms is None or cell.tpot_ms <= engine.tpot_ms


def test_what_the_front_end_does_not_limit_stays() -> None:
    of = profile()
    engine = of.max_tput(4000, 500, Slo(100))
    behind = served(of, (4000, 500), slo=Slo(100))
    assert isinstance(engine, MaxTput)
    most = 1 / (0.0217 + 499 * 2.14e-5)
    close: Any = pytest.approx(most)
    assert behind.front_end == FrontEndCeiling(close, "B", 0.25)
    assert behind.requests_per_s == engine.requests_per_s < most
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
        ("B", 0.25),
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
    """90 requests/s at 25 output tokens are nearly two servers of the law, at 45.017 each."""
    of = measured(OperatingPoint(25, 25, None, 90.0, 9.0, 40.0, "measured", "A", 0.1))
    here = served(of, (25, 25))
    assert (here.requests_per_s, here.origin, here.grade) == (90.0, "measured", "A")
    assert served(of, (250, 100)).requests_per_s == pytest.approx(
        90 / 45.017 * 41.985, abs=0.01
    )  # 0.0217 + 99 x 0.0000214 s
    assert 36.82 < served(of, (136, 256)).requests_per_s < 2 * 36.82  # the engine's limit
    assert served(of, (250, 25), 4).requests_per_s > served(of, (250, 25)).requests_per_s == pytest.approx(90.0)
    assert "2 times what one API server takes" in note_of(of)
    assert note_of(of, 2) == note_of(profile()) == ""


def test_a_slow_measurement_does_not_slow_the_front_end_down() -> None:
    of = measured(OperatingPoint(1000, 1000, None, 5.0, 30.0, 100.0, "measured", "A", 0.1))
    assert served(of, (25, 25)).requests_per_s == pytest.approx(45.02, abs=0.005)
    assert served(of, (1000, 1000)).requests_per_s == 5.0
