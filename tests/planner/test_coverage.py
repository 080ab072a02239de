"""What a plan says of traffic that no GPU can serve, and the plan without it."""

from pathlib import Path

import pytest

from melange_cloud import planner
from melange_cloud.domain import Bucket, Kind, MaxTput, Plan, Status, UnservableSize, Workload
from melange_cloud.market.policy import PricePolicy
from melange_cloud.workload import WorkloadFile, write_workload

REASON = "a request of 10,000 tokens is longer than the model's context of 4,096"
SHORT_CONTEXT = "llama-2-7b"


def mine(tmp_path: Path, long_share: float, longest: int = 9000) -> str:
    """Conversation-like requests of 1,000 + 200 tokens, and a share that answers with ``longest`` tokens."""
    buckets = [Bucket(500, 1000, 100, 250, 1000, 200, 1 - long_share)]
    if long_share:
        buckets.append(Bucket(500, 1000, 8000, 16000, 1000, longest, long_share))
    path = tmp_path / "mine.json"
    path.write_text(write_workload(WorkloadFile(Workload("mine", "t", tuple(buckets), "s", "l"))), encoding="utf-8")
    return str(path)


def ask(workload: str, **more) -> Plan:
    more.setdefault("peak_requests_per_s", 10.0)
    question = planner.Question(
        regions=("us-east-1",), workload=workload, trust=PricePolicy(offline=True), explain=False, **more
    )
    return planner.answer(question)


def test_traffic_out_of_reach_is_named_and_refused(tmp_path: Path) -> None:
    plan = ask(mine(tmp_path, 0.2), model=SHORT_CONTEXT)
    (region,) = plan.regions
    assert region.status is Status.INFEASIBLE
    (notice,) = [notice for notice in plan.notices if notice.startswith("OUT OF REACH")]
    # 0.2 x 10,000 of 0.8 x 1,200 + 0.2 x 10,000 tokens
    assert "20.0 % of requests (67.6 % of tokens): input 501-1,000 output 8,001-16,000 (20.0 %)" in notice
    assert "--drop-unservable" in notice
    assert region.coverage is not None
    (outside,) = region.coverage.outside
    assert (outside.input_tokens, outside.output_tokens, outside.dropped) == ((500, 1000), (8000, 16000), False)
    assert outside.reason == REASON
    assert region.coverage.unreached.requests_share == pytest.approx(0.2)
    assert plan.request.served_requests_share == 1


def test_dropped_traffic_stands_in_the_result(tmp_path: Path) -> None:
    whole = ask(mine(tmp_path, 0.0), peak_requests_per_s=8.0, mean_requests_per_s=4.0, model=SHORT_CONTEXT)
    dropped = ask(mine(tmp_path, 0.2), mean_requests_per_s=5.0, drop_unservable=True, model=SHORT_CONTEXT)
    request, (region,), (expected,) = dropped.request, dropped.regions, whole.regions
    assert region.usd_per_hour == expected.usd_per_hour
    assert (request.served_requests_share, request.planned_requests_per_s) == pytest.approx((0.8, 9.6))
    assert request.served_tokens_share == pytest.approx(960 / 2960)
    assert (request.mean_input_tokens, request.mean_output_tokens) == (1000, 200)
    # $/1M tokens divides by what is served: 80 % of 5 requests/s, 1,200 tokens each.
    assert region.million_tokens_per_month == pytest.approx(4 * 3600 * 730 * 1200 / 1e6)
    assert region.usd_per_million_tokens == pytest.approx(expected.usd_per_million_tokens)
    (notice,) = [notice for notice in dropped.notices if notice.startswith("DROPPED, NOT SERVED")]
    assert "20.0 % of requests (67.6 % of tokens)" in notice
    assert region.coverage is not None
    assert [bucket.dropped for bucket in region.coverage.outside] == [True]
    shares = region.coverage
    parts = (shares.measured, shares.interpolated, shares.estimated, shares.unreached)
    assert sum(part.requests_share for part in parts) == pytest.approx(1)
    assert sum(part.tokens_share for part in parts) == pytest.approx(1)
    assert shares.estimated.requests_share == pytest.approx(0.8)


def test_what_is_reached_is_never_dropped(tmp_path: Path) -> None:
    path = mine(tmp_path, 0.0)
    plan, dropping = ask(path), ask(path, drop_unservable=True)
    assert plan.regions == dropping.regions
    assert not [notice for notice in dropping.notices if "DROPPED" in notice or "REACH" in notice]
    assert plan.regions[0].coverage is not None
    assert plan.regions[0].coverage.outside == ()


def test_traffic_that_is_all_out_of_reach_stays_refused(tmp_path: Path) -> None:
    plan = ask(mine(tmp_path, 1.0), drop_unservable=True, model=SHORT_CONTEXT)
    assert plan.regions[0].status is Status.INFEASIBLE
    (notice,) = [notice for notice in plan.notices if notice.startswith("OUT OF REACH")]
    assert "--drop-unservable" not in notice


def test_a_gpu_that_reaches_further_keeps_the_bucket(tmp_path: Path) -> None:
    """45,000 tokens have no room on one A10G; they are out of reach where only that may be used."""
    bucket = [Bucket(500, 1000, 100, 250, 1000, 200, 0.9), Bucket(32000, 64000, 100, 250, 45000, 200, 0.1)]
    path = tmp_path / "long.json"
    path.write_text(write_workload(WorkloadFile(Workload("long", "t", tuple(bucket), "s", "l"))), encoding="utf-8")
    assert ask(str(path)).regions[0].status is Status.OPTIMAL
    narrow = ask(str(path), gpus=("A10G:1",), drop_unservable=True)
    assert narrow.request.served_requests_share == pytest.approx(0.9)
    assert ask(str(path), gpus=("A10G:1",)).regions[0].status is Status.INFEASIBLE


def test_measured_interpolated_and_estimated_are_told_apart() -> None:
    from melange_cloud.planner.coverage import _in_words, _stands_on

    class Sizes:
        sizes = ((800, 200),)

    kind = Kind("L4", 1)
    inside, beside = Bucket(500, 1000, 100, 250, 900, 200, 0.5), Bucket(1000, 2000, 100, 250, 1500, 200, 0.5)
    measured = {(b.name, kind): MaxTput(1.0, "A", 0.1, "measured", "tpot") for b in (inside, beside)}
    estimated = {(inside.name, kind): MaxTput(1.0, "C", 0.3, "estimated", "tpot")}
    beyond = {(inside.name, kind): UnservableSize("too long")}
    profiles = {kind: Sizes()}
    assert _stands_on(inside, kind, measured, profiles) == "measured"
    assert _stands_on(beside, kind, measured, profiles) == "interpolated"
    assert _stands_on(inside, kind, estimated, profiles) == "estimated"
    assert _stands_on(inside, kind, beyond, profiles) == "unreached"
    many = {"too slow": ["A10G"], "too long": ["H100", "H100 x2", "L4", "L4 x2"]}
    assert _in_words(many) == "A10G: too slow; the others: too long"


@pytest.mark.parametrize("dropped", [False, True])
def test_what_is_unknown_is_not_called_out_of_reach(dropped: bool) -> None:
    from melange_cloud.planner.coverage import Refusal, Traffic, unreached_notice

    served, far, dark = (
        Bucket(500, 1000, 100 * at, 100 * at + 100, 900, 100 * at + 50, share)
        for at, share in ((1, 0.5), (2, 0.3), (3, 0.2))
    )
    outside = {far.name: Refusal("the context ends before", False), dark.name: Refusal("no p99 TPOT", True)}
    one, two = unreached_notice(Traffic((served, far, dark), outside, dropped))
    assert one.startswith("DROPPED, NOT SERVED" if dropped else "OUT OF REACH - no GPU here can serve")
    assert two.startswith("DROPPED, NOT SERVED" if dropped else "NO DATA - no GPU here is known to serve")
    assert "30.0 % of requests" in one
    assert "20.0 % of requests" in two
    assert "can serve" not in two
    assert ("(no data)" if dropped else "no p99 TPOT") in two
    assert "--drop-unservable" in one


def test_one_kind_that_might_makes_a_bucket_unknown() -> None:
    from melange_cloud.planner.coverage import _is_unknown

    bucket, kinds = Bucket(0, 25, 0, 25, 20, 20, 1.0), {Kind("L4", 1), Kind("H100", 1)}
    refused = {(bucket.name, kind): UnservableSize("too long") for kind in kinds}
    assert not _is_unknown(bucket, kinds, refused)
    assert _is_unknown(bucket, kinds, {**refused, (bucket.name, Kind("L4", 1)): UnservableSize("no p99", no_data=True)})
    assert not _is_unknown(bucket, set(), {})


def test_the_report_tells_no_data_from_out_of_reach(tmp_path: Path) -> None:
    from dataclasses import replace

    from melange_cloud.report.pages.coverage import coverage_lines

    (region,) = ask(mine(tmp_path, 0.2), model=SHORT_CONTEXT).regions
    assert region.coverage is not None
    assert not region.coverage.outside[0].no_data
    known = "\n".join(coverage_lines(region)).replace("\xa0", " ")
    assert "20.0 % of requests (67.6 % of tokens) out of reach" in known
    assert "no data" not in known
    dark = replace(region.coverage, outside=(replace(region.coverage.outside[0], no_data=True),))
    unknown = "\n".join(coverage_lines(replace(region, coverage=dark))).replace("\xa0", " ")
    assert "20.0 % of requests (67.6 % of tokens) without data" in unknown
    assert "out of reach" not in unknown
    assert "not served, no data: input 501-1,000 output 8,001-16,000" in unknown
