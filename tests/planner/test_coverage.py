"""What a plan says of traffic that no GPU can serve, and the plan without it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.domain import Bucket, Coverage, Kind, MaxTput, Plan, Status, TrafficShare, UnservableSize, Workload
from melange_cloud.planner.coverage import Refusal, Traffic, coverage, unreached_notice
from melange_cloud.report.pages.coverage import coverage_lines
from melange_cloud.workload import WorkloadFile, write_workload
from tests.questions import ask
from tests.report import plans

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


def plan_of(workload: str, **fields: Any) -> Plan:
    return ask(workload=workload, explain=False, **{"peak_requests_per_s": 10.0, **fields})


def test_traffic_out_of_reach_is_named_and_refused(tmp_path: Path) -> None:
    plan = plan_of(mine(tmp_path, 0.2), model=SHORT_CONTEXT)
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
    assert plan.basis.traffic.served_requests_share == 1


def test_dropped_traffic_is_in_the_result(tmp_path: Path) -> None:
    whole = plan_of(mine(tmp_path, 0.0), peak_requests_per_s=8.0, mean_requests_per_s=4.0, model=SHORT_CONTEXT)
    dropped = plan_of(mine(tmp_path, 0.2), mean_requests_per_s=5.0, drop_unservable=True, model=SHORT_CONTEXT)
    basis, (region,), (expected,) = dropped.basis, dropped.regions, whole.regions
    assert region.fleet_usd_per_hour == expected.fleet_usd_per_hour
    assert (basis.traffic.served_requests_share, basis.traffic.planned_requests_per_s) == pytest.approx((0.8, 9.6))
    assert basis.traffic.served_tokens_share == pytest.approx(960 / 2960)
    assert (basis.traffic.mean_input_tokens, basis.traffic.mean_output_tokens) == (1000, 200)
    # $/1M tokens divides by what is served: 80 % of 5 requests/s, 1,200 tokens each.
    assert region.cost.million_tokens_per_month == pytest.approx(4 * 3600 * 730 * 1200 / 1e6)
    assert region.cost.usd_per_million_tokens == pytest.approx(expected.cost.usd_per_million_tokens)
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
    plan, dropping = plan_of(path), plan_of(path, drop_unservable=True)
    assert plan.regions == dropping.regions
    assert not [notice for notice in dropping.notices if "DROPPED" in notice or "REACH" in notice]
    assert plan.regions[0].coverage is not None
    assert plan.regions[0].coverage.outside == ()


def test_traffic_that_is_all_out_of_reach_stays_refused(tmp_path: Path) -> None:
    plan = plan_of(mine(tmp_path, 1.0), drop_unservable=True, model=SHORT_CONTEXT)
    assert plan.regions[0].status is Status.INFEASIBLE
    (notice,) = [notice for notice in plan.notices if notice.startswith("OUT OF REACH")]
    assert "--drop-unservable" not in notice


def test_a_gpu_that_reaches_further_keeps_the_bucket(tmp_path: Path) -> None:
    """45,000 tokens have no room on one A10G; they are out of reach where only that may be used."""
    bucket = [Bucket(500, 1000, 100, 250, 1000, 200, 0.9), Bucket(32000, 64000, 100, 250, 45000, 200, 0.1)]
    path = tmp_path / "long.json"
    path.write_text(write_workload(WorkloadFile(Workload("long", "t", tuple(bucket), "s", "l"))), encoding="utf-8")
    assert plan_of(str(path)).regions[0].status is Status.OPTIMAL
    narrow = plan_of(str(path), gpus=("A10G:1",), drop_unservable=True)
    assert narrow.basis.traffic.served_requests_share == pytest.approx(0.9)
    assert plan_of(str(path), gpus=("A10G:1",)).regions[0].status is Status.INFEASIBLE


class Sizes:
    """A profile of which only the sizes count."""

    sizes = ((800, 200),)


def covered(bucket: Bucket, table: dict[tuple[str, Kind], MaxTput | UnservableSize]) -> Coverage:
    """What a region without a fleet stands on that may rent all kinds of a MaxTput table."""
    kinds = {kind for _, kind in table}
    region = plans.us_east_1(routing=())
    profiles: dict[Kind, Any] = dict.fromkeys(kinds, Sizes())
    return coverage(region, Traffic([bucket], {}, dropped=False), kinds, table, profiles)


def test_measured_interpolated_and_estimated_are_distinguished() -> None:
    kind, whole = Kind("L4", 1), TrafficShare(1.0, 1.0)
    inside, beside = Bucket(500, 1000, 100, 250, 900, 200, 1.0), Bucket(1000, 2000, 100, 250, 1500, 200, 1.0)
    measured = MaxTput(1.0, "A", 0.1, "measured", "tpot")
    assert covered(inside, {(inside.name, kind): measured}).measured == whole
    assert covered(beside, {(beside.name, kind): measured}).interpolated == whole
    assert covered(inside, {(inside.name, kind): MaxTput(1.0, "C", 0.3, "estimated", "tpot")}).estimated == whole
    assert covered(inside, {(inside.name, kind): UnservableSize("too long")}).unreached == whole


def test_of_many_kinds_those_that_share_a_reason_are_the_others() -> None:
    bucket = Bucket(500, 1000, 100, 250, 900, 200, 1.0)
    reasons = {Kind("A10G", 1): "too slow", **{Kind(gpu, tp): "too long" for gpu in ("H100", "L4") for tp in (1, 2)}}
    (outside,) = covered(bucket, {(bucket.name, kind): UnservableSize(why) for kind, why in reasons.items()}).outside
    assert outside.reason == "A10G: too slow; the others: too long"


@pytest.mark.parametrize("dropped", [False, True])
def test_what_is_unknown_is_not_called_out_of_reach(dropped: bool) -> None:
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
    bucket, kinds = Bucket(0, 25, 0, 25, 20, 20, 1.0), {Kind("L4", 1), Kind("H100", 1)}
    refused: dict[tuple[str, Kind], MaxTput | UnservableSize] = {
        (bucket.name, kind): UnservableSize("too long") for kind in kinds
    }
    assert not covered(bucket, refused).outside[0].no_data
    refused[bucket.name, Kind("L4", 1)] = UnservableSize("no p99", no_data=True)
    assert covered(bucket, refused).outside[0].no_data
    assert not covered(bucket, {}).outside[0].no_data


def test_the_report_tells_no_data_from_out_of_reach(tmp_path: Path) -> None:
    (region,) = plan_of(mine(tmp_path, 0.2), model=SHORT_CONTEXT).regions
    assert region.coverage is not None
    assert not region.coverage.outside[0].no_data
    known = "\n".join(coverage_lines(region)).replace("\xa0", " ")
    assert "20.0 % of requests (67.6 % of tokens) out of reach" in known
    assert "no data" not in known
    dark = replace(region.coverage, outside=(replace(region.coverage.outside[0], no_data=True),))
    unknown = "\n".join(coverage_lines(replace(region, coverage=dark))).replace("\xa0", " ")
    assert "20.0 % of requests (67.6 % of tokens) without data" in unknown
    assert "out of reach" not in unknown
    assert "not known to be served: input 501-1,000 output 8,001-16,000" in unknown
