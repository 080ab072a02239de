from collections.abc import Callable
from pathlib import Path

import pytest

from melange_cloud.domain import GPUS
from melange_cloud.errors import BadFile
from melange_cloud.estimator.spec_files import load_calibrations, read_calibrations, read_eras, read_gpus, read_models
from melange_cloud.profiles import load_eras, load_gpus, load_models
from melange_cloud.shipped import shipped

FOLDER = shipped("profiles")


def read_shipped_eras(path: Path) -> object:
    return read_eras(path, load_models())


@pytest.mark.parametrize(
    ("file", "read", "before", "after", "field"),
    [
        ("models.toml", read_models, "layers = 80", "layers = 8", "llama-3.1-70b.parameters"),
        ("models.toml", read_models, "layers = 80", 'layers = "80"', "llama-3.1-70b.layers"),
        ("models.toml", read_models, "kv_heads = 32\n", "", "llama-2-7b.kv_heads"),
        ("models.toml", read_models, 'native_precision = "fp16"', 'native_precision = "fp4"', "native_precision"),
        ("gpus.toml", read_gpus, "fp8_tflops = 242", "fp8_tflop = 242", "L4.fp8_tflop"),
        ("gpus.toml", read_gpus, "bandwidth_gb_per_s = 300\n", "bandwidth_gb_per_s = -1\n", "L4.bandwidth_gb_per_s"),
        ("gpus.toml", read_gpus, "fp16_tflops = 70", "fp16_tflops = nan", "A10G.fp16_tflops"),
        ("gpus.toml", read_gpus, "[A10G]", "[T4]", "T4"),
        ("eras.toml", read_shipped_eras, "[1, 2, 4, 8]", "[1, 2, 3, 4]", "tensor_parallel"),
        ("eras.toml", read_shipped_eras, "from_gib.35 = { growth", "from_gib.huge = { growth", "from_gib"),
        ("eras.toml", read_shipped_eras, 'except_gpus = ["A100-80GB"]', 'except_gpus = ["A200"]', "except_gpus"),
        ("eras.toml", read_shipped_eras, "[2025.engines.mean]", "[2025.engines.middle]", "middle"),
        ("eras.toml", read_shipped_eras, "trial_run = true", "trial_run = 1", "trial_run"),
        ("eras.toml", read_shipped_eras, "fp8_cache = true", "fp8_cache = 1", "2025.fp8_cache"),
        ("eras.toml", read_shipped_eras, '"llama-2-7b" = 18000', '"llama-2-8b" = 18000', "models"),
        ("eras.toml", read_shipped_eras, '"llama-2-7b" = 18000', '"llama-2-7b" = "18k"', "max_total_tokens"),
        ("calibration.toml", read_calibrations, "read_cache = 0.", "read_cache = 8.", "read_cache"),
        ("calibration.toml", read_calibrations, '"per_request_s" =', '"per_token_s" =', "front_end"),
        ("calibration.toml", read_calibrations, '"vllm" = 0.', '"vllm" = -0.', "engine_step_s"),
        ("calibration.toml", read_calibrations, 'grade = { "1" = "B"', 'grade = { "1" = "E"', "grade"),
    ],
)
def test_a_broken_field_is_named(
    tmp_path: Path, file: str, read: Callable[[Path], object], before: str, after: str, field: str
) -> None:
    text = (FOLDER / file).read_text()
    assert before in text
    path = tmp_path / file
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(BadFile) as raised:
        read(path)
    assert any(field in str(fault.field) for fault in raised.value.faults), raised.value


def test_a_second_row_for_the_same_constants_is_refused(tmp_path: Path) -> None:
    text = (FOLDER / "calibration.toml").read_text()
    path = tmp_path / "calibration.toml"
    path.write_text(text + text[text.index("[[calibration]]") :])
    with pytest.raises(BadFile, match="second row"):
        read_calibrations(path)


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gpus.toml"
    path.write_text("[L4\n")
    with pytest.raises(BadFile, match="is not TOML"):
        read_gpus(path)


def test_every_gpu_has_a_data_sheet_and_constants_in_every_era() -> None:
    assert tuple(load_gpus()) == GPUS
    for era in load_eras():
        for gpu in GPUS:
            assert (gpu, era, "fp16") in load_calibrations()
    for sheet in load_gpus().values():
        assert (sheet.fp8_tflops is not None) == ((sheet.name, "2025", "fp8") in load_calibrations())
        assert sheet.cuda_memory_gib < sheet.memory_gib


def test_data_sheets_are_dense_peaks() -> None:
    peaks = {gpu.name: (gpu.bandwidth_gb_per_s, gpu.fp16_tflops, gpu.fp8_tflops) for gpu in load_gpus().values()}
    assert peaks == {
        "L4": (300, 121, 242),
        "A10G": (600, 70, None),
        "A100-40GB": (1555, 312, None),
        "A100-80GB": (2039, 312, None),
        "H100": (3350, 989, 1979),
    }


def test_the_papers_era_runs_llama_2_at_18000_tokens() -> None:
    eras, models = load_eras(), load_models()
    assert set(eras["vllm-0.2.7"].models) == {"llama-2-7b", "llama-2-70b"}
    assert eras["vllm-0.2.7"].context(models["llama-2-7b"]) == 18_000
    assert eras["2025"].context(models["llama-2-7b"]) == 4_096
    assert eras["2025"].context(models["llama-3.1-8b"]) == 131_072
