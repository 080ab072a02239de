"""The shipped estimates against measurements that others published, each table with its source."""

import pytest

from melange_cloud.domain import Kind, MaxTput
from melange_cloud.profiles import Profile, load_eras, load_gpus, load_models, load_profiles
from melange_cloud.profiles.estimator import DoesNotFit, Replica
from melange_cloud.profiles.spec_files import load_calibrations

SATURATED = [
    # NVIDIA TensorRT-LLM performance overview v0.10-v0.14 (Apache-2.0, 2024): in-flight batching, all requests queued
    # at once, fixed lengths, fp16. GPU, model, tensor parallel, input, output, requests/s.
    ("A100-80GB", "llama-2-7b", 1, 128, 128, 41.43),
    ("A100-80GB", "llama-2-7b", 1, 128, 2048, 0.872),
    ("A100-80GB", "llama-2-7b", 1, 2048, 128, 4.575),
    ("A100-80GB", "llama-3.1-70b", 2, 128, 2048, 0.2359),
    ("A100-80GB", "llama-3.1-70b", 2, 128, 4096, 0.06134),
    ("A100-80GB", "llama-3.1-70b", 2, 500, 2000, 0.2153),
    ("A100-80GB", "llama-3.1-70b", 2, 1000, 1000, 0.4686),
    ("A100-80GB", "llama-3.1-70b", 2, 2048, 128, 1.101),
    ("A100-80GB", "llama-3.1-70b", 2, 2048, 2048, 0.04274),
    ("A100-80GB", "llama-3.1-70b", 4, 128, 128, 18.91),
    ("A100-80GB", "llama-3.1-70b", 4, 128, 2048, 1.162),
    ("A100-80GB", "llama-3.1-70b", 4, 128, 4096, 0.4116),
    ("A100-80GB", "llama-3.1-70b", 4, 500, 2000, 1.048),
    ("A100-80GB", "llama-3.1-70b", 4, 1000, 1000, 1.763),
    ("A100-80GB", "llama-3.1-70b", 4, 5000, 500, 0.7259),
    ("A100-80GB", "llama-3.1-70b", 4, 20000, 2000, 0.08976),
    ("A100-80GB", "llama-3.1-70b", 8, 128, 128, 35.53),
    ("A100-80GB", "llama-3.1-70b", 8, 128, 4096, 0.6952),
    ("A100-80GB", "llama-3.1-70b", 8, 500, 2000, 1.743),
    ("A100-80GB", "llama-3.1-70b", 8, 2048, 128, 4.248),
    ("A100-80GB", "llama-3.1-70b", 8, 2048, 2048, 1.06),
    ("A100-80GB", "llama-3.1-70b", 8, 5000, 500, 1.341),
    ("A100-80GB", "llama-3.1-70b", 8, 20000, 2000, 0.1815),
    ("A100-80GB", "llama-3.1-8b", 1, 128, 128, 51.46),
    ("A100-80GB", "llama-3.1-8b", 1, 500, 2000, 1.973),
    ("A100-80GB", "llama-3.1-8b", 1, 1000, 1000, 3.634),
    ("A100-80GB", "llama-3.1-8b", 1, 2048, 128, 6.106),
    ("A100-80GB", "llama-3.1-8b", 1, 5000, 500, 1.581),
    ("A100-80GB", "llama-3.1-8b", 1, 20000, 2000, 0.1583),
    ("H100", "llama-2-7b", 1, 128, 2048, 1.66),
    ("H100", "llama-2-7b", 1, 2048, 128, 9.652),
    ("H100", "llama-2-7b", 1, 2048, 2048, 0.6521),
    ("H100", "llama-3.1-70b", 2, 128, 2048, 0.3519),
    ("H100", "llama-3.1-70b", 2, 128, 4096, 0.09016),
    ("H100", "llama-3.1-70b", 2, 1000, 1000, 0.7855),
    ("H100", "llama-3.1-70b", 2, 2048, 128, 2.521),
    ("H100", "llama-3.1-70b", 2, 2048, 2048, 0.08144),
    ("H100", "llama-3.1-70b", 4, 128, 128, 46.61),
    ("H100", "llama-3.1-70b", 4, 128, 2048, 2.313),
    ("H100", "llama-3.1-70b", 4, 128, 4096, 0.7251),
    ("H100", "llama-3.1-70b", 4, 1000, 1000, 3.775),
    ("H100", "llama-3.1-70b", 4, 2048, 128, 5.375),
    ("H100", "llama-3.1-70b", 4, 2048, 2048, 1.169),
    ("H100", "llama-3.1-70b", 4, 20000, 2000, 0.1847),
    ("H100", "llama-3.1-70b", 8, 128, 128, 81.3),
    ("H100", "llama-3.1-70b", 8, 128, 2048, 3.258),
    ("H100", "llama-3.1-70b", 8, 1000, 1000, 5.978),
    ("H100", "llama-3.1-70b", 8, 2048, 128, 10.28),
    ("H100", "llama-3.1-70b", 8, 2048, 2048, 1.803),
    ("H100", "llama-3.1-8b", 1, 128, 128, 121.6),
    ("H100", "llama-3.1-8b", 1, 128, 2048, 4.305),
    ("H100", "llama-3.1-8b", 1, 128, 4096, 1.307),
    ("H100", "llama-3.1-8b", 1, 1000, 1000, 7.055),
    ("H100", "llama-3.1-8b", 1, 2048, 128, 14.88),
    ("H100", "llama-3.1-8b", 1, 2048, 2048, 1.947),
]

CLOSED_LOOP = [
    # ai-dynamo/aiconfigurator silicon_sample.csv (Apache-2.0; InferenceMAX and NVIDIA's own runs, 2025), H100 SXM:
    # vLLM (70B) and TensorRT-LLM 1.0 (8B). Model, precision, tensor parallel, input, output, concurrency, requests/s,
    # mean TPOT in ms.
    ("llama-3.1-70b", "fp8", 2, 1024, 1024, 4, 0.2231, 17.41),
    ("llama-3.1-70b", "fp8", 2, 1024, 1024, 16, 0.7825, 19.74),
    ("llama-3.1-70b", "fp8", 2, 1024, 1024, 64, 2.144, 28.77),
    ("llama-3.1-70b", "fp8", 2, 8192, 1024, 4, 0.1833, 20.62),
    ("llama-3.1-70b", "fp8", 2, 8192, 1024, 16, 0.4359, 34.63),
    ("llama-3.1-70b", "fp8", 2, 8192, 1024, 64, 0.5674, 52.41),
    ("llama-3.1-70b", "fp8", 4, 1024, 1024, 4, 0.3298, 11.78),
    ("llama-3.1-70b", "fp8", 4, 1024, 1024, 16, 1.175, 13.19),
    ("llama-3.1-70b", "fp8", 4, 1024, 1024, 64, 3.165, 19.51),
    ("llama-3.1-70b", "fp8", 4, 1024, 8192, 4, 0.04067, 12),
    ("llama-3.1-70b", "fp8", 4, 1024, 8192, 16, 0.1384, 14.09),
    ("llama-3.1-70b", "fp8", 4, 1024, 8192, 64, 0.3334, 23.41),
    ("llama-3.1-70b", "fp8", 4, 8192, 1024, 4, 0.285, 13.27),
    ("llama-3.1-70b", "fp8", 4, 8192, 1024, 16, 0.7181, 21.06),
    ("llama-3.1-70b", "fp8", 4, 8192, 1024, 64, 1.133, 53.49),
    ("llama-3.1-70b", "fp8", 8, 1024, 1024, 4, 0.4258, 9.114),
    ("llama-3.1-70b", "fp8", 8, 1024, 1024, 16, 1.362, 11.39),
    ("llama-3.1-70b", "fp8", 8, 1024, 1024, 64, 4.001, 15.45),
    ("llama-3.1-70b", "fp8", 8, 8192, 1024, 4, 0.372, 10.22),
    ("llama-3.1-70b", "fp8", 8, 8192, 1024, 16, 0.9581, 15.85),
    ("llama-3.1-70b", "fp8", 8, 8192, 1024, 64, 1.757, 34.48),
    ("llama-3.1-8b", "bf16", 1, 1024, 128, 8, 6.668, 7.944),
    ("llama-3.1-8b", "bf16", 1, 1024, 128, 32, 17.75, 13.19),
    ("llama-3.1-8b", "bf16", 1, 1024, 128, 128, 28.11, 31.66),
    ("llama-3.1-8b", "bf16", 1, 1024, 256, 8, 3.566, 7.549),
    ("llama-3.1-8b", "bf16", 1, 1024, 256, 32, 10.86, 10.92),
    ("llama-3.1-8b", "bf16", 1, 1024, 256, 128, 20.14, 23.09),
    ("llama-3.1-8b", "bf16", 1, 1024, 512, 8, 1.843, 7.417),
    ("llama-3.1-8b", "bf16", 1, 1024, 512, 32, 6.069, 9.877),
    ("llama-3.1-8b", "bf16", 1, 1024, 512, 128, 12.54, 19.26),
    ("llama-3.1-8b", "bf16", 1, 2048, 128, 8, 5.521, 9.324),
    ("llama-3.1-8b", "bf16", 1, 2048, 128, 32, 11.6, 19.84),
    ("llama-3.1-8b", "bf16", 1, 2048, 128, 128, 15.12, 61.32),
    ("llama-3.1-8b", "bf16", 1, 2048, 256, 8, 3.414, 8.386),
    ("llama-3.1-8b", "bf16", 1, 2048, 256, 32, 7.869, 14.94),
    ("llama-3.1-8b", "bf16", 1, 2048, 256, 128, 11.73, 40.41),
    ("llama-3.1-8b", "bf16", 1, 4096, 128, 8, 3.967, 12.4),
    ("llama-3.1-8b", "bf16", 1, 4096, 128, 32, 6.634, 34.23),
    ("llama-3.1-8b", "bf16", 2, 1024, 128, 8, 10.11, 5.212),
    ("llama-3.1-8b", "bf16", 2, 1024, 128, 32, 25.6, 9.013),
    ("llama-3.1-8b", "bf16", 2, 1024, 128, 128, 39.4, 21.14),
    ("llama-3.1-8b", "bf16", 2, 1024, 256, 8, 5.458, 4.93),
    ("llama-3.1-8b", "bf16", 2, 1024, 256, 32, 16.11, 7.349),
    ("llama-3.1-8b", "bf16", 2, 1024, 256, 128, 28.91, 13.34),
    ("llama-3.1-8b", "bf16", 2, 1024, 512, 8, 2.823, 4.827),
    ("llama-3.1-8b", "bf16", 2, 1024, 512, 32, 8.99, 6.648),
    ("llama-3.1-8b", "bf16", 2, 1024, 512, 128, 18, 11.75),
    ("llama-3.1-8b", "bf16", 2, 2048, 128, 8, 8.567, 5.949),
    ("llama-3.1-8b", "bf16", 2, 2048, 128, 32, 18.24, 12.68),
    ("llama-3.1-8b", "bf16", 2, 2048, 128, 128, 24.86, 34.12),
    ("llama-3.1-8b", "bf16", 2, 2048, 256, 8, 4.808, 5.525),
    ("llama-3.1-8b", "bf16", 2, 2048, 256, 32, 12.17, 9.659),
    ("llama-3.1-8b", "bf16", 2, 2048, 256, 128, 19.17, 23.54),
    ("llama-3.1-8b", "bf16", 2, 4096, 128, 8, 6.491, 7.598),
    ("llama-3.1-8b", "bf16", 2, 4096, 128, 32, 11.02, 20.77),
    ("llama-3.1-8b", "bf16", 2, 4096, 128, 128, 13.3, 70.3),
    ("llama-3.1-8b", "bf16", 2, 4096, 512, 8, 2.189, 6.002),
    ("llama-3.1-8b", "bf16", 2, 4096, 512, 32, 5.251, 11.24),
    ("llama-3.1-8b", "bf16", 2, 4096, 512, 128, 7.862, 30.59),
]

SMALL_GPUS = [
    # neuralmagic/nm-vllm nightly benchmarks (2024), vLLM 0.2-0.5: Llama-2-7B, 256 in, 128 out, saturated.
    ("A10G", 3.81),
    ("L4", 2.46),
]


def profile(
    gpu: str, model: str, tensor_parallel: int, precision: str | None = None, era: str | None = None
) -> Profile:
    return load_profiles(model, precision, era, [gpu])[0][Kind(gpu, tensor_parallel)]


def saturated(found: Profile, input_tokens: int, output_tokens: int) -> MaxTput:
    served = found.max_tput(input_tokens, output_tokens, 1e9)
    assert isinstance(served, MaxTput)
    return served


def relative_errors(rows: list[tuple[str, str, int, int, int, float]]) -> list[tuple[float, MaxTput]]:
    checked = []
    for gpu, model, tensor_parallel, input_tokens, output_tokens, measured in rows:
        served = saturated(profile(gpu, model, tensor_parallel), input_tokens, output_tokens)
        checked.append((served.requests_per_s / measured - 1, served))
    return checked


def share_within(checked: list[tuple[float, MaxTput]]) -> float:
    return sum(abs(off) <= served.error for off, served in checked) / len(checked)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


@pytest.mark.parametrize(("grade", "least"), [("B", 0.9), ("C", 0.9), ("D", 0.7)])
def test_saturated_rates_are_within_their_stated_error_as_often_as_the_readme_says(grade: str, least: float) -> None:
    checked = [(off, served) for off, served in relative_errors(SATURATED) if served.grade == grade]
    assert len(checked) >= 5
    assert share_within(checked) >= least


@pytest.mark.parametrize(("gpu", "most"), [("A100-80GB", 0.08), ("H100", 0.11)])
def test_the_median_error_of_calibrated_gpus_at_saturation_does_not_grow(gpu: str, most: float) -> None:
    checked = relative_errors([row for row in SATURATED if row[0] == gpu])
    assert median([abs(off) for off, served in checked if served.grade in "BC"]) <= most


def test_closed_loop_runs_are_met_at_their_concurrency() -> None:
    """Rate and TPOT at the concurrency that was measured, from the same estimator and constants that ship."""
    rates, tpots = [], []
    for model, precision, degree, input_tokens, output_tokens, concurrency, rate, tpot_ms in CLOSED_LOOP:
        constants = load_calibrations()["H100", "2025", "fp8" if precision == "fp8" else "fp16"]
        replica = Replica(load_models()[model], load_gpus()["H100"], degree, load_eras()["2025"], precision, constants)
        found = replica.estimate(input_tokens, output_tokens, (concurrency,))
        assert not isinstance(found, DoesNotFit)
        if found:
            rates.append(abs(found[0].requests_per_s / rate - 1))
            tpots.append(abs(found[0].tpot_ms / tpot_ms - 1))
    assert len(rates) >= 50
    assert median(rates) <= 0.06
    assert median(tpots) <= 0.08
    assert sum(off <= 0.25 for off in rates) / len(rates) >= 0.95
    assert sum(off <= 0.25 for off in tpots) / len(tpots) >= 0.9


def rate_under(points: list[tuple[float, float]], tpot_ms: float) -> float | None:
    """Measured rate within a target: on a line between the last point that passes and the first that fails."""
    passing = [point for point in points if point[0] <= tpot_ms]
    failing = [point for point in points if point[0] > tpot_ms]
    if not passing or not failing:
        return None
    (low_ms, low), (high_ms, high) = passing[-1], failing[0]
    return low + max(0.0, high - low) * (tpot_ms - low_ms) / (high_ms - low_ms)


def test_rates_under_a_tpot_target_are_within_their_stated_error() -> None:
    curves: dict[tuple[str, str, int, int, int], list[tuple[float, float]]] = {}
    for model, precision, degree, input_tokens, output_tokens, _, rate, tpot_ms in CLOSED_LOOP:
        curves.setdefault((model, precision, degree, input_tokens, output_tokens), []).append((tpot_ms, rate))
    offs: dict[str, list[float]] = {}
    within = total = 0
    for (model, precision, degree, input_tokens, output_tokens), points in curves.items():
        for target_ms in (8, 10, 12, 15, 20, 25, 30, 40, 50):
            measured = rate_under(sorted(points), target_ms)
            if measured is None or output_tokens > 4096:
                continue
            answer = profile("H100", model, degree, precision).max_tput(input_tokens, output_tokens, target_ms)
            if isinstance(answer, MaxTput):
                offs.setdefault(answer.grade, []).append(abs(answer.requests_per_s / measured - 1))
                within += offs[answer.grade][-1] <= answer.error
                total += 1
    assert median(offs["B"]) <= 0.12
    assert total >= 50
    assert within / total >= 0.9


@pytest.mark.parametrize(("gpu", "measured"), SMALL_GPUS)
@pytest.mark.parametrize("era", ["2025", "vllm-0.2.7"])
def test_l4_and_a10g_meet_the_only_serving_points_there_are(gpu: str, measured: float, era: str) -> None:
    served = saturated(profile(gpu, "llama-2-7b", 1, era=era), 256, 128)
    assert served.grade == "C"
    assert abs(served.requests_per_s / measured - 1) <= 0.15


def test_h100_fp8_meets_mlperf() -> None:
    """MLPerf Inference v5.1, 5.1-0083 (Red Hat, vLLM 0.10): Llama-3.1-8B fp8, CNN-DM 778 in, 73 out, 5,777 tokens/s."""
    served = saturated(profile("H100", "llama-3.1-8b", 1, "fp8"), 778, 73)
    assert abs(served.requests_per_s / (5777 / 73) - 1) <= served.error


def test_the_papers_sizes_and_sides_come_out_in_its_era() -> None:
    """PAPER: at 1000 in, 500 out and 120 ms one A10G carries about 0.37 requests/s; L4 cannot reach 40 ms."""
    a10g = profile("A10G", "llama-2-7b", 1, era="vllm-0.2.7").max_tput(1000, 500, 120)
    assert isinstance(a10g, MaxTput)
    assert a10g.requests_per_s == pytest.approx(0.37, rel=a10g.error)
    assert not isinstance(profile("L4", "llama-2-7b", 1, era="vllm-0.2.7").max_tput(64, 64, 40), MaxTput)


def test_targets_near_the_floor_and_slivers_of_memory_are_graded_d() -> None:
    served = profile("L4", "llama-3.1-8b", 1).max_tput(1000, 250, 80)
    assert isinstance(served, MaxTput)
    assert served.grade == "D"
    served = profile("L4", "llama-3.1-8b", 1).max_tput(1000, 250, 150)
    assert isinstance(served, MaxTput)
    assert served.grade == "C"
    for kind in ("A100-80GB", "H100"):
        assert saturated(profile(kind, "llama-3.1-70b", 2), 1000, 250).grade == "D"
