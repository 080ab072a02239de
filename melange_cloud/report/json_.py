"""A Plan as the documented JSON: the fields of its dataclasses under their own names, nothing rounded."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from typing import Any

from melange_cloud.domain import Plan, RegionPlan
from melange_cloud.domain.heatmap import HeatCell, HeatMap
from melange_cloud.domain.import_report import EstimateComparison
from melange_cloud.report.ranking_sentences import reasons
from melange_cloud.report.text import known, utc

SCHEMA_VERSION = 1

PROPERTIES: Mapping[type, Mapping[str, str]] = {
    RegionPlan: {"gap": "gap"},
    HeatMap: {"prices_as_of": "prices_as_of"},
    HeatCell: {"clear": "is_clear", "contenders": "contenders"},
    EstimateComparison: {"measured_over_estimated": "ratio"},
}
"""Properties that JSON holds as it holds fields: key -> property."""


def plan_document(plan: Plan) -> dict[str, object]:
    """What documents.PLAN describes, without its version: figures read back as the same floats, unknown ones null."""
    said = reasons(plan)
    regions = [_with_reason(object_of(region), said.get(region.region_name)) for region in plan.regions]
    return {**object_of(plan), "regions": regions}


def object_of(thing: Any) -> dict[str, object]:
    """A dataclass as the object that JSON holds, see ``plain``."""
    return {key: plain(value) for key, value in values_of(thing).items()}


def values_of(thing: Any) -> dict[str, Any]:
    """The values of a dataclass by their keys in JSON, those of flat parts in their place; PROPERTIES come last."""
    found: dict[str, Any] = {}
    for part in fields(thing):
        value = getattr(thing, part.name)
        if part.metadata.get("flat"):
            found |= values_of(value)
        else:
            found[part.metadata.get("key", part.name)] = value
    return found | {key: getattr(thing, name) for key, name in PROPERTIES.get(type(thing), {}).items()}


def _with_reason(region: dict[str, object], reason: str | None) -> dict[str, object]:
    """A region whose comparison is also given in words."""
    compared = region["comparison"]
    return {**region, "comparison": {**compared, "reason": reason}} if isinstance(compared, dict) else region


def plain(value: object) -> object:
    """A value as JSON holds it: dataclasses become objects of their fields, None and what is not finite null.

    Metadata of a field says where its key differs: ``key`` is its name in JSON; the fields of a ``flat`` one are keys
    of the object that holds it.
    """
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
        case float():
            return known(value)
        case datetime():
            return utc(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(value[key]) for key in sorted(value)}
        case tuple() | list():
            return [plain(item) for item in value]
    return object_of(value)
