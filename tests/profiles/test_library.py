import pytest

from melange_cloud.domain import GPUS, Kind
from melange_cloud.errors import BadInput
from melange_cloud.profiles import (
    DEFAULT_ERA,
    find_era,
    find_gpus,
    find_model,
    load_eras,
    load_profiles,
    resolve_era,
    resolve_precision,
)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("llama-3.1-8b", "llama-3.1-8b"),
        ("Llama-3.1-8B", "llama-3.1-8b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("Meta Llama 3.1 70B Instruct", "llama-3.1-70b"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2-7b"),
        ("llama2-7b", "llama-2-7b"),
    ],
)
def test_models_are_found_as_people_spell_them(spelling: str, name: str) -> None:
    assert find_model(spelling).name == name


@pytest.mark.parametrize(("wrong", "close"), [("llama-3.1-8", "llama-3.1-8b"), ("lama-2-7b", "llama-2-7b")])
def test_an_unknown_model_offers_close_matches(wrong: str, close: str) -> None:
    with pytest.raises(BadInput, match=f"did you mean.*{close}"):
        find_model(wrong)


def test_what_resembles_nothing_lists_all() -> None:
    with pytest.raises(BadInput, match=r"not supported; known are llama-3\.1-8b, llama-3\.1-70b, llama-2-7b"):
        find_model("zzz")
    with pytest.raises(BadInput):
        find_model("")


@pytest.mark.parametrize(
    ("model", "era", "asked", "found"),
    [
        ("llama-3.1-8b", None, None, "bf16"),
        ("llama-3.1-8b", None, "fp16", "bf16"),
        ("llama-3.1-8b", None, "FP8", "fp8"),
        ("llama-2-7b", None, None, "fp16"),
        ("llama-2-7b", "vllm-0.2.7", "bf16", "fp16"),
    ],
)
def test_a_16_bit_precision_finds_the_16_bit_profile(model: str, era: str | None, asked: str, found: str) -> None:
    assert resolve_precision(model, era, asked) == found


@pytest.mark.parametrize(
    ("model", "era", "precision", "names"),
    [
        ("llama-2-7b", "vllm-0.2.7", "fp8", "fp16"),
        ("llama-3.1-8b", None, "int4", "not supported; known are bf16, fp16 and fp8"),
        ("llama-3.1-8b", "vllm-0.2.7", None, "2025"),
        ("llama-3.1-8b", "2019", None, r"known are 2025 and vllm-0\.2\.7"),
    ],
)
def test_an_unknown_precision_or_era_lists_what_exists(model: str, era: str, precision: str, names: str) -> None:
    with pytest.raises(BadInput, match=names):
        load_profiles(model, precision, era)


def test_gpus_are_found_in_any_case_and_in_one_order() -> None:
    assert find_gpus(["h100", "l4", "H100"]) == ("L4", "H100")
    assert find_gpus() == GPUS
    with pytest.raises(BadInput, match="comes in several sizes; give A100-40GB or A100-80GB"):
        find_gpus(["A100"])


def test_the_default_era_is_the_first_of_the_file() -> None:
    assert find_era().name == DEFAULT_ERA == next(iter(load_eras()))
    assert resolve_era("llama-2-7b") == DEFAULT_ERA
    assert resolve_era("llama-2-7b", "vllm-0.2.7") == "vllm-0.2.7"


def test_every_kind_has_a_profile_or_a_reason() -> None:
    for era in load_eras().values():
        for model, precisions in era.models.items():
            for precision in precisions:
                found, missing = load_profiles(model, precision, era.name)
                for kind in (Kind(gpu, degree) for gpu in GPUS for degree in (1, 2, 4, 8)):
                    assert (kind in found) + (kind in missing or kind.gpu in missing) == 1, kind
                assert all(missing.values())
                assert [kind.gpu for kind in found] == sorted((kind.gpu for kind in found), key=GPUS.index)


def test_reasons_give_what_is_missing() -> None:
    found, missing = load_profiles("llama-3.1-70b", gpus=["A100-80GB"])
    assert list(found) == [Kind("A100-80GB", degree) for degree in (4, 8)]
    assert missing[Kind("A100-80GB", 1)] == (
        "131.4 GiB of bf16 weights do not fit on one A100-80GB: 62.0 GiB are missing"
    )
    assert (
        "131.4 GiB of bf16 weights leave 6.8 GiB for the cache on 2 x A100-80GB: a sliver"
        in (missing[Kind("A100-80GB", 2)])
    )
    assert len(missing) == 2
    assert load_profiles("llama-3.1-8b", "fp8", gpus=["A10G"]) == ({}, {"A10G": "A10G does not support fp8"})
    assert (
        "has only the smallest number of GPUs that fits"
        in load_profiles("llama-2-7b", era="vllm-0.2.7")[1][Kind("L4", 4)]
    )


def test_only_the_gpus_asked_for_are_loaded() -> None:
    found, missing = load_profiles("llama-3.1-8b", gpus=["L4", "H100"])
    assert {kind.gpu for kind in found} == {"L4", "H100"}
    assert missing == {}
