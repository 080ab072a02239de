"""A question takes the values of all its parts as keywords; what is not set is filled in and named."""

from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest

from melange_cloud import Question
from melange_cloud.domain.question import PlanBasis, PlannedTraffic
from melange_cloud.errors import BadInput
from melange_cloud.market.markets import PriceQuestion
from melange_cloud.planner.question import PARTS, fields_of
from melange_cloud.planner.resolve import ResolvedQuestion, resolve
from melange_cloud.report.json_ import plain


def resolved(**values: object) -> ResolvedQuestion:
    return resolve(Question(regions="us-east-1", **values), ())


def test_a_value_lands_in_the_part_that_has_it() -> None:
    question = Question(regions=("us-east-1", "us-central1"), workload="chat", peak_requests_per_s=40, tpot_ms=60)
    assert question.market == PriceQuestion(regions=("us-east-1", "us-central1"))
    assert (question.traffic.workload, question.traffic.peak_requests_per_s) == ("chat", 40)
    assert question.targets.tpot_ms == 60
    assert question.given.keys() == {"regions", "workload", "peak_requests_per_s", "tpot_ms"}


def test_notebooks_may_give_one_region_and_files_as_text() -> None:
    question = Question(regions="us-east-1", prices="mine.csv", config="config.json", current=Path("fleet.csv"))
    assert question.market.regions == ("us-east-1",)
    assert question.market.prices == Path("mine.csv")
    assert (question.served.config, question.detail.current) == ("config.json", "fleet.csv")


def test_a_slip_in_a_keyword_is_named() -> None:
    with pytest.raises(TypeError, match="Question has no tpot_mss: did you mean tpot_ms"):
        Question(regions=("us-east-1",), tpot_mss=60)
    with pytest.raises(TypeError, match="Question has no host_memory_floor_gib"):  # the planner finds it
        Question(regions=("us-east-1",), host_memory_floor_gib=60)


def test_none_is_not_set() -> None:
    assert Question(regions="us-east-1", tpot_ms=None) == Question(regions="us-east-1")
    assert Question(regions="us-east-1", tpot_ms=60).but(tpot_ms=None) == Question(regions="us-east-1")
    assert Question(regions="us-east-1").but(tpot_ms=60, spare=1) == Question(regions="us-east-1", tpot_ms=60, spare=1)


def test_its_signature_lists_every_keyword_once() -> None:
    keywords = [one.name for part in PARTS.values() for one in fields_of(part)]
    assert list(signature(Question).parameters) == list(dict.fromkeys(keywords))
    assert {name for name in keywords if keywords.count(name) > 1} == {"purchase"}  # of a price and of a fleet


def test_what_is_not_set_and_shapes_the_answer_is_named() -> None:
    everything = resolved()
    assert set(everything.defaulted) == {
        "model", "precision", "era", "engine", "api_servers", "workload", "peak_requests_per_s", "headroom",
        "cached_input", "tpot_ms", "router", "purchase", "sold_as", "spare", "min_host_memory_gib", "hours_per_month",
        "solver",
    }  # fmt: skip
    assert set(everything.defaulted) - set(resolved(tpot_ms=100, spare=0).defaulted) == {"tpot_ms", "spare"}


def test_the_basis_has_each_value_once_in_json() -> None:
    basis = resolved(tpot_ms=60, max_gpus={"a10g": 8}, purchase="commit-1y").basis
    values = plain(basis)
    assert isinstance(values, dict)
    parts = [type(getattr(basis, part.name)) for part in fields(PlanBasis)]
    assert PlannedTraffic in parts
    assert len(values) == sum(len(fields(part)) for part in parts)
    assert (values["tpot_ms"], values["max_gpus"], values["purchase"]) == (60, {"A10G": 8}, "commit_1y")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"headroom": 11}, "--headroom 11: give a fraction from 0 to 10, such as 0.2 for 20 %"),
        ({"headroom": float("nan")}, "--headroom nan: give a fraction from 0 to 10"),
        ({"spare": 2}, "--spare 2: give 0, or 1 for a fleet that survives losing any one instance"),
        ({"time_limit_s": 0}, "--time-limit 0: whole seconds, at least 1 and at most 31,536,000"),
        ({"hours_per_month": 800}, "--hours-per-month 800: a month has 672 to 744 hours"),
        ({"min_host_memory_gib": -1}, "--min-host-memory-gib -1: give 0 to 1,000,000 GiB"),
        ({"alternatives": 21}, "--alternatives 21: give 1 to 20"),
        ({"stay_within": 0.1}, "--stay-within needs --current FILE"),
        ({"ttft_ms": 0}, "--ttft-ms 0: give milliseconds above 0"),
        ({"router": "orcale"}, "--router orcale: did you mean oracle"),
        ({"sold_as": "stolen"}, "--sold-as stolen"),
        ({"purchase": "commit_1y", "hours_per_month": 100}, "--hours-per-month 100: a commitment is billed for every"),
        ({"gpus": ("H200",)}, "--gpu H200"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_option(values: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        resolved(**values)
    assert str(refused.value).startswith(says)
