"""A Plan as the documented JSON: the fields of domain/plan.py under their own names, nothing rounded."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from melange_cloud.domain import Plan, RegionPlan
from melange_cloud.report.standing import standings
from melange_cloud.report.text import known, utc

SCHEMA_VERSION = 1
PLAN_SCHEMA = Path(__file__).with_name("plan.schema.json")
"""The JSON Schema (draft 2020-12) that describes the document."""


def as_json(plan: Plan) -> str:
    """The document that PLAN_SCHEMA describes: two blanks of indent, a newline at the end, same Plan, same bytes.

    Figures are written so that they read back as the same floats; None and what is not finite are null. The text is
    plain ASCII, so no terminal and no file encoding can spoil it.
    """
    compared = standings(plan)
    regions = [
        {**_region(region), "comparison": plain(compared.get((region.provider, region.region)))}
        for region in plan.regions
    ]
    document = {"schema_version": SCHEMA_VERSION, **_fields(plan), "regions": regions}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _fields(thing: Any) -> dict[str, object]:
    found: dict[str, object] = {}
    for part in fields(thing):
        value = getattr(thing, part.name)
        if part.metadata.get("flat"):
            found |= _fields(value)
        else:
            found[part.metadata.get("key", part.name)] = plain(value)
    return found


def _region(region: RegionPlan) -> dict[str, object]:
    return {**_fields(region), "gap": plain(region.gap)}


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
        case RegionPlan():
            return _region(value)
    return _fields(value)
