"""Engines by their names, and profiles with the constants, limits and measurements of one of them."""

import tomllib

import pytest

from melange_cloud.domain import Kind, MaxTput, Slo
from melange_cloud.domain.engines import engines_in
from melange_cloud.errors import BadInput
from melange_cloud.profiles import find_era, load_profiles, resolve_engine
from melange_cloud.shipped import shipped

H100 = Kind("H100", 1)


@pytest.mark.parametrize(
    ("word", "engine"),
    [
        ("vllm", "vllm"), ("vLLM", "vllm"), ("v-llm", "vllm"), ("SGLang", "sglang"), ("sg_lang", "sglang"),
        ("tensorrt-llm", "tensorrt-llm"), ("TensorRT-LLM", "tensorrt-llm"), ("tensorrt_llm", "tensorrt-llm"),
        ("TensorRT LLM", "tensorrt-llm"), ("trtllm", "tensorrt-llm"), ("TRT-LLM", "tensorrt-llm"), ("mean", "mean"),
        (None, "mean"),
    ],
)  # fmt: skip
def test_engines_are_found_as_people_write_them(word, engine):
    assert resolve_engine(word, find_era("2025")) == engine


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("vlm", "--engine vlm: did you mean vllm?"),
        ("sglan", "did you mean sglang?"),
        ("tensort-llm", "did you mean tensorrt-llm?"),
        ("vLLM 0.12", "did you mean vllm?"),  # a version is not silently dropped
        ("", "--engine '': not supported; known are vllm, sglang, tensorrt-llm and mean"),
        ("tgi", "not supported; known are vllm, sglang, tensorrt-llm and mean"),
        ("x" * 10_000, "not supported; known are vllm, sglang, tensorrt-llm and mean"),
    ],
)
def test_others_are_refused_with_what_is_meant(word, said):
    with pytest.raises(BadInput) as refused:
        resolve_engine(word, find_era("2025"))
    assert said in str(refused.value)
    assert len(str(refused.value)) < 250


def test_an_era_of_one_engine_has_no_other():
    old = find_era("vllm-0.2.7")
    assert {resolve_engine(word, old) for word in (None, "mean", "vLLM")} == {"vllm"}
    with pytest.raises(BadInput, match=r"era vllm-0\.2\.7 has only vLLM; drop --engine or --era"):
        resolve_engine("sglang", old)


@pytest.mark.parametrize(
    ("text", "engines"),
    [
        ("vllm 0.12.0", ("vllm",)), ("vLLM 0.11.2; SGLang 0.5", ("vllm", "sglang")), ("sglang-oai", ("sglang",)),
        ("NVIDIA TensorRT-LLM 0.12 performance overview", ("tensorrt-llm",)), ("openai", ()), ("llamacpp", ()),
        ("", ()), ("tensorrt_llm", ("tensorrt-llm",)), ("nm-vllm nightly", ("vllm",)), ("mycorpvllmx", ()),
    ],
)  # fmt: skip
def test_texts_name_engines(text, engines):
    assert engines_in(text) == engines


def rate(engine, gpu="H100", size=(1000, 1000), tpot_ms=20.0):
    profile = load_profiles("llama-3.1-8b", gpus=[gpu], engine=engine)[0][Kind(gpu, 1)]
    served = profile.max_tput(size[0], size[1], Slo(tpot_ms))
    assert isinstance(served, MaxTput)
    return served.requests_per_s


def alone_ms(engine):
    """TPOT of one request in flight, a few prompts' tokens long: nothing but the step."""
    profile = load_profiles("llama-2-7b", gpus=["H100"], engine=engine)[0][H100]
    return profile.table.points(H100, (100, 2000))[0].tpot_ms


def test_each_engine_has_its_own_time_per_step():
    """The difference of two engines, alone with one request, is that of what calibration.toml says of them."""
    rows = tomllib.loads((shipped("profiles") / "calibration.toml").read_text())["calibration"]
    (row,) = (row for row in rows if (row["gpu"], row["era"], row["precision"]) == ("H100", "2025", "fp16"))
    steps = {engines_in(name)[0]: step_s for name, step_s in row["engine_step_s"].items() if "0.x" not in name}
    assert len(set(steps.values())) > 1
    assert alone_ms("vllm") - alone_ms("sglang") == pytest.approx(
        1000 * (steps["vllm"] - steps["sglang"]), rel=0.02, abs=0.01
    )
    assert alone_ms("sglang") < alone_ms(None) < alone_ms("vllm")
    assert rate("vllm") < rate(None) < rate("sglang")


def test_each_engine_has_its_own_limits():
    """As the engines start by default: vLLM with 1,024 requests on an H100 and 256 below 70 GiB, the others 2,048."""

    def limits(engine, gpu):
        profile = load_profiles("llama-3.1-8b", gpus=[gpu], engine=engine)[0][Kind(gpu, 1)]
        return profile.max_num_seqs, profile.cache_tokens

    assert [limits(engine, "H100")[0] for engine in ("vllm", "sglang", "tensorrt-llm")] == [1024, 2048, 2048]
    assert limits("vllm", "L4")[0] == 256
    # SGLang sets 10 GiB of 80 aside for its graphs, vLLM a tenth of the memory and little else.
    assert limits("sglang", "A10G")[1] < limits("vllm", "A10G")[1]


def test_an_engine_without_a_difference_is_the_mean():
    """Of an era of one engine, naming it changes nothing."""
    plain, named = (
        load_profiles("llama-2-7b", era="vllm-0.2.7", gpus=["A10G"], engine=engine)[0][Kind("A10G", 1)]
        for engine in (None, "vllm")
    )
    assert plain.engine == named.engine == "vllm"
    assert plain.max_tput(500, 200, Slo(100)) == named.max_tput(500, 200, Slo(100))


def test_an_engine_has_its_own_measurements_and_the_mean_has_them_moved():
    """NVIDIA's overview of TensorRT-LLM 1.0: 26.95/s of Llama-3.1-8B at 2048/128, fp8, one H100, all queued at once."""
    title, moved = "NVIDIA TensorRT-LLM 1.0 performance overview", {}
    for engine in (None, "vllm", "tensorrt-llm"):
        profile = load_profiles("llama-3.1-8b", "fp8", gpus=["H100"], engine=engine)[0][H100]
        points = profile.points.get((2048, 128), ())
        moved[engine] = [(point.requests_per_s, point.source) for point in points if point.origin == "measured"]
    assert moved["vllm"] == []
    assert moved["tensorrt-llm"] == [(26.95, title)]
    ((rate, source),) = moved[None]
    assert source == f"{title} (moved to the mean of engines)"
    assert 0.95 * 26.95 < rate < 26.95, "vLLM's step is longer, so is the mean's"


def test_shipped_measurements_of_another_engine_are_not_pinned():
    """Every measured point of an engine's profile names that engine; that of the mean has those of all."""
    counts = {}
    for engine in (None, "vllm", "sglang", "tensorrt-llm"):
        profile = load_profiles("llama-3.1-8b", "fp8", gpus=["H100"], engine=engine)[0][H100]
        points = [point for of in profile.points.values() for point in of if point.origin == "measured"]
        counts[engine] = len(points)
        assert engine is None or {engines_in(point.source) for point in points} <= {(engine,)}
    assert 0 < counts[None] <= counts["vllm"] + counts["sglang"] + counts["tensorrt-llm"]
