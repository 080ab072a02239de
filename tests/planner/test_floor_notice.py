"""The sentence that says that a fleet rests on rates near a latency floor."""

from dataclasses import replace

import pytest

from melange_cloud.domain import FleetContext, KindUse, RegionPlan, SingleGpuFleet, Slo, Status
from melange_cloud.planner.answer_question import able_alone
from melange_cloud.planner.floor_notice import floor_notice, floors_in_plans
from tests.report import plans


def use(gpu: str, may_be_none_share: float = 0.0, error: float = 0.5, error_down: float = 0.5) -> KindUse:
    shared = {"may_be_none_share": may_be_none_share}
    return KindUse(gpu, 1, 2, 1.5, 0.5, 0.5, "D", error, error_down, "estimated", **shared)


def region(*uses: KindUse, able: tuple[str, ...] = ()) -> RegionPlan:
    single = tuple(SingleGpuFleet(gpu, 1, Status.OPTIMAL, "", 1.0, {"m": 1}, None) for gpu in able)
    single += (SingleGpuFleet("H100", 1, Status.INFEASIBLE, "too little memory", None, {}, None),)
    plan = plans.region_plan([plans.allocation(plans.G5, 2)])
    return replace(plan, fleet=replace(plan.fleet, kinds=uses), context=FleetContext(single_gpu=single))


AT_60 = Slo(tpot_ms=60)


def notice(regions: list[RegionPlan], slo: Slo = AT_60) -> tuple[str, ...]:
    return floor_notice(floors_in_plans(regions), able_alone(regions), slo)


@pytest.mark.parametrize(
    ("regions", "slo", "says"),
    [
        (
            [region(use("L4", 1.0, 2.0, 1.0), able=("L4", "A10G", "A100-40GB"))],
            AT_60,
            "L4 is near its latency floor at 60 ms per output token: it may serve none of this traffic; measure it, or "
            "plan without it: --gpu A10G,A100-40GB",
        ),
        (
            [region(use("L4", 0.123, 2.0, 0.4))],
            Slo(tpot_ms=60, ttft_ms=500),
            "L4 is near its latency floor at these targets: it may serve none of 12.3 % of its requests; measure it, "
            "or take a looser target",
        ),
        (
            [region(use("A10G", 0.0, 0.6, 0.65), able=("L4", "A10G")), region(use("L4", 1.0, 2.0, 1.0))],
            AT_60,
            "L4 and A10G are near their latency floors at 60 ms per output token: L4 may serve none of this traffic, "
            "A10G may serve as little as 35 % of what is planned; measure them, or take a looser target",
        ),
    ],
)
def test_it_names_the_gpus_what_they_may_serve_and_the_way_out(regions: list[RegionPlan], slo: Slo, says: str) -> None:
    assert notice(regions, slo) == (says,)


def test_the_worst_region_counts() -> None:
    near = region(use("L4", 1.0, 2.0, 1.0))
    assert notice([region(use("L4")), near]) == notice([near]) != ()


def test_a_wide_error_alone_is_not_a_floor() -> None:
    # As that of an H100 of the old era: less by 60 %, more by 50 %.
    assert notice([region(use("H100", 0.0, 0.5, 0.6), use("L4", 0.0, 0.3, 0.3))]) == ()
    assert notice([region()]) == ()
