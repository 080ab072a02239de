"""What people call GPUs, clouds and ways to buy, and what is understood; what is not known is never guessed."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.domain import GPUS, PROVIDERS, PURCHASES
from melange_cloud.errors import BadInput
from melange_cloud.inputs.cloud_names import cloud_of_option
from melange_cloud.inputs.comma_lists import listed, listed_or_all
from melange_cloud.inputs.gpu_names import gpu_of_option, gpus_meant
from melange_cloud.inputs.purchase_names import purchase_named
from melange_cloud.inputs.suggestions import slips_of

GPU_NAMES = {
    "L4": ("l4", "nvidia-l4", "NVIDIA L4", "L4-24GB", " L4 "),
    "A10G": ("a10g", "NVIDIA A10G", "nvidia_a10g", "A10G 24GB"),
    "A100-40GB": ("a100-40gb", "A100 40GB", "a100_40g", "A100-40", "A10040GB", "A100-SXM4-40GB",
                  "NVIDIA A100-SXM4-40GB", "nvidia-tesla-a100"),
    "A100-80GB": ("a100-80gb", "A100/80GB", "A100-80GiB", "nvidia-a100-80gb", "NVIDIA A100-SXM4-80GB", "A10080"),
    "H100": ("h100", "H100-80GB", "NVIDIA H100 80GB HBM3", "nvidia-h100-80gb", "nvidia-h100-mega-80gb", "H100 SXM5"),
}  # fmt: skip


def test_gpus_are_understood_as_tools_and_clouds_write_them() -> None:
    assert set(GPU_NAMES) == set(GPUS)
    for gpu, names in GPU_NAMES.items():
        assert {name: gpu_of_option("--gpu", name) for name in (gpu, *names)} == dict.fromkeys((gpu, *names), gpu)


def test_a_chip_in_two_sizes_is_not_guessed() -> None:
    for word in ("A100", "a100", "NVIDIA A100", "Tesla A100", "a100-sxm4"):
        assert gpus_meant(word) == ("A100-40GB", "A100-80GB")
        with pytest.raises(BadInput) as refused:
            gpu_of_option("--gpu", word)
        assert str(refused.value) == f"--gpu {word}: comes in several sizes; give A100-40GB or A100-80GB"


@pytest.mark.parametrize(
    "word",
    [
        "H200", "B200", "GB200", "GH200", "B100", "MI300X", "L40", "L40S", "T4", "V100", "TPU", "tpu-v5e", "A10",
        "A10GG", "A30", "RTX 4090", "A100-60GB", "H100-94GB", "H100 NVL", "H100 PCIe",
        "NVIDIA A100-PCIE-40GB", "L4-48GB", "", "nvidia", "x" * 5_000,
    ],
)  # fmt: skip
def test_another_gpu_is_not_supported_and_none_is_suggested(word: str) -> None:
    with pytest.raises(BadInput) as refused:
        gpu_of_option("--gpu", word)
    way_on = "; prices and data sheets of others are not shipped, so nothing can be planned on them"
    assert str(refused.value).endswith(way_on)
    message = str(refused.value).removesuffix(way_on)
    assert message.endswith(": not supported; known are L4, A10G, A100-40GB, A100-80GB and H100")
    assert len(message) < 160


@given(st.sampled_from(GPUS), st.sampled_from((str.lower, str.upper, str.title)), st.sampled_from("-_ /"))
def test_a_gpu_is_the_same_in_any_case_and_with_any_sign(gpu: str, cased, sign: str) -> None:
    assert gpus_meant(cased(f"nvidia-{gpu}").replace("-", sign)) == (gpu,)


@given(st.text(max_size=40))
def test_any_word_is_a_gpu_of_ours_or_refused(word: str) -> None:
    with suppress(BadInput):
        assert gpu_of_option("--gpu", word) in GPUS


PURCHASE_NAMES = {
    "on_demand": ("on-demand", "On Demand", "ondemand", "OD", "pay-as-you-go"),
    "spot": ("SPOT", "spot-vm", "preemptible", "spot instances"),
    "commit_1y": (
        "commit-1y", "1y", "1yr", "1 year", "RI-1y", "ri 1y", "1y-ri", "reserved-1yr", "reserved instance 1 year",
        "cud-1y",
        "CUD 1 year", "committed use discount 1y", "committed-1y", "12 months", "RI 1y standard no upfront", "CUD 1y",
    ),
    "commit_3y": ("commit-3y", "3y", "3yr", "3 years", "ri_3y", "cud3y", "36mo", "RI 3y standard no upfront"),
}  # fmt: skip


def test_purchases_are_understood_as_clouds_call_them() -> None:
    assert set(PURCHASE_NAMES) == set(PURCHASES)
    for purchase, names in PURCHASE_NAMES.items():
        read = {name: purchase_named("--purchase", name) for name in (purchase, *names)}
        assert read == dict.fromkeys((purchase, *names), purchase)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        *((word, "for how long? Give commit_1y or commit_3y (AWS: standard RI; Google: CUD)") for word in (
            "ri", "RI", "reserved", "reserved instances", "cud", "committed", "commitment", "committed-use-discount",
        )),
        *((word, "the term is 1 or 3 years; give commit_1y or commit_3y") for word in (
            "2y", "ri-5y", "6 months", "cud 1 3",
        )),
        *((word, "prices of Savings Plans are not supported; give commit_1y or commit_3y") for word in (
            "savings-plan", "Savings Plans", "savings-plan-1y", "sp", "compute savings plan 3y",
        )),
        *((word, "only standard RIs with the least upfront payment are priced") for word in (
            "ri-1y-all-upfront", "partial upfront 3y", "convertible ri 1y",
        )),
        *((word, "not supported; known are on_demand, spot, commit_1y and commit_3y") for word in (
            "rental", "reservation", "capacity-block", "dws", "flex-cud-1y", "", "1", "x" * 5_000, "1y!",
        )),
        ("spott", "did you mean spot?"),
        ("on-demnd", "did you mean on_demand?"),
    ],
)  # fmt: skip
def test_a_purchase_that_leaves_something_open_is_answered_with_what_there_is(word: str, says: str) -> None:
    with pytest.raises(BadInput) as refused:
        purchase_named("--purchase", word)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 200


CLOUD_NAMES = {
    "aws": ("AWS", "Amazon", "amazon web services", "EC2"),
    "gcp": ("GCP", "Google", "google cloud", "Google-Cloud", "GCE", "google cloud platform"),
}


def test_clouds_are_understood_as_people_call_them() -> None:
    assert set(CLOUD_NAMES) == set(PROVIDERS)
    for cloud, names in CLOUD_NAMES.items():
        assert {cloud_of_option(name, PROVIDERS) for name in (cloud, *names)} == {cloud}
    assert cloud_of_option("Nimbus", (*PROVIDERS, "nimbus")) == "nimbus"


def test_another_cloud_is_not_supported() -> None:
    for word in ("azure", "oracle", "lambda", "coreweave", ""):
        with pytest.raises(BadInput, match="not supported; known are aws and gcp"):
            cloud_of_option(word, PROVIDERS)


def test_lists_are_repeated_or_have_commas() -> None:
    assert listed("--gpu", None) == []
    assert listed("--gpu", ["L4, A10G", "H100,"]) == ["L4", "A10G", "H100"]
    assert listed_or_all("--gpu", ["L4,ALL"]) is None
    assert listed_or_all("--gpu", ["L4"]) == ["L4"]
    for words, says in (([" "], "give at least one name"), ([","], "give at least one"), (["L4;A10G"], "put commas")):
        with pytest.raises(BadInput, match=says):
            listed("--gpu", words)


def test_a_slip_is_a_letter_and_never_a_digit() -> None:
    known = ["llama-3.1-8b", "llama-3.1-70b", "qwen2.5-7b", "spot"]
    assert slips_of("lama-3.1-8b", known) == ["llama-3.1-8b"]
    assert slips_of("LLAMA-3.1-8", known) == ["llama-3.1-8b"]
    assert slips_of("spto", known) == ["spot"]  # two letters swapped
    for other in (
        "llama-3.2-8b",
        "llama-3-8b",
        "llama-3.1-7b",
        "qwen3-7b",
        "codellama-3.1-8b",
        "shot-put",
        "",
        "x" * 10**6,
    ):
        assert slips_of(other, known) == []


@given(st.text("abcd", max_size=6), st.text("abcd", max_size=6))
def test_a_slip_is_mutual(one: str, other: str) -> None:
    assert bool(slips_of(one, [other])) == bool(slips_of(other, [one]))


@given(st.text("abcdefgh", min_size=1, max_size=7), st.data())
def test_one_edit_is_a_slip_of_a_short_word(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    changed = {word[:at] + word[at + 1 :], word[:at] + "z" + word[at:], word[:at] + "z" + word[at + 1 :]}
    changed |= {word[:at] + word[at : at + 2][::-1] + word[at + 2 :]}
    assert all(slips_of(slip, [word]) == [word] for slip in changed)
