"""The model as it is written for the solvers: a changed file in tests/lp is a changed model."""

from pathlib import Path

import pytest

from melange_cloud.solver.model import create_model
from tests.golden import how_to_accept
from tests.solver import golden_models
from tests.solver.golden_models import P5, P5_SMALL, QUOTAS, lp_text
from tests.solver.problems import A10G, H100X4, one_row, toy

KEPT = dict(golden_models.kept())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_the_model_is_the_golden_one(path: Path) -> None:
    golden = path.read_text(encoding="ascii") if path.exists() else None
    assert golden == KEPT[path], how_to_accept("lp")


def test_no_golden_file_is_left_over() -> None:
    assert set(golden_models.FOLDER.glob("*.lp")) == set(KEPT)


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
