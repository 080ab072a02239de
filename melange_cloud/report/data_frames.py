"""A Plan as pandas data frames, one per list of the JSON."""

from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from melange_cloud.domain import Plan
from melange_cloud.report.json_ import values_of

if TYPE_CHECKING:
    import pandas as pd

_LISTS = ("allocations", "kinds", "routing", "single_gpu", "what_if", "left_out", "quota_needs")


def frames(plan: Plan) -> "dict[str, pd.DataFrame]":
    """The answer as data frames, ready to join on provider and region.

    Returns:
        ``regions`` (one row per region: status, reason, money, and ``usd_per_hour_ROUTER`` for each router) and one
        frame for each of allocations, kinds, routing, single_gpu, what_if, left_out, quota_needs, purchases and
        profile_swings (``error_bars.profiles``). Units are those of the JSON: USD/h, USD/month, requests/s, tokens,
        fractions. A frame without rows has no columns.
    """
    import pandas as pd

    regions: list[dict[str, Any]] = []
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name in (*_LISTS, "profile_swings", "purchases")}
    for region in plan.regions:
        record = _record(region)
        where = {"provider": region.region_name.provider, "region": region.region}
        for name in _LISTS:
            lists[name].extend({**where, **item} for item in record.pop(name))
        low, high = record.pop("usd_per_month_range")
        bars = record.pop("error_bars") or {"profiles": ()}
        lists["profile_swings"].extend({**where, **swing} for swing in bars["profiles"])
        lists["purchases"].extend({**where, **bought} for bought in record.pop("purchases") or ())
        routers = {f"usd_per_hour_{router}": cost for router, cost in record.pop("routers").items()}
        proven = {f"{router}_proven": known for router, known in record.pop("routers_proven").items()}
        status = record.pop("status").value
        regions.append(
            {**record, "status": status, "usd_per_month_low": low, "usd_per_month_high": high, **routers, **proven}
        )
    return {"regions": pd.DataFrame(regions), **{name: pd.DataFrame(rows) for name, rows in lists.items()}}


def _record(thing: Any) -> dict[str, Any]:
    """A dataclass as a row: the keys of the JSON, dates and numbers as they are."""
    return {key: _cell(value) for key, value in values_of(thing).items()}


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_cell(item) for item in value)
    return _record(value) if is_dataclass(value) else value
