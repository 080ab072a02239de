"""The model as it is written for the solvers: a changed file in tests/lp is a changed model."""

import io
import os
from pathlib import Path

import pytest

from melange_cloud.domain import Kind, OfferNumbers, Problem, Quotas
from melange_cloud.solver.model import create_model, create_share_model
from melange_cloud.solver.programs.run import write_lp
from tests.solver.problems import A10G, H100X4, one_row, toy

GOLDEN = Path(__file__).parent.parent / "lp"
ACCEPT = "MELANGE_CLOUD_ACCEPT_LP"
IS_ACCEPTED = bool(os.environ.get(ACCEPT))  # before the tests take our own variables away

P5 = OfferNumbers("p5.48xlarge", "H100", 8, 192, "aws:P", 55.04)
P5_SMALL = OfferNumbers("p5.4xlarge", "H100", 1, 16, "aws:P", 6.88)
G5 = OfferNumbers("g5.xlarge", "A10G", 1, 4, "aws:G", 1.006)

QUOTAS = Quotas({"A10G": 3, "L4": 7}, {"A10G": 2}, {"gcp:A2": 24, "gcp:none": 1})

MODELS: dict[str, tuple[Problem, int | None]] = {
    "plain": (toy("plain"), None),
    "prompt": (toy("prompt"), None),
    "oracle": (toy("oracle"), None),
    "spare": (toy("plain", spare=1), None),
    "quotas": (toy("plain", quotas=QUOTAS), None),
    "slices": (toy("prompt"), 4),
    "whole_instances": (one_row((P5, P5_SMALL, G5), {A10G: 12.5, H100X4: 2.5, Kind("H100", 1): 9.0}, spare=1), None),
}

TO_BE_RENTED: dict[str, tuple[Problem, tuple[Kind, ...]]] = {
    "to_be_rented": (toy("oracle"), (A10G,)),
    "to_be_rented_with_a_spare": (toy("prompt", spare=1), (A10G,)),
}


def lp_text(model: object) -> str:
    stream = io.StringIO()
    write_lp(model, stream, symbolic=True)
    return stream.getvalue()


def assert_is_golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.lp"
    if IS_ACCEPTED:
        path.write_text(text, encoding="ascii")
    golden = path.read_text(encoding="ascii") if path.exists() else None
    assert golden == text, (
        f"the model {name!r} is not the one in {path}. If the new one is right, accept it with\n"
        f"    {ACCEPT}=1 python3 -m pytest -n0 tests/solver/test_model.py\nand let it be read in review"
    )


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_model_is_the_golden_one(name: str) -> None:
    problem, slices = MODELS[name]
    assert_is_golden(name, lp_text(create_model(problem, slices)))


@pytest.mark.parametrize("name", sorted(TO_BE_RENTED))
def test_the_model_of_kinds_to_be_rented_is_the_golden_one(name: str) -> None:
    """One constraint per row, and with a spare per offer too; of the kinds named alone."""
    problem, kinds = TO_BE_RENTED[name]
    assert_is_golden(name, lp_text(create_model(problem, to_be_rented=kinds)))


def test_the_share_models_are_the_golden_ones() -> None:
    problem, replicas = toy("oracle"), {A10G: 1, Kind("A100-80GB", 1): 1}
    assert_is_golden("shares_even", lp_text(create_share_model(problem, replicas, replicas, 1.125)))
    assert_is_golden("shares_lean", lp_text(create_share_model(problem, replicas, replicas, 1.125, 0.75)))


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.lp")} == {*MODELS, *TO_BE_RENTED, "shares_even", "shares_lean"}


def test_every_constraint_carries_the_sentence_that_it_enforces() -> None:
    text = lp_text(create_model(toy("plain", spare=1, quotas=QUOTAS), to_be_rented=(A10G,)))
    for sentence in (
        "every_request_is_served(all)",
        "load_fits_in_replicas(A10G)",
        "a_used_kind_is_rented(all_A10G)",
        "losing_one_instance_is_survived(A10G_A10G)",
        "losing_one_instance_leaves_a_replica(all_A10G_A10G)",
        "at_most_max_gpus(A10G)",
        "at_most_max_instances(A10G)",
        "at_most_max_vcpus(_gcp_A2_)",
    ):
        assert sentence in text


def test_slices_are_counted_and_never_one_binary_each() -> None:
    text = lp_text(create_model(toy("oracle"), slices=8))
    assert "binary" not in text
    assert "0 <= pieces(in0_out0_A10G) <= 8" in text


def test_an_instance_hosts_whole_replicas_only() -> None:
    text = lp_text(create_model(one_row((P5, P5_SMALL), {H100X4: 2.5})))
    assert "-2 instances(_p5_48xlarge__H100_x4)" in text
    assert "p5_4xlarge" not in text
