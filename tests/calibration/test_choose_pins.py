"""The shipped pins: only where a measurement says what the profile says, with the spread between engines as error."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.calibration.as_shipped import as_shipped
from melange_cloud.calibration.build_profiles import differences
from melange_cloud.calibration.calibrate import trials_of
from melange_cloud.calibration.choose_pins import MOST_FRONT_END, WIDEST_SPREAD, pinned, runs_by_size
from melange_cloud.calibration.constant_groups import GROUPS
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.cli.app import app
from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.estimator.replica import Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_gpus, load_models
from melange_cloud.profiles import check_profile_file, load_eras, load_profiles, read_profile_file
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.served_profile import served_max_tput
from melange_cloud.shipped import shipped
from tests.examples import SHELL

PINNED = shipped("profiles") / "pinned"
H100 = Kind("H100", 1)
SIZE = (2048, 128)


def of_8b() -> PinnedProfile:
    profile = load_profiles("llama-3.1-8b", gpus=["H100"])[0][H100]
    assert isinstance(profile, PinnedProfile)
    return profile


def all_points() -> list[tuple[Path, int, OperatingPoint]]:
    found = []
    for place in pinned():
        file = read_profile_file(PINNED / place)
        for kind, sizes in file.rows.items():
            found += [(place, kind.tensor_parallel, point) for size in sizes for point in file.points(kind, size)]
    return found


def test_the_shipped_pins_are_made_from_the_measurements_byte_for_byte() -> None:
    assert differences(pinned(), PINNED) == []
    for place in pinned():
        check_profile_file(PINNED / place)


def test_every_pin_of_an_engine_is_a_measured_row_of_that_model_gpu_degree_and_precision() -> None:
    rows = {
        (row.model, row.gpu, row.tensor_parallel, row.precision, row.size, row.values.get("tpot_ms"))
        for row in load_measurements()
    }
    points = [each for each in all_points() if each[0].parts[0] != "2025"]
    assert len(points) > 100
    for place, degree, point in points:
        _, model, precision, name = place.parts
        size = (point.input_tokens, point.output_tokens)
        bits = "fp8" if precision == "fp8" else "fp16"
        assert (model, name.removesuffix(".csv"), degree, bits, size, point.tpot_ms) in rows


def test_a_pin_of_the_mean_is_an_engines_moved_by_less_than_engines_differ() -> None:
    own = {(point.source, place.parts[1:], degree, cell(point)): point for place, degree, point in all_points()}
    moved = [each for each in all_points() if each[0].parts[0] == "2025"]
    assert len(moved) > 100
    for place, degree, point in moved:
        source = point.source.removesuffix(" (moved to the mean of engines)")
        assert source != point.source
        measured = own[source, place.parts[1:], degree, cell(point)]
        assert abs(point.requests_per_s / measured.requests_per_s - 1) <= point.error
        if point.tpot_ms is not None and measured.tpot_ms is not None:
            assert (point.tpot_ms - measured.tpot_ms) * (point.requests_per_s - measured.requests_per_s) <= 0
    vllm = [point for _, _, point in moved if "vLLM 0.12" in point.source]
    assert vllm
    assert all(own["vLLM 0.12.0 serving", p.parts[1:], d, cell(point)].requests_per_s < point.requests_per_s
               for p, d, point in moved if "vLLM 0.12" in point.source)  # fmt: skip


def cell(point: OperatingPoint) -> tuple[int, int, int | None]:
    return point.input_tokens, point.output_tokens, point.concurrency


def test_every_pin_says_whose_it_is_and_when() -> None:
    for _, _, point in all_points():
        assert (point.origin, point.grade) == ("measured", "A")
        assert 0.1 <= point.error <= WIDEST_SPREAD
        assert point.ttft_ms is None
        assert point.measured_on is not None


def test_no_saturated_run_is_pinned_that_ran_another_number_of_requests_at_once() -> None:
    """128/128 on an H100 runs over 1,000 Llama-3.1-8B requests in TensorRT-LLM; ours stops at 512."""
    sizes = of_8b().measured.sizes
    assert (128, 128) not in sizes
    for place, degree, point in all_points():
        era, model, precision, name = place.parts
        if point.tpot_ms is not None or era not in load_eras():
            continue
        gpu = name.removesuffix(".csv")
        constants = load_calibrations()[gpu, era, "fp8" if precision == "fp8" else "fp16"]
        replica = Replica(load_models()[model], load_gpus()[gpu], degree, load_eras()[era], precision, constants)
        assert replica.largest_concurrency(point.input_tokens, point.output_tokens) <= 512


def test_no_pin_of_fp8_weights_with_a_16_bit_cache_and_none_of_a_front_end() -> None:
    sources = {point.source for place, _, point in all_points() if place.parts[2] == "fp8"}
    assert sources
    assert not any("vLLM" in source or "SGLang" in source for source in sources)
    front_end = load_calibrations()["H100", "2025", "fp16"].front_end.of_layers(32)  # TensorRT-LLM's: it needs the most
    for place, _, point in all_points():
        if place.parts[1:] == ("llama-3.1-8b", "bf16", "H100.csv") and point.tpot_ms is not None:
            assert point.requests_per_s * front_end.per_prefill_s <= MOST_FRONT_END
    degrees = {degree for place, degree, _ in all_points() if place.parts[1] == "llama-3.1-8b"}
    assert degrees == {1, 2}, "on four or eight H100 an 8B step is mostly overhead"


def test_where_engines_disagree_the_error_says_so() -> None:
    """vLLM and SGLang were both measured on Qwen3-32B at 4096/128 on eight H100, and differ by 2 to 11 %.

    Their mean differs from each by less than they from each other.
    """
    points = {
        (point.input_tokens, point.output_tokens, point.concurrency): point
        for place, degree, point in all_points()
        if place.parts == ("2025", "qwen3-32b", "bf16", "H100.csv") and degree == 8
    }
    assert "vLLM" in points[4096, 128, 128].source
    assert points[4096, 128, 16].error > points[4096, 128, 128].error, "light loads feel an engine's step most"
    assert (4096, 128, 8) not in points, "there engines differ by more than the estimate's own error"


def test_a_pin_counts_at_its_size_and_target_and_the_estimate_goes_on_beyond() -> None:
    of = of_8b()
    (top,) = (point for point in of.measured.measured[SIZE] if point.concurrency == 128)
    assert top.tpot_ms is not None
    at = of.max_tput(*SIZE, Slo(tpot_ms=top.tpot_ms - 1e-6))
    assert isinstance(at, MaxTput)
    assert (at.origin, at.grade) == ("measured", "A")
    assert at.requests_per_s == pytest.approx(top.requests_per_s, rel=1e-6)
    beyond, loose = of.max_tput(*SIZE, Slo(tpot_ms=200)), of.estimate.max_tput(*SIZE, Slo(tpot_ms=200))
    assert isinstance(beyond, MaxTput)
    assert isinstance(loose, MaxTput)
    assert (beyond.origin, beyond.grade) == ("estimated", loose.grade)
    # As much faster or slower as the estimate as the run was, with as many requests decoding.
    decoded = SIZE[1] - 1
    run = top.requests_per_s * decoded * top.tpot_ms
    estimated = [
        (point.requests_per_s * decoded * point.tpot_ms, point.tpot_ms)
        for point in of.estimate.table.points(of.kind, SIZE)
        if point.tpot_ms is not None
    ]
    (low, low_ms), (high, high_ms) = next(pair for pair in pairwise(estimated) if pair[0][0] <= run < pair[1][0])
    there_ms = low_ms + (high_ms - low_ms) * (run - low) / (high - low)
    assert beyond.requests_per_s == pytest.approx(loose.requests_per_s * there_ms / top.tpot_ms)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-32b", "qwen2.5-7b"])
def test_no_published_run_moves_an_estimate_by_more_than_engines_differ(model: str) -> None:
    """A run of eight requests at once near the floor, for one, says little of a hundred at a looser target."""
    for of in load_profiles(model)[0].values():
        if not isinstance(of, PinnedProfile):
            continue
        for size in ((i, o) for i in (100, 500, 1000, 4000) for o in (100, 500, 1000)):
            for tpot_ms in (30.0, 50.0, 100.0, math.inf):
                pinned, estimated = (each.max_tput(*size, Slo(tpot_ms)) for each in (of, of.estimate))
                if isinstance(pinned, MaxTput) and isinstance(estimated, MaxTput):
                    ratio = pinned.requests_per_s / estimated.requests_per_s
                    assert 1 / (1 + WIDEST_SPREAD) <= ratio <= 1 + WIDEST_SPREAD, (of.kind, size, tpot_ms)


@pytest.mark.parametrize("kind", [H100, Kind("H100", 2)])
def test_rates_rise_with_the_target_at_and_around_every_pin(kind: Kind) -> None:
    of = load_profiles("llama-3.1-8b", gpus=["H100"])[0][kind]
    assert isinstance(of, PinnedProfile)
    for size in of.measured.sizes:
        for factor in (0.8, 0.95, 1.0, 1.05, 1.3):
            served = [of.max_tput(size[0] * factor, size[1] * factor, Slo(tpot_ms)) for tpot_ms in range(4, 140, 4)]
            rates = [answer.requests_per_s if isinstance(answer, MaxTput) else 0.0 for answer in served]
            assert all(later >= 0.999999 * rate for rate, later in pairwise(rates)), (size, factor)


def test_a_ttft_target_is_left_to_the_estimate_and_never_raises_a_rate() -> None:
    of = of_8b()
    for size in (SIZE, (1900, 140)):
        for ttft_ms in (30, 300, 3000, 1e9):
            both = of.max_tput(*size, Slo(tpot_ms=30, ttft_ms=ttft_ms))
            alone = of.max_tput(*size, Slo(tpot_ms=30))
            estimate = of.estimate.max_tput(*size, Slo(tpot_ms=30, ttft_ms=ttft_ms))
            assert isinstance(alone, MaxTput)
            if isinstance(estimate, UnservableSize):
                assert isinstance(both, UnservableSize)
                continue
            assert isinstance(both, MaxTput)
            assert both.requests_per_s <= alone.requests_per_s
            limits = estimate != of.estimate.max_tput(*size, Slo(tpot_ms=30))
            expected = min(alone.requests_per_s, estimate.requests_per_s) if limits else alone.requests_per_s
            assert both.requests_per_s == pytest.approx(expected)


def test_cells_of_saturated_pins_have_the_estimates_tpot() -> None:
    of = load_profiles("llama-2-7b", era="vllm-0.2.7", gpus=["A10G"])[0][Kind("A10G", 1)]
    cells = {(cell.input_tokens, cell.output_tokens): cell for cell in of.cells(Slo(tpot_ms=1e6))}
    assert cells[256, 128].tpot_ms is not None
    free = {(cell.input_tokens, cell.output_tokens): cell for cell in of.cells()}
    served = free[256, 128].served
    assert isinstance(served, MaxTput)
    assert (served.requests_per_s, served.grade, served.origin) == (3.81, "A", "measured")
    assert math.isfinite(free[256, 128].tpot_ms or math.inf)


def test_the_report_card_holds_estimates_against_measurements_not_pins() -> None:
    group = next(group for group in GROUPS if group.key == ("H100", "2025", "fp16"))
    constants = load_calibrations()[group.key]
    held = [each for each in trials_of(group) if (each.row.model, each.row.size) == ("llama-3.1-8b", SIZE)]
    (one,) = (each for each in held if each.row.tensor_parallel == 1 and each.row.values.get("concurrency") == 64)
    tpot_ms = one.row.known("tpot_ms")
    of, shipped = of_8b(), as_shipped(one, constants).served(tpot_ms)
    assert shipped is not None
    shipped_rate = shipped.engine_requests_per_s
    pin, estimate = of.max_tput(*SIZE, Slo(tpot_ms)), served_max_tput(of.estimate, SIZE, Slo(tpot_ms))
    assert isinstance(pin, MaxTput)
    assert isinstance(estimate, MaxTput)
    assert (pin.origin, estimate.origin) == ("measured", "estimated")
    assert shipped_rate == pytest.approx(estimate.engine_requests_per_s, rel=0.01)
    assert shipped_rate != pytest.approx(pin.requests_per_s, rel=0.003)


def test_a_plan_at_a_measured_size_stands_on_the_measurement(tmp_path: Path) -> None:
    trace = tmp_path / "one-size.csv"
    trace.write_text("input_tokens,output_tokens\n" + "2048,128\n" * 50)
    workload = str(tmp_path / "one-size.json")
    made = ["workloads", "from-trace", str(trace), "--out", workload]
    assert CliRunner().invoke(app, made, env=SHELL, catch_exceptions=False).exit_code == 0
    asked = ["plan", "--region", "us-east-1", "--offline", "--workload", workload, "--rate", "40", "--tpot-ms", "50"]
    only = ["--gpu", "H100", "--sold-as", "any", "--format", "json"]
    result = CliRunner().invoke(app, [*asked, *only], env=SHELL, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    text = json.dumps(plan)
    assert '"grade": "A"' in text
    assert plan["regions"][0]["coverage"]["measured"]["requests_share"] == pytest.approx(1)


def test_what_was_measured_with_cached_prompts_is_not_pinned() -> None:
    era = load_eras()["2025"]
    rows = [row for row in load_measurements() if row.gpu == "H100" and row.model == "llama-3.1-8b"]
    assert len(runs_by_size(rows, era)) > 3
    cached = [replace(row, measured=replace(row.measured, prompts_shared_fraction=0.5)) for row in rows]
    assert runs_by_size(cached, era) == []
