"""Whose results they are: names, precisions, GPUs and degrees in a file against what was requested."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.errors import BadInput
from melange_cloud.estimator.spec_files import load_models
from melange_cloud.profiles.attribution.attribute import Attribution, attribute
from melange_cloud.profiles.attribution.model_names import clues_of, dense_parameters
from melange_cloud.profiles.attribution.named_model import other_model
from melange_cloud.profiles.importers import read_runs
from melange_cloud.profiles.lookup import SAME_SHAPE

(RUN,) = read_runs(Path(__file__).parent / "benchmark_files" / "vllm_2025.json")


def attributed(said: str, asked: str | None = "llama-3.1-8b", labels: Any = (), **options: Any) -> Attribution:
    options = {"gpu": "H100", "tensor_parallel": 1, **options}
    return attribute([replace(RUN, model=said, labels=tuple(labels), tpot_ms=80)], model=asked, **options)


@pytest.mark.parametrize(
    ("name", "tells"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", ("llama-3.1-8b", "8b", "llama", "3.1", "")),
        ("meta-llama/Meta-Llama-3.1-70B-Instruct-FP8-dynamic", ("llama-3.1-70b", "70b", "llama", "3.1", "fp8")),
        ("amd/Llama-3.1-70B-Instruct-FP8-KV", ("llama-3.1-70b", "70b", "llama", "3.1", "fp8")),
        ("Qwen/Qwen2.5-72B-Instruct-AWQ", ("qwen2.5-72b", "72b", "qwen", "2.5", "awq")),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", ("mixtral-8x7b-instruct-v0.1", "8x7b", "mixtral", "", "")),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", ("deepseek-r1-distill-llama-70b", "70b", "llama", "", "")),
        ("/models/prod", ("prod", "", "", "", "")),
        ("", ("", "", "", "", "")),
    ],
)
def test_what_a_name_says(name: str, tells: tuple[str, ...]) -> None:
    found = clues_of(name)
    assert (found.plain, found.size, found.family, found.version, found.precision) == tells


@pytest.mark.parametrize(
    "said",
    [
        "meta-llama/Meta-Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.1-8B",
        "llama-3.1-8b",
        "RedHatAI/Meta-Llama-3.1-8B-Instruct-BF16",
        "acme/llama-3.1-8b-support",
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "/models/prod",
        "default",
        "",
    ],
)
def test_other_spellings_tunings_and_opaque_names_are_the_model_asked_for(said: str) -> None:
    assert attributed(said).model == "llama-3.1-8b"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        ("meta-llama/Llama-3.3-70B-Instruct", "size 70b"),
        ("nvidia/Llama-3.1-405B-Instruct-FP8", "size 405b"),
        ("Qwen/Qwen2.5-72B-Instruct", "size 72b"),
        ("Qwen/Qwen2.5-8B-Instruct", "family qwen"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "size 8x7b"),
        ("lmsys/vicuna-13b", "size 13b"),
        ("llama-4-8b", "version 4"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral-7b"),
    ],
)
def test_another_model_is_refused_until_it_is_confirmed(said: str, why: str) -> None:
    with pytest.raises(BadInput) as raised:
        attributed(said)
    assert f"--model llama-3.1-8b: the results are from {said}" in str(raised.value).replace(f"{why} ({said})", said)
    assert why in str(raised.value)
    assert f"--result-model '{said}'" in str(raised.value)
    confirmed = attributed(said, result_model=said, precision="bf16" if "FP8" not in said else "fp8")
    assert confirmed.model == "llama-3.1-8b"
    assert "as confirmed by --result-model" in confirmed.notes[0]
    with pytest.raises(BadInput):
        attributed(said, result_model="another")


def test_what_was_taken_on_the_users_word_is_noted() -> None:
    assert attributed("/models/prod").notes == (
        "the results are from /models/prod; used as llama-3.1-8b, as requested by --model",
    )
    assert attributed("meta-llama/Llama-3.1-8B-Instruct").notes == ()


def test_a_model_of_the_same_shape_is_found_without_the_option() -> None:
    found = attributed("meta-llama/Llama-3.3-70B-Instruct", None, tensor_parallel=8)
    assert found.model == "llama-3.1-70b"
    assert "built like llama-3.1-70b" in found.notes[0]
    assert set(SAME_SHAPE.values()) <= set(load_models())


@pytest.mark.parametrize(
    ("said", "labels", "precision"),
    [
        ("nvidia/Llama-3.1-8B-Instruct-FP8", (), "fp8"),
        ("Qwen/Qwen3-32B-FP8", (), "fp8"),
        ("meta-llama/Llama-3.1-8B-Instruct", (("quantization", "fp8"), ("dtype", "bfloat16")), "fp8"),
        ("meta-llama/Llama-3.1-8B-Instruct", (("dtype", "float16"),), "bf16"),
        ("hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4", (), "awq"),
    ],
)
def test_the_precision_of_the_weights_is_what_name_and_labels_say(said: str, labels: Any, precision: str) -> None:
    assert attributed(said, None, labels, tensor_parallel=4).precision == precision
    wrong = "fp8" if precision != "fp8" else "bf16"
    with pytest.raises(BadInput, match=f"--precision {wrong}: the results say"):
        attributed(said, None, labels, tensor_parallel=4, precision=wrong)


HF_70B = (
    "~/.cache/huggingface/hub/models--meta-llama--Llama-3.1-70B-Instruct/snapshots/"
    "1605565b47bb9346c5515c34102e054115b4f98b"
)


@pytest.mark.parametrize(
    ("path", "tells"),
    [
        (HF_70B, ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("/models/llama3-70b-instruct/snapshot", ("llama3-70b", "70b", "llama", "3", "")),
        ("s3://bucket/Llama-3.1-70B-Instruct/v1", ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("/data/weights/Llama-3.1-70B-Instruct/", ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("https://host/m/Llama-3.1-70B/resolve/main?download=1", ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("C:\\models\\Llama-3.1-70B\\final", ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("/models/llama-3.1/70B-Instruct/", ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("gs://bucket/Llama-3.1-70B/awq/checkpoint-500", ("llama-3.1-70b", "70b", "llama", "3.1", "awq")),
        ("/mnt/llama-3-1-70b-instruct/1", ("llama-3.1-70b", "70b", "llama", "3.1", "")),
        ("/opt/ml/model", ("ml", "", "", "", "")),
        ("/models/prod/v1", ("prod", "", "", "", "")),
    ],
)
def test_of_a_path_the_part_that_names_the_model_counts(path: str, tells: tuple[str, ...]) -> None:
    found = clues_of(path)
    assert (found.plain, found.size, found.family, found.version, found.precision) == tells
    if found.size:
        with pytest.raises(BadInput, match="70b"):
            attributed(path)


def test_a_long_path_is_confirmed_by_the_name_in_it() -> None:
    with pytest.raises(BadInput, match=r"add --result-model 'llama-3\.1-70b-instruct'"):
        attributed(HF_70B)
    for confirmed in ("llama-3.1-70b-instruct", "meta-llama/Llama-3.1-70B-Instruct", HF_70B):
        assert attributed(HF_70B, result_model=confirmed).model == "llama-3.1-8b"
    with pytest.raises(BadInput):
        attributed(HF_70B, result_model="1605565b47bb9346c5515c34102e054115b4f98b")


def test_a_model_is_never_called_after_its_snapshot() -> None:
    assert attributed(HF_70B, None, tensor_parallel=8).model == "llama-3.1-70b"
    other = "/hub/models--Qwen--Qwen3-0.6B/snapshots/1605565b47bb9346c5515c34102e054115b4f98b"
    assert attributed(other, None, precision="bf16").model == "qwen3-0.6b"


@pytest.mark.parametrize(
    ("ending", "precision"),
    [
        ("-quantized.w4a16", "int4"),
        ("-quantized.w8a8", "int8"),
        ("-Q4_K_M", "gguf"),
        (".IQ3_XS.gguf", "gguf"),
        ("-4-bit", "int4"),
        ("-W8A8-FP8", "fp8"),
        ("-NVFP4", "fp4"),
        ("-w4afp8", "int4"),
        ("-q4f16_1-MLC", "int4"),
        ("-EXL2-4.0bpw", "exl2"),
        ("-qat-q4_0", "gguf"),
        ("-GPTQ-Int4", "gptq"),
        ("-bnb-4bit", "bnb"),
        ("-BF16", "bf16"),
        ("-merged_16bit", "bf16"),
        ("/awq/v2", "awq"),
    ],
)
def test_a_quantised_model_is_never_taken_for_bf16(ending: str, precision: str) -> None:
    assert attributed(f"meta-llama/Llama-3.1-8B-Instruct{ending}").precision == precision


@pytest.mark.parametrize(
    ("label", "precision"),
    [
        ("awq_marlin", "awq"),
        ("gptq_marlin", "gptq"),
        ("fp8", "fp8"),
        ("fbgemm_fp8", "fp8"),
        ("bitsandbytes", "bnb"),
        ("experts_int8", "int8"),
        ("w8a8_int8", "int8"),
        ("modelopt_fp4", "fp4"),
        ("gguf", "gguf"),
        ("None", "bf16"),
        ("bfloat16", "bf16"),
    ],
)
def test_the_engines_words_for_quantisation_are_known(label: str, precision: str) -> None:
    assert attributed("llama-3.1-8b", labels=(("quantization", label), ("dtype", "bfloat16"))).precision == precision


@pytest.mark.parametrize("label", ["compressed-tensors", "marlin", "modelopt", "moe_wna16", "true", "of-2031"])
def test_quantised_without_saying_how_is_asked_for(label: str) -> None:
    labels = (("quantization", label), ("dtype", "bfloat16"))
    for asked in (None, "bf16"):
        with pytest.raises(BadInput, match=rf"the weights are quantised \({label}\), but not how"):
            attributed("llama-3.1-8b", labels=labels, precision=asked)
    assert attributed("llama-3.1-8b", labels=labels, precision="fp8").precision == "fp8"
    assert attributed("meta-llama/Llama-3.1-8B-FP8", labels=labels).precision == "fp8"


@pytest.mark.parametrize(
    "ending", ["quantized", "1.58bit", "4.0bpw", "QuIP#", "QAT", "compressed-tensors", "AutoRound", "torchao"]
)
def test_a_name_that_is_quantised_without_saying_how_is_asked_for(ending: str) -> None:
    with pytest.raises(BadInput, match=rf"quantised \(acme/llama-3.1-8b-{ending}\)"):
        attributed(f"acme/llama-3.1-8b-{ending}")


def test_four_bits_and_awq_are_one() -> None:
    labels = (("quantization", "awq_marlin"),)
    assert attributed("llama-3.1-8b-w4a16", labels=labels).precision == "awq"
    assert attributed("llama-3.1-8b-w4a16", precision="gptq").precision == "gptq"


def test_a_quantised_run_says_nothing_about_another_next_to_it() -> None:
    runs = [replace(RUN, model=name, tpot_ms=80) for name in ("llama-3.1-8b", "nvidia/Llama-3.1-8B-FP8")]
    with pytest.raises(BadInput, match=r"several precisions, nvidia/Llama-3\.1-8B-FP8 and llama-3\.1-8b"):
        attribute(runs, gpu="H100", tensor_parallel=1)


def test_bf16_and_fp16_are_the_same_to_us() -> None:
    assert attributed("llama-3.1-8b", labels=(("dtype", "half"),), precision="bf16").precision == "bf16"


@pytest.mark.parametrize(
    ("labels", "options", "says"),
    [
        ((("gpu_name", "NVIDIA L4"),), {"gpu": "H100"}, "--gpu H100: the results say L4"),
        ((("accelerator", "RTX 6000 Ada"),), {"gpu": "H100"}, "the results say RTX 6000 Ada"),
        ((("gpu_type", "NVIDIA A100-SXM4-80GB"),), {"gpu": "A100-40GB"}, "the results say A100-80GB"),
        ((("tp_size", "4"),), {"tensor_parallel": 2}, "--tp 2: the results say 4"),
        ((("tensor_parallel_size", "4.0"),), {"tensor_parallel": 2}, "--tp 2: the results say 4"),
        ((("kv_cache_dtype", "auto"), ("gpu", "TPU v5e")), {"gpu": None}, "--gpu TPU v5e: not supported; known are L4"),
    ],
)
def test_gpu_and_degree_of_the_file_are_held_against_what_was_asked(labels: Any, options: Any, says: str) -> None:
    with pytest.raises(BadInput) as raised:
        attributed("llama-3.1-8b", labels=labels, **options)
    assert says in str(raised.value)


def test_a_family_of_gpus_leaves_open_which() -> None:
    assert attributed("llama-3.1-8b", labels=(("gpu", "A100"),), gpu="A100-80GB").gpu == "A100-80GB"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Qwen/Qwen2.5-14B-Instruct", 14e9),
        ("Qwen/Qwen3-0.6B", 0.6e9),
        ("Qwen/Qwen3-30B-A3B", None),
        ("mistralai/Mixtral-8x7B-v0.1", None),
        ("deepseek-ai/DeepSeek-V2-Lite-16b", None),
        ("openai/gpt-oss-20b", None),
        ("acme/prod", None),
    ],
)
def test_parameters_in_a_name(name: str, parameters: float | None) -> None:
    assert dense_parameters(name) == parameters


def test_an_unknown_model_is_doubted_by_its_name() -> None:
    """14e9 parameters, 40 requests/s of 450 tokens: 504 TFLOP/s, for the 121 of an L4."""
    fast = replace(RUN, model="Qwen/Qwen2.5-14B", requests_per_s=40, asked_requests_per_s=40.0)
    (note,) = attribute([fast], gpu="L4", tensor_parallel=1, precision="bf16").notes
    assert "need 504 TFLOP/s, but L4 at --tp 1 has 121" in note
    assert attribute([fast], gpu="H100", tensor_parallel=1, precision="bf16").notes == ()


def test_names_that_no_file_can_bear() -> None:
    for said, says in (("///", "--model: the results do not name"), ("x" * 5000, "has 5,000 characters")):
        with pytest.raises(BadInput, match=says):
            attributed(said, None, precision="bf16")
    assert attributed("///").model == "llama-3.1-8b"
    with pytest.raises(BadInput, match="--kv-cache-dtype five: give auto, bf16, fp16, fp8 or int8"):
        attributed("llama-3.1-8b", kv_cache_dtype="five")


def test_a_server_of_another_model_is_distinguished_from_one_with_its_own_name() -> None:
    assert other_model("meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-8b").startswith("llama-3.1-70b (")
    assert other_model("Qwen/Qwen2-72B", "my-llama-8b") == "Qwen/Qwen2-72B (size 72b)"
    for served in ("prod", "", "llama-3.1-8b-support", "meta-llama/Llama-3.1-8B"):
        assert other_model(served, "llama-3.1-8b") == ""


@pytest.mark.parametrize(
    ("said", "field", "name", "why"),
    [
        ("prod", "tokenizer_id", "meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        ("prod", "tokenizer_id", "meta-llama/Llama-3.3-70B-Instruct", "size 70b"),
        ("", "tokenizer", "/cache/models--Qwen--Qwen2.5-7B/snapshots/0123456789abcdef", "7b"),
        ("prod", "served_model_name", "llama-70b", "size 70b"),
        ("", "tag", "llama-70b", "size 70b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "served_model_name", "mistral-7b", "mistral-7b"),
    ],
)
def test_what_else_names_another_model_is_refused_until_it_is_confirmed(
    said: str, field: str, name: str, why: str
) -> None:
    run = replace(RUN, model=said, other_names=((field, name),), tpot_ms=80)
    options: Any = {"gpu": "H100", "tensor_parallel": 1, "model": "llama-3.1-8b"}
    for confirmed in (None, "prod"):
        with pytest.raises(BadInput) as raised:
            attribute([run], **options, result_model=confirmed)
        assert f"{field} in the results says" in str(raised.value)
        assert why in str(raised.value)
    assert f"--result-model '{name}'" in str(raised.value)
    found = attribute([run], **options, result_model=name)
    assert found.model == "llama-3.1-8b"
    assert any(f"{field} in the results is {name}" in note for note in found.notes)


def test_a_tokenizer_next_to_a_clear_name_or_of_the_same_model_does_not_contradict() -> None:
    options: Any = {"gpu": "H100", "tensor_parallel": 1}
    tokenizer = (("tokenizer_id", "meta-llama/Llama-3.1-70B-Instruct"),)
    clear = replace(RUN, other_names=tokenizer, tpot_ms=80)
    assert attribute([clear], model="llama-3.1-8b", **options).notes == ()
    own = replace(clear, model="prod")
    assert attribute([own], model="prod", precision="bf16", **options).model == "prod"
    with pytest.raises(BadInput, match=r"--model: tokenizer_id in the results says llama-3\.1-70b"):
        attribute([own], precision="bf16", **options)
    same = replace(own, other_names=(("tokenizer_id", "meta-llama/Llama-3.1-8B-Instruct"), ("tag", "tuesday")))
    assert attribute([same], model="llama-3.1-8b", **options).model == "llama-3.1-8b"
    awq = replace(own, other_names=(("served_model_name", "llama-3.1-8b-awq"),))
    assert attribute([awq], model="llama-3.1-8b", **options).precision == "awq"
