"""A Plan as CSV: one row per allocation, each row enough to know what its price is and since when."""

from collections.abc import Iterator
from pathlib import Path

from melange_cloud.domain import PURCHASES, AgainstBase, Allocation, Plan, RegionPlan, RegionStanding
from melange_cloud.report.json_ import values_of
from melange_cloud.report.text import clean, utc

PURCHASE_COLUMNS = tuple(
    f"region_{purchase}_{figure}"
    for purchase in PURCHASES
    for figure in ("contract", "usd_per_month", "obligation_usd", "break_even_fraction")
    if figure == "usd_per_month" or purchase.startswith("commit_")
)
"""The same question under each purchase; empty if that was not requested, or is unknown."""

COLUMNS = (
    "generated_at",
    "provider",
    "region",
    "place",
    "status",
    "reason",
    "model",
    "precision",
    "era",
    "engine",
    "workload",
    "peak_requests_per_s",
    "planned_requests_per_s",
    "tpot_ms",
    "p99_tpot_ms",
    "ttft_ms",
    "e2e_ms",
    "pessimistic",
    "api_servers",
    "cached_input",
    "router",
    "hours_per_month",
    "defaulted",
    "region_usd_per_hour",
    "region_usd_per_month",
    "region_lower_bound_usd_per_hour",
    "region_with_spare_usd_per_month",
    "region_premium_fraction",
    "region_premium_with_spare_fraction",
    "region_saving_usd_per_month",
    "region_sure",
    "region_against_difference_usd_per_month",
    "region_against_sure",
    "region_price_age_days",
    *PURCHASE_COLUMNS,
    "instance_type",
    "gpu",
    "gpu_count",
    "tensor_parallel",
    "purchase",
    "sold_as",
    "contract",
    "instances",
    "replicas",
    "vcpus",
    "memory_gib",
    "busy",
    "requests_share",
    "tokens_share",
    "usd_per_hour_each",
    "list_usd_per_hour_each",
    "usd_per_hour",
    "usd_per_month",
    "price_origin",
    "price_age",
    "price_source",
    "price_as_of_from",
    "price_as_of_to",
    "availability",
    "quota",
    "quota_needed",
    "profile_origin",
    "profile_grade",
    "profile_error",
    "profile_error_down",
    "profile_imports",
    "front_end_load_share",
    "front_end_requests_per_s",
)
"""The columns, in their order; ``requests_share`` and ``tokens_share`` are the row's own and sum to 1 per region;
``profile_imports`` names the user's own measurements that the row's profile rests on."""


def plan_rows(plan: Plan) -> Iterator[list[object]]:
    """One row per region and allocation, a cell for each of COLUMNS.

    A region without a fleet has one row with its status and reason; what is unknown is None. Figures are not
    rounded. Text is put on one line, so that a line is a row.
    """
    for region in plan.regions:
        common = _common(plan, region) | _standing(region.comparison)
        common |= _against(region.against) | _purchases(region)
        for line in region.allocations:
            yield _cells(common | _allocation(plan, region, line))
        if not region.allocations:
            yield _cells(common | {"purchase": plan.basis.fleet.purchase})


def _cells(values: dict[str, object]) -> list[object]:
    found = (values.get(name) for name in COLUMNS)
    return [clean(value) if isinstance(value, str) else value for value in found]


def _common(plan: Plan, region: RegionPlan) -> dict[str, object]:
    basis = plan.basis
    return {
        "generated_at": utc(plan.generated_at),
        "provider": region.region_name.provider,
        "region": region.region,
        "place": region.place,
        "status": region.status.value,
        "reason": region.outcome.reason,
        "model": basis.served.model,
        "precision": basis.served.precision,
        "era": basis.served.era,
        "engine": basis.served.engine,
        "workload": basis.traffic.workload,
        "peak_requests_per_s": basis.traffic.peak_requests_per_s,
        "planned_requests_per_s": basis.traffic.planned_requests_per_s,
        "tpot_ms": basis.targets.tpot_ms,
        "p99_tpot_ms": basis.targets.p99_tpot_ms,
        "ttft_ms": basis.targets.ttft_ms,
        "e2e_ms": basis.targets.e2e_ms,
        "pessimistic": "true" if basis.served.pessimistic else "false",
        "api_servers": basis.served.api_servers,
        "cached_input": basis.traffic.cached_input,
        "router": basis.fleet.router,
        "hours_per_month": basis.calculation.hours_per_month,
        "defaulted": " ".join(plan.defaulted),
        "region_usd_per_hour": region.fleet_usd_per_hour,
        "region_usd_per_month": region.usd_per_month,
        "region_lower_bound_usd_per_hour": region.cost.fleet_lower_bound_usd_per_hour,
        "region_with_spare_usd_per_month": None if region.with_spare is None else region.with_spare.usd_per_month,
    }


def _standing(standing: RegionStanding | None) -> dict[str, object]:
    """Against the cheapest region; nothing if there is no other."""
    if standing is None:
        return {}
    return {
        "region_premium_fraction": standing.premium_fraction,
        "region_premium_with_spare_fraction": standing.premium_with_spare_fraction,
        "region_saving_usd_per_month": standing.saving_usd_per_month,
        "region_sure": standing.sure.value,
        "region_price_age_days": standing.price_age_days,
    }


def _against(against: AgainstBase | None) -> dict[str, object]:
    """Against the region that --against names; nothing without one."""
    if against is None:
        return {}
    return {
        "region_against_difference_usd_per_month": against.difference_usd_per_month,
        "region_against_sure": against.sure.value,
    }


def _purchases(region: RegionPlan) -> dict[str, object]:
    """The region's cost under each purchase; only commitments have a break-even."""
    values: dict[str, object] = {}
    for bought in region.purchases or ():
        values[f"region_{bought.purchase}_usd_per_month"] = bought.cost.usd_per_month
        values[f"region_{bought.purchase}_contract"] = "; ".join(bought.contracts)
        values[f"region_{bought.purchase}_obligation_usd"] = bought.cost.obligation_usd
        values[f"region_{bought.purchase}_break_even_fraction"] = bought.break_even.fraction
    return {name: value for name, value in values.items() if name in PURCHASE_COLUMNS}


def _allocation(plan: Plan, region: RegionPlan, line: Allocation) -> dict[str, object]:
    values: dict[str, object] = {
        "instance_type": line.instance_type,
        "gpu": line.gpu,
        "gpu_count": line.gpu_count,
        "tensor_parallel": line.tensor_parallel,
        "purchase": line.purchase,
        "sold_as": line.sold_as,
        "contract": line.contract,
        "instances": line.instances,
        "replicas": line.replicas,
        "vcpus": line.vcpus,
        "memory_gib": line.memory_gib,
        "busy": line.busy,
        "usd_per_hour_each": line.usd_per_instance_hour,
        "list_usd_per_hour_each": line.list_usd_per_instance_hour,
        "usd_per_hour": line.line_usd_per_hour,
        "usd_per_month": line.line_usd_per_hour * plan.basis.calculation.hours_per_month,
        **values_of(line.price),
        "availability": line.availability.value,
        "quota": None if line.quota is None else line.quota.name,
        "quota_needed": None if line.quota is None else line.quota.needed,
    }
    for use in region.fleet.kinds:
        if (use.gpu, use.tensor_parallel) == (line.gpu, line.tensor_parallel) and use.replicas:
            part = line.replicas / use.replicas
            values |= {
                "requests_share": use.requests_share * part,
                "tokens_share": use.tokens_share * part,
                "profile_origin": use.origin,
                "profile_grade": use.grade,
                "profile_error": use.error,
                "profile_error_down": use.error_down,
                "profile_imports": "; ".join(
                    Path(found.file).name
                    for found in plan.imports
                    if (found.gpu, found.tensor_parallel) == (line.gpu, line.tensor_parallel)
                ),
                "front_end_load_share": use.front_end_load_share,
                "front_end_requests_per_s": use.front_end_requests_per_s,
            }
    return values
