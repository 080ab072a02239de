"""The models that are kept as LP files in tests/lp, one for each constraint or more."""

import io
from collections.abc import Iterator
from pathlib import Path

from melange_cloud.domain import Kind, OfferNumbers, Problem, Quotas
from melange_cloud.solver.model import create_model, create_share_model
from melange_cloud.solver.programs.run import write_lp
from tests.solver.problems import A10G, H100X4, one_row, toy

FOLDER = Path(__file__).parent.parent / "lp"

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


def models() -> Iterator[tuple[str, object]]:
    """Each by its name."""
    for name, (problem, slices) in MODELS.items():
        yield name, create_model(problem, slices)
    for name, (problem, kinds) in TO_BE_RENTED.items():
        yield name, create_model(problem, to_be_rented=kinds)
    problem, replicas = toy("oracle"), {A10G: 1, Kind("A100-80GB", 1): 1}
    yield "shares_even", create_share_model(problem, replicas, replicas, 1.125)
    yield "shares_lean", create_share_model(problem, replicas, replicas, 1.125, 0.75)


def kept() -> Iterator[tuple[Path, str]]:
    """Each LP file, as it is now."""
    for name, model in models():
        yield FOLDER / f"{name}.lp", lp_text(model)
