"""The HTTP front end: figures worked out by hand from laws made up for it, and the bounds that measurements set."""

import math
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest

from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.domain import FRONT_END, FrontEndCeiling, Kind, MaxTput, OperatingPoint, Slo, row_load
from melange_cloud.estimator.spec_files import load_calibrations, load_models
from melange_cloud.estimator.specs import FrontEnd
from melange_cloud.profiles import Profile, load_profiles
from melange_cloud.profiles.estimates.estimate_table import EstimateTable
from melange_cloud.profiles.front_end import (
    FrontEndLimit,
    front_end_law,
    front_end_of,
    note_of,
    request_s,
)
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from melange_cloud.profiles.points import BestRate, Point, best_within
from melange_cloud.profiles.served_profile import served_max_tput, served_profile
from tests.estimates_by_hand import HandReplica, HandServer

H100 = Kind("H100", 1)


def profile(gpu: str = "H100", model: str = "llama-3.1-8b", precision: str = "bf16", era: str = "2025") -> Profile:
    return load_profiles(model, precision, era, [gpu])[0][Kind(gpu, 1)]


def estimate(gpu: str = "H100", model: str = "llama-3.1-8b", precision: str = "bf16") -> Any:
    of = profile(gpu, model, precision)
    return of.estimate if isinstance(of, PinnedProfile) else of


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
    mean, slowest = front_end_law("2025", "bf16"), front_end_law("2025", "bf16", "tensorrt-llm")
    assert mean is not None
    assert slowest is not None
    assert (mean.law, mean.fitted_on) == (slowest.law, slowest.fitted_on), "it needs the most"
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


FIVE_MS_AND_A_QUARTER_PER_REQUEST = [
    Point(5 + b / 4, 1000 * b / (100 * (5 + b / 4)), math.inf, 100 * (5 + b / 4)) for b in range(1, 65)
]
"""An engine at 101 output tokens, 100 steps: TPOT = 5 + b/4 ms, so b = 20 at 10 ms, 20/s."""


@pytest.mark.parametrize(
    ("servers", "target_ms", "requests_per_s"),
    [
        # Both need 10 ms with 20 requests, so together 10 x 2^(1/4) = 11.892 ms: 20 / (100 x 0.011892) = 16.818/s.
        (1, 11.892072, 16.818),
        # Two servers need 5 ms: (10^4 + 5^4)^(1/4) = 10.153 ms, 20 / (100 x 0.010153) = 19.698/s.
        (2, 10.152950, 19.698),
        # 64 requests keep a server busy for 32 ms and the engine for 21: (32^4 + 21^4)^(1/4) = 33.390 ms, 19.167/s.
        (1, math.inf, 19.167),
    ],
)
def test_both_work_at_once_and_fourth_powers_add_to_a_steps_time(
    servers: int, target_ms: float, requests_per_s: float
) -> None:
    limit = FrontEndLimit(FrontEnd(0.0, 5e-4, 0.0), servers, "B", 0.25)
    slowed = limit.slowed(FIVE_MS_AND_A_QUARTER_PER_REQUEST, 101)
    found = best_within(slowed, Slo(tpot_ms=target_ms))
    assert isinstance(found, BestRate)
    assert found.requests_per_s == pytest.approx(requests_per_s, rel=1e-4)
    for before, behind in zip(FIVE_MS_AND_A_QUARTER_PER_REQUEST, slowed, strict=True):
        assert behind.in_flight == pytest.approx(before.in_flight), "Little's law holds"


def test_no_served_run_that_was_measured_did_two_percent_more_than_the_law() -> None:
    """By Little's law: as many requests as are in flight finish in the time that each takes."""
    checked = 0
    for row in load_measurements():
        law = front_end_law("2025", row.precision, row.source.engine)
        if row.table != "closed_loop" or row.gpu != "H100" or law is None:
            continue
        steps = row.size[1] - 1
        seconds = (row.known("ttft_ms") + steps * row.known("tpot_ms")) / 1000
        of_model = law.law.of_layers(load_models()[row.model].layers)
        assert row.known("concurrency") / seconds <= 1.02 / request_s(of_model, row.size[1]), row
        checked += 1
    assert checked > 300


def test_short_requests_on_an_h100_are_limited_by_the_front_end() -> None:
    of = profile()
    engine = of.max_tput(25, 25, Slo())
    assert isinstance(engine, MaxTput)
    assert engine.requests_per_s > 500
    one, two = served(of, (25, 25)), served(of, (25, 25), 2)
    assert (one.grade, one.error_down, one.origin, one.limited_by) == ("B", pytest.approx(0.2), "estimated", FRONT_END)
    _, by_hand = HandServer(HandReplica("llama-3.1-8b", "H100")).served(25, 25, math.inf)
    assert one.requests_per_s == one.front_end_requests_per_s == pytest.approx(by_hand, rel=1e-4)
    assert 0.99 * most(25) < by_hand < most(25), "the part per step fades"
    assert replace(one, front_end=None) == engine
    for servers, answer in ((2, two), (64, served(of, (25, 25), 64))):
        by_hand = min(HandServer(HandReplica("llama-3.1-8b", "H100"), servers).served(25, 25, math.inf))
        assert answer.requests_per_s == pytest.approx(by_hand, rel=1e-4)
    assert 0.99 * 2 < two.requests_per_s / one.requests_per_s < 2


@pytest.mark.parametrize("gpu", ["L4", "A10G", "A100-40GB", "A100-80GB", "H100"])
@pytest.mark.parametrize(
    ("model", "precision"), [("llama-3.1-8b", "bf16"), ("llama-3.1-8b", "fp8"), ("mistral-7b", "bf16")]
)
def test_no_gpu_does_more_than_its_front_end(gpu: str, model: str, precision: str) -> None:
    for kind, of in load_profiles(model, precision, gpus=[gpu])[0].items():
        by_hand = HandServer(HandReplica(model, gpu, kind.tensor_parallel, precision))
        for cell, engine in zip(served_profile(of).cells(), of.cells(), strict=True):
            if isinstance(cell.served, MaxTput):
                assert isinstance(engine.served, MaxTput)
                alone, ceiling = engine.served.requests_per_s, most(cell.output_tokens)
                assert cell.served.requests_per_s <= min(alone, ceiling) * (1 + 1e-9), kind
                assert (cell.served.limited_by == FRONT_END) == (alone > ceiling)
                if engine.served.origin == "measured" or engine.tpot_ms is None or isinstance(of, PinnedProfile):
                    continue
                begun = alone * engine.tpot_ms / 1000
                behind_ms = by_hand.behind_ms(engine.tpot_ms, begun * (cell.output_tokens - 1), begun)
                assert cell.served.requests_per_s == pytest.approx(alone * engine.tpot_ms / behind_ms, rel=1e-3)


@pytest.mark.parametrize(
    ("model", "precision", "cached_input"),
    [
        ("llama-3.1-8b", "bf16", 0.0),
        ("llama-3.1-8b", "fp8", 0.0),
        ("mistral-7b", "bf16", 0.6),
        ("llama-3.1-8b", "bf16", 0.6),
    ],
)
@pytest.mark.parametrize("engine", ["mean", "tensorrt-llm"])
@pytest.mark.parametrize("gpu", ["H100", "A100-80GB"])
def test_a_looser_target_never_serves_less(
    gpu: str, engine: str, model: str, precision: str, cached_input: float
) -> None:
    looser = (15.0, 25.0, 30.0, 50.0, 100.0, 200.0, math.inf)
    found, _ = load_profiles(model, precision, "2025", [gpu], engine=engine, cached_input=cached_input)
    for kind, of in found.items():
        for size in ((25, 25), (25, 250), (250, 100), (2000, 250), (1000, 1000), (8000, 100)):
            for targets in (
                [Slo(tpot_ms=ms) for ms in looser],
                [Slo(ttft_ms=20 * ms) for ms in looser],
                [Slo(e2e_ms=400 * ms) for ms in looser],
                [Slo(tpot_ms=30.0, ttft_ms=20 * ms) for ms in looser],
            ):
                rates = [
                    answer.requests_per_s if isinstance(answer := served_max_tput(of, size, slo), MaxTput) else 0.0
                    for slo in targets
                ]
                for tighter, rate in pairwise(rates):
                    assert tighter <= rate * (1 + 1e-12), (kind, size, targets[0])


@pytest.mark.parametrize("precision", ["bf16", "fp8"])
@pytest.mark.parametrize("share", [0.2, 0.35, 0.65])
def test_a_looser_target_never_makes_a_mixture_a_larger_load(precision: str, share: float) -> None:
    """Also where the engine's rate passes what the front end takes, for one of its sizes and not for the other."""
    of = profile(precision=precision)
    sizes = ((25, 25), (250, 50), (500, 100), (1000, 100), (2000, 50), (250, 500))
    for sweep in (
        [Slo(tpot_ms=10 + ms) for ms in range(40)],
        [Slo(ttft_ms=50 * 1.2**at) for at in range(22)],
        [Slo(e2e_ms=500 * 1.2**at) for at in range(22)],
    ):
        for small, large in combinations(sizes, 2):
            loads = []
            for slo in sweep:
                parts = [(part, served_max_tput(of, size, slo)) for size, part in ((small, share), (large, 1 - share))]
                served_parts = [(part, cell) for part, cell in parts if isinstance(cell, MaxTput)]
                if len(served_parts) == len(parts):
                    loads.append(row_load(served_parts).charged)
            for tighter, looser in pairwise(loads):
                assert looser <= tighter * (1 + 1e-9), (small, large, sweep[0])


@pytest.mark.parametrize("slo", [Slo(), Slo(tpot_ms=30.0), Slo(tpot_ms=60.0), Slo(ttft_ms=500.0)])
def test_a_larger_memory_never_serves_less_behind_a_front_end(slo: Slo) -> None:
    for size in ((25, 25), (25, 250), (250, 25), (250, 1000), (2000, 250), (8000, 100)):
        of_40, of_80 = (served_max_tput(estimate(gpu), size, slo) for gpu in ("A100-40GB", "A100-80GB"))
        if isinstance(of_40, MaxTput):
            assert isinstance(of_80, MaxTput)
            assert of_80.requests_per_s >= of_40.requests_per_s, size


def test_its_operating_points_are_those_of_a_loop_whose_every_step_waits_for_it() -> None:
    """The calibration fits the law in a closed loop, step by step; profiles slow the points of the engine alone."""
    checked = 0
    for gpu, model, precision in (
        ("H100", "llama-3.1-8b", "fp8"),
        ("H100", "qwen3-32b", "fp8"),
        ("A100-80GB", "llama-3.1-8b", "bf16"),
        ("L4", "llama-3.1-8b", "bf16"),
    ):
        found = front_end_law("2025", precision)
        assert found is not None
        law = found.law.of_layers(load_models()[model].layers)
        of = estimate(gpu, model, precision)
        (held,) = (replica for kind, replica in of.table.replicas.items() if kind == of.kind)
        behind = EstimateTable({of.kind: replace(held, front_end=law)})
        for size in ((25, 25), (250, 25), (1000, 100), (2000, 250), (250, 1000), (8000, 50)):
            slowed = FrontEndLimit(law, 1, "B", 0.2).slowed(of.table.rates(of.kind, size).points, size[1])
            for point, step_by_step in zip(slowed, behind.rates(of.kind, size).points, strict=False):
                assert point.tpot_ms == pytest.approx(step_by_step.tpot_ms, rel=0.02)
                assert point.requests_per_s == pytest.approx(step_by_step.requests_per_s, rel=0.02)
                checked += 1
    assert checked > 150


def test_what_the_front_end_does_not_limit_stays() -> None:
    of = profile()
    engine = of.max_tput(4000, 500, Slo(100))
    behind = served(of, (4000, 500), slo=Slo(100))
    assert isinstance(engine, MaxTput)
    ceiling = most(500)
    close: Any = pytest.approx(ceiling)
    # Of vLLM and SGLang a prompt takes 10 ms of it, and 499 tokens 10.68 ms.
    up: Any = pytest.approx(1000 / 20.6786 / ceiling - 1, rel=1e-4)
    assert behind.front_end == FrontEndCeiling(close, "B", 0.2, up)
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


@pytest.mark.parametrize(
    ("engine", "grade", "error_down"),
    [
        (39.0, "B", 1 - 30 / 39),  # engine at least 35.1, front end 30 of 40
        (20.0, "A", 0.1),  # engine at least 18
    ],
)
def test_a_front_end_that_is_hardly_faster_may_be_the_slower(engine: float, grade: str, error_down: float) -> None:
    limit = FrontEndLimit(FrontEnd(0.0, 0.0, 1 / 40), 1, "B", 0.25)
    behind = limit.within(MaxTput(engine, "A", 0.1, "estimated", "tpot"), 100)
    assert (behind.requests_per_s, behind.limited_by, behind.grade) == (engine, "tpot", grade)
    assert behind.error_down == pytest.approx(error_down)
    low: Any = behind.off_by(-1)
    assert low.requests_per_s == pytest.approx(engine * (1 - error_down))


@pytest.mark.parametrize("cached_input", [0.0, 0.6])
def test_nor_near_measured_sizes_whose_ttft_is_not_known(cached_input: float) -> None:
    found, _ = load_profiles("qwen3-32b", "fp8", "2025", ["H100"], cached_input=cached_input)
    of, wide = found[Kind("H100", 4)], (24.0, 40.0, 60.0, 95.0, 119.0, 121.0, 136.0, 200.0, 300.0)
    for size in ((2048, 256), (4096, 512), (3000, 400)):
        for targets in (
            [Slo(tpot_ms=ms, ttft_ms=300.0) for ms in wide],
            [Slo(tpot_ms=40.0, ttft_ms=ms) for ms in wide],
            [Slo(tpot_ms=60.0, e2e_ms=50 * ms) for ms in wide],
        ):
            rates = [
                answer.requests_per_s if isinstance(answer := served_max_tput(of, size, slo), MaxTput) else 0.0
                for slo in targets
            ]
            for tighter, rate in pairwise(rates):
                assert tighter <= rate * (1 + 1e-12), (size, targets[0], rates)


def test_where_it_was_not_fitted_it_is_borrowed() -> None:
    assert [(limit.grade, limit.error) for gpu in ("H100", "A10G") if (limit := front_end_of(profile(gpu)))] == [
        ("B", 0.2),
        ("D", 0.5),
    ]


def test_a_part_that_was_chosen_is_not_trusted_as_one_that_was_fitted() -> None:
    for engine, grade in (("mean", "B"), ("tensorrt-llm", "B"), ("vllm", "D"), ("sglang", "D")):
        limit = front_end_of(load_profiles("llama-3.1-8b", "bf16", "2025", ["H100"], engine=engine)[0][H100])
        assert limit is not None
        assert limit.grade == grade, engine


@pytest.mark.parametrize(("engine", "up"), [("mean", 22.662 / 10 - 1), ("tensorrt-llm", 0.0), ("vllm", 0.0)])
def test_where_the_engine_is_not_known_a_front_end_may_be_that_of_the_fastest(engine: str, up: float) -> None:
    """Of 32 layers and one output token: 5.19 + 32 x 0.546 = 22.66 ms of TensorRT-LLM, 10 ms of vLLM and SGLang."""
    of = load_profiles("llama-3.1-8b", "bf16", "2025", ["H100"], engine=engine)[0][H100]
    limit = front_end_of(of)
    assert limit is not None
    behind = limit.within(MaxTput(1000.0, "B", 0.2, "estimated", "saturation"), 1)
    assert behind.front_end is not None
    assert behind.front_end.error_up == pytest.approx(up, rel=1e-3)
    high: Any = behind.off_by(1)
    assert high.requests_per_s == pytest.approx(behind.requests_per_s * (1 + up), rel=1e-3)
    assert behind.error == pytest.approx(max(up, limit.error), rel=1e-3)
    # An engine that does only so much more is the limit then.
    behind = limit.within(MaxTput(50.0, "B", 0.2, "estimated", "saturation"), 1)
    high = behind.off_by(1)
    assert high.requests_per_s <= 60


def test_the_papers_era_holds_its_server_already() -> None:
    of = profile("H100", "llama-2-7b", "fp16", "vllm-0.2.7")
    assert front_end_of(of) is None
    assert served(of, (25, 25)) == of.max_tput(25, 25, Slo())
    assert served_profile(of).cells() == of.cells()


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
    seen = HandServer(HandReplica("llama-3.1-8b", "H100"), 90 / most(25))
    for size in ((250, 100), (250, 25)):
        assert served(of, size).requests_per_s == pytest.approx(min(seen.served(*size, math.inf)), rel=1e-4)
    assert most(256) < served(of, (136, 256)).requests_per_s < 90 / most(25) * most(256)
    assert served(of, (250, 25), 4).requests_per_s > 90
    assert "times what one API server takes" in note_of(of)
    assert note_of(of, 3) == note_of(profile()) == ""


def test_a_slow_measurement_does_not_slow_the_front_end_down() -> None:
    of = measured(OperatingPoint(1000, 1000, None, 5.0, 30.0, 100.0, "measured", "A", 0.1))
    one = min(HandServer(HandReplica("llama-3.1-8b", "H100")).served(25, 25, math.inf))
    assert served(of, (25, 25)).requests_per_s == pytest.approx(one, rel=1e-4)
    assert served(of, (1000, 1000)).requests_per_s == 5.0
