"""A config.json becomes a shape with the parameters of the published weights; what cannot be estimated is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.errors import BadFile, BadInput
from melange_cloud.estimator.config_json import read_config
from melange_cloud.estimator.families import FAMILIES
from melange_cloud.profiles import load_models
from melange_cloud.profiles.estimates.estimated import estimated_profile
from melange_cloud.profiles.files.profile_file import check_profile_file, parse_profile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile


def config(kind, layers, hidden, heads, kv_heads, intermediate, vocab, context=4096, **more):
    return {
        "model_type": kind,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate,
        "vocab_size": vocab,
        "max_position_embeddings": context,
        "torch_dtype": "bfloat16",
        **more,
    }


LLAMA_8B = config("llama", 32, 4096, 32, 8, 14336, 128256, 131072, tie_word_embeddings=False)
SHIPPED = {
    "llama-3.1-8b": LLAMA_8B,
    "llama-3.1-70b": config("llama", 80, 8192, 64, 8, 28672, 128256, 131072),
    "llama-2-7b": config("llama", 32, 4096, 32, 32, 11008, 32000, torch_dtype="float16"),
    "llama-2-70b": config("llama", 80, 8192, 64, 8, 28672, 32000, torch_dtype="float16"),
    "mistral-7b": config("mistral", 32, 4096, 32, 8, 14336, 32768, 32768, sliding_window=None),
    "qwen3-32b": config(
        "qwen3", 64, 5120, 64, 8, 25600, 151936, 40960, head_dim=128, use_sliding_window=False, sliding_window=None
    ),
    "qwen2.5-7b": config("qwen2", 28, 3584, 28, 4, 18944, 152064, use_sliding_window=False),
    "qwen2.5-32b": config("qwen2", 64, 5120, 40, 8, 27648, 152064, use_sliding_window=False),
}
# Parameters of the published weights, as the tensors of each repository sum up.
PUBLISHED = {
    "llama-3.1-8b": (SHIPPED["llama-3.1-8b"], 8_030_261_248),
    "llama-3.1-70b": (SHIPPED["llama-3.1-70b"], 70_553_706_496),
    "llama-2-7b": (SHIPPED["llama-2-7b"], 6_738_415_616),
    "llama-2-70b": (SHIPPED["llama-2-70b"], 68_976_648_192),
    "mistral-7b": (SHIPPED["mistral-7b"], 7_248_023_552),
    "qwen3-32b": (SHIPPED["qwen3-32b"], 32_762_123_264),
    "mistral-7b-v0.1": (config("mistral", 32, 4096, 32, 8, 14336, 32000, 32768, sliding_window=4096), 7_241_732_096),
    "llama-3.2-1b": (
        config("llama", 16, 2048, 32, 8, 8192, 128256, head_dim=64, tie_word_embeddings=True),
        1_235_814_400,
    ),
    "qwen3-8b": (config("qwen3", 36, 4096, 32, 8, 12288, 151936, head_dim=128), 8_190_735_360),
    "qwen2.5-7b": (SHIPPED["qwen2.5-7b"], 7_615_616_512),
    "qwen2.5-32b": (SHIPPED["qwen2.5-32b"], 32_763_876_352),
    "qwen2.5-0.5b": (config("qwen2", 24, 896, 14, 2, 4864, 151936, tie_word_embeddings=True), 494_032_768),
    "gemma-7b": (config("gemma", 28, 3072, 16, 16, 24576, 256000, 8192, head_dim=256), 8_537_680_896),
    "gemma-2-9b": (config("gemma2", 42, 3584, 16, 8, 14336, 256000, 8192, head_dim=256), 9_241_705_984),
    "gemma-3-1b": (config("gemma3_text", 26, 1152, 4, 1, 6912, 262144, 32768, sliding_window=512), 999_885_952),
    "phi-3-mini": (config("phi3", 32, 3072, 32, 32, 8192, 32064, 4096, sliding_window=2047), 3_821_079_552),
    "olmo-7b": (config("olmo", 32, 4096, 32, 32, 11008, 50304, 2048), 6_888_095_744),
    "olmo-2-7b": (config("olmo2", 32, 4096, 32, 32, 11008, 100352), 7_298_617_344),
    "smollm3-3b": (config("smollm3", 36, 2048, 16, 4, 11008, 128256, 65536), 3_075_098_624),
    "starcoder2-7b": (config("starcoder2", 32, 4608, 36, 4, 18432, 49152, 16384, use_bias=True), 7_173_923_840),
    "pythia-6.9b": (config("gpt_neox", 32, 4096, 32, None, 16384, 50432, 2048), 6_857_302_016),
}


@pytest.fixture
def read(tmp_path):
    def made(fields, name="m", **more):
        file = tmp_path / "config.json"
        file.write_text(fields if isinstance(fields, str) else json.dumps(fields), "utf-8")
        return read_config(file, name, **more)

    return made


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_parameters_are_those_of_the_published_weights(name, read):
    fields, parameters = PUBLISHED[name]
    assert read(fields).parameters == parameters


@pytest.mark.parametrize("name", sorted(load_models()))
def test_a_shipped_model_has_the_shape_of_its_config(name, read):
    shipped, model = load_models()[name], read(SHIPPED[name], name)
    for field in ("parameters", "layers", "hidden", "heads", "kv_heads", "head_dim", "intermediate", "vocab"):
        assert getattr(model, field) == getattr(shipped, field), field
    assert model.tied_embeddings == shipped.tied_embeddings
    assert model.native_precision == shipped.native_precision
    assert model.cache_bytes_per_token == shipped.cache_bytes_per_token
    # At fp8 the biases of query, key and value stay in 16 bits, which a shipped model does not know.
    biases = shipped.layers * shipped.head_dim * (shipped.heads + 2 * shipped.kv_heads) if "qwen2" in name else 0
    assert abs((model.weight_bytes("fp8") + biases) / shipped.weight_bytes("fp8") - 1) < 1e-5  # norms


def test_a_shipped_model_is_estimated_as_it_is_shipped(read):
    made = estimated_profile(read(LLAMA_8B, "llama-3.1-8b"), "l4", tensor_parallel=1)
    from melange_cloud.calibration.build_profiles import estimates

    (table,) = [
        table
        for table in estimates(["llama-3.1-8b"])
        if (table.header.era, table.header.precision, table.header.gpu) == ("2025", "bf16", "L4")
    ]
    (kind,) = made.replicas
    assert made.sizes(kind) == table.sizes(kind)
    assert all(made.points(kind, size) == table.points(kind, size) for size in made.sizes(kind))


REFUSED = {
    "num_local_experts": (8, "mixture of experts"),
    "num_experts": (128, "mixture of experts"),
    "n_routed_experts": (256, "mixture of experts"),
    "kv_lora_rank": (512, "MLA"),
    "mamba_d_state": (16, "state-space"),
    "layer_types": (["full_attention", "linear_attention"], "'linear_attention' layers"),
    "attention_chunk_size": (8192, "chunked attention"),
    "is_encoder_decoder": (True, "encoder-decoder"),
    "vision_config": ({"hidden_size": 1024}, "images or sound"),
    "text_config": (LLAMA_8B, "save the object 'text_config' as its own file"),
    "quantization_config": ({"quant_method": "awq", "bits": 4}, r"quantized \(awq\).*unquantized model"),
    "peft_type": ("LORA", "base model"),
    "model_type": ("mixtral", "'mixtral', which is not read: known are gemma, "),
}


@pytest.mark.parametrize("field", sorted(REFUSED))
def test_what_cannot_be_estimated_is_refused_with_the_reason(field, read):
    value, reason = REFUSED[field]
    with pytest.raises(BadFile, match=rf"config\.json, {field}: .*{reason}") as refused:
        read({**LLAMA_8B, field: value})
    assert len(str(refused.value).splitlines()) == 1


def test_fields_that_switch_nothing_on_are_no_reason(read):
    idle = {"num_local_experts": 1, "num_experts": 0, "kv_lora_rank": None, "quantization_config": None}
    assert read({**LLAMA_8B, **idle, "layer_types": ["full_attention"] * 32}).parameters == 8_030_261_248


ABSURD: dict[str, list[Any]] = {
    "num_hidden_layers": [0, -1, 32.5, "32", None, True, [1, 2], 10**9],
    "hidden_size": [0, 4097, "4096", {}, 10**12],
    "num_attention_heads": [0, 33, "x"],
    "num_key_value_heads": [0, 5, 64, [8, 8]],
    "intermediate_size": [0, None, "a"],
    "vocab_size": [3, None, -5],
    "max_position_embeddings": [1, None, "long"],
    "sliding_window": [-4, 1, "wide"],
    "layer_types": ["full_attention", 3],
    "head_dim": [-1, 0, "128", 1e300],
    "tie_word_embeddings": ["yes", 1],
    "attention_bias": ["no"],
    "torch_dtype": ["int4", 7, "float8_e4m3fn"],
    "model_type": [None, 7, ""],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ABSURD.items() for value in values])
def test_absurd_fields_are_named_with_the_cure(field, value, read):
    named = "hidden_size" if (field, value) == ("num_attention_heads", 33) else field
    with pytest.raises(BadFile, match=rf"config\.json, ({named}|num_key_value_heads): (is|says) ") as refused:
        read({**LLAMA_8B, field: value})
    assert (
        "must be" in str(refused.value)
        or "add" in str(refused.value)
        or "divide" in str(refused.value)
        or ("give" in str(refused.value))
    )


def test_all_faults_together(read):
    with pytest.raises(BadFile) as refused:
        read({**LLAMA_8B, "vocab_size": 3, "num_hidden_layers": 0, "torch_dtype": "int4"})
    assert [fault.field for fault in refused.value.faults] == ["num_hidden_layers", "vocab_size", "torch_dtype"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ('{"model_type": "llama",', "line 1: is not JSON"),
        ('{"hidden_size": NaN}', "has NaN where a number is expected"),
        ("[1, 2]", "not an object {...}"),
        ("[" * 100_000, "nested more than 64 levels deep: it is not a config.json"),
        (" " * 1_000_001, "larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_config(text, reason, read):
    with pytest.raises(BadFile, match=reason):
        read(text)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(BadFile, match=r"cannot be read \(No such file"):
        read_config(tmp_path / "config.json")
    with pytest.raises(BadFile, match=r"is a folder; give .*config\.json"):
        read_config(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(BadFile, match="is not UTF-8 text"):
        read_config(tmp_path / "w.bin")


def test_a_sliding_window_ends_the_profile_and_says_so(read):
    assert read(SHIPPED["mistral-7b"]).max_model_len == 32768
    model = read({**SHIPPED["mistral-7b"], "sliding_window": 4096})
    assert model.max_model_len == 4096
    assert "sliding window of 4,096 tokens" in model.notes[0]
    absent = {key: value for key, value in SHIPPED["mistral-7b"].items() if key != "sliding_window"}
    assert read(absent).max_model_len == 4096  # as its class takes it
    qwen = {**SHIPPED["qwen3-32b"], "use_sliding_window": True, "sliding_window": 2048, "max_window_layers": 32}
    assert read(qwen).max_model_len == 2048
    assert read({**qwen, "max_window_layers": 64}).max_model_len == 40960
    gemma, _ = PUBLISHED["gemma-3-1b"]
    assert read(gemma).max_model_len == 512
    assert read({**gemma, "layer_types": ["full_attention"] * 26}).max_model_len == 32768


def test_kv_heads_are_required_where_the_class_has_a_number_of_its_own(read):
    assert read({**LLAMA_8B, "num_key_value_heads": None}).kv_heads == 32
    with pytest.raises(BadFile, match="num_key_value_heads: is missing"):
        read({**SHIPPED["mistral-7b"], "num_key_value_heads": None})


def test_names(tmp_path, read):
    folder = tmp_path / "My Model v2"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_8B))
    assert read_config(folder / "config.json").name == "my-model-v2"
    assert read({**LLAMA_8B, "_name_or_path": "meta-llama/Llama-3.1-8B"}, None).name == "llama-3.1-8b"
    (tmp_path / "tiny.json").write_text(json.dumps(LLAMA_8B))
    assert read_config(tmp_path / "tiny.json").name == "tiny"


def test_precision(read):
    assert read(LLAMA_8B).native_precision == "bf16"
    half = {**LLAMA_8B, "torch_dtype": "float16"}
    assert read(half).native_precision == "fp16"
    assert read({**half, "dtype": "bfloat16"}).native_precision == "bf16"
    whole = read({**LLAMA_8B, "torch_dtype": "float32"})
    assert (whole.native_precision, whole.notes) == ("bf16", ("32-bit weights are served in 16 bits",))
    assert read({**LLAMA_8B, "torch_dtype": None}).notes == ("the config names no torch_dtype: taken as bf16",)


def test_a_replica_that_does_not_fit_says_what_would(read):
    big = read(SHIPPED["llama-3.1-70b"])
    with pytest.raises(BadInput, match=r"131\.4 GiB of bf16 weights .*: [0-9.]+ GiB are missing; use --tp [24]"):
        estimated_profile(big, "A100-80GB", tensor_parallel=1)
    with pytest.raises(BadInput, match="more GPUs of one instance do not help"):
        estimated_profile(replace(big, parameters=10**12), "H100")
    middle = replace(read(LLAMA_8B), parameters=13 * 10**9, counted_layer_parameters=12 * 10**9)
    with pytest.raises(BadInput, match=r"use --tp 2 or --precision fp8"):
        estimated_profile(middle, "L4", tensor_parallel=1)
    assert [kind.tensor_parallel for kind in estimated_profile(big, "A100-80GB").replicas] in ([2], [4])


def test_a_degree_that_splits_no_heads_is_refused(read):
    model = read(PUBLISHED["qwen2.5-7b"][0])
    with pytest.raises(BadInput, match=r"--tp 8: does not split the 28 attention heads.*; use 1, 2, 4"):
        estimated_profile(model, "H100", tensor_parallel=8)
    with pytest.raises(BadInput, match="--tp 3: only 1, 2, 4, 8 can be estimated"):
        estimated_profile(model, "H100", tensor_parallel=3)
    with pytest.raises(BadInput, match="A10G does not support fp8"):
        estimated_profile(model, "A10G", precision="fp8")
    with pytest.raises(BadInput, match="--precision int4"):
        estimated_profile(model, "A10G", precision="int4")


def test_a_family_that_was_never_measured_is_trusted_less(read, tmp_path):
    grades = {}
    for name in ("llama-3.1-8b", "pythia-6.9b"):
        text = estimated_profile(read(PUBLISHED[name][0]), "H100", tensor_parallel=1).text
        file = tmp_path / f"{name}.csv"
        file.write_text(text)
        check_profile_file(file)
        profile = parse_profile(file, text)
        (kind,) = profile.rows
        grades[name] = {
            (point.grade, point.error) for points in GridProfile(profile, kind).points.values() for point in points
        }
    assert "B" in {grade for grade, _ in grades["llama-3.1-8b"]}
    assert {grade for grade, _ in grades["pythia-6.9b"]} <= {"C", "D"}
    assert min(error for _, error in grades["pythia-6.9b"]) >= 0.3


@given(
    kind=st.sampled_from(sorted(FAMILIES)),
    layers=st.integers(1, 80),
    group=st.sampled_from([1, 2, 4, 8]),
    kv_heads=st.integers(1, 16),
    head_dim=st.sampled_from([64, 128, 256]),
    intermediate=st.integers(64, 30000),
    vocab=st.integers(100, 260000),
    tied=st.booleans(),
)
def test_parameters_grow_with_every_part(
    kind, layers, group, kv_heads, head_dim, intermediate, vocab, tied, tmp_path_factory
):
    heads = group * kv_heads
    fields = config(kind, layers, max(64, heads * head_dim), heads, kv_heads, intermediate, vocab, 2048,
                    head_dim=head_dim, tie_word_embeddings=tied)  # fmt: skip
    file = tmp_path_factory.getbasetemp() / "any.json"

    def parameters(**changed):
        file.write_text(json.dumps({**fields, **changed}))
        return read_config(file, "m").parameters

    here = parameters()
    model = read_config(file, "m")
    assert here == model.layer_parameters + (1 if tied else 2) * model.head_parameters + (
        0 if kind == "olmo" else model.hidden * (2 if FAMILIES[kind].norm_bias else 1)
    )
    per_layer = model.layer_parameters / layers
    assert parameters(num_hidden_layers=layers + 1) == here + per_layer
    assert parameters(intermediate_size=intermediate + 1) > here
    assert parameters(tie_word_embeddings=False) == here + tied * model.head_parameters
