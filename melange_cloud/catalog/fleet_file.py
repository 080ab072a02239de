"""Reads the fleet that runs today: a plan's JSON or CSV, or a list of instance types with their counts."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from melange_cloud.catalog.bounds import MOST_INSTANCES
from melange_cloud.domain import Region
from melange_cloud.errors import BadFile, Fault, echoed, shown
from melange_cloud.inputs import read_json
from melange_cloud.inputs.csv_tables import read_table
from melange_cloud.inputs.json_fields import without_duplicates
from melange_cloud.inputs.suggestions import closest_of_family, did_you_mean

_OTHER_TYPES = re.compile(
    r"(p2|p3|p3dn|p5e|p5en|p6-b200|p6-b300|p6e-gb200|g3|g3s|g4ad|g4dn|g5g|g6e|g6f|gr6f|g7e|inf1|inf2|trn1|trn1n|trn2)"
    r"\.([0-9]{1,3}xlarge|xlarge|large|metal)"
    r"|(n1-(standard|highmem|highcpu)|a3-ultragpu|a3-edgegpu|a4-highgpu|a4x-highgpu|g4-standard)-[0-9]{1,3}g?"
)
"""Types with accelerators that AWS and Google rent out but that we do not plan with (from their lists of instance and
machine types, 2026-11-27): they may be running today, but we have no price for them."""

_MOST_UNKNOWN = 100

COLUMNS = ("instance_type", "instances")
SHAPE = '{"instances": {"g5.2xlarge": 7}}, or the output of `melange-cloud plan --format json`'


def read_fleet(path: Path, region: Region, known: Collection[str]) -> dict[str, int]:
    """Instances by instance type, sorted.

    Args:
        path: CSV with the columns instance_type and instances (and provider and region if it has rows of several
            regions, as written by ``plan --format csv``); or JSON of the shape SHAPE. Other columns are ignored. Rows
            of the same type are added up.
        region: the region whose rows count.
        known: the known instance types.

    Raises:
        BadFile: the file has another form or no rows of the region, or it has an unknown type or more than a million
            instances of a type.
    """
    if path.suffix.lower() == ".json":
        return _checked(path, _from_json(path, region), known)
    faults: list[Fault] = []
    rows = read_table(path, None, COLUMNS, faults)
    fleet: dict[str, int] = {}
    for row in rows:
        elsewhere = row.text("region") not in ("", region.name) or row.text("provider") not in ("", region.provider)
        name = row.required("instance_type")
        count = row.count("instances", MOST_INSTANCES) if row.required("instances") else None
        if name and not _exists(name, known) and not elsewhere:
            row.fault("instance_type", _unknown(name, known))
        elif name and count and not elsewhere:
            fleet[name] = fleet.get(name, 0) + count
    if not fleet and not faults:
        faults.append(Fault(path, f"has no row of {region.provider} {region.name}", field="region"))
    if faults:
        raise BadFile(faults)
    return _checked(path, fleet, known)


def _unknown(name: str, known: Collection[str]) -> str:
    hint = did_you_mean(closest_of_family(name, known)) or "correct it, or leave it out"
    return f"unknown instance type '{echoed(name)}': {hint}"


def _exists(name: str, known: Collection[str]) -> bool:
    """True for a known type, or one of a series that is for rent but that we do not plan with."""
    return name in known or _OTHER_TYPES.fullmatch(name) is not None


def _checked(path: Path, fleet: Mapping[str, int], known: Collection[str]) -> dict[str, int]:
    strange = [name for name in fleet if not _exists(name, known)]
    # Finding suggestions takes time, so only do it for the faults that are shown.
    faults = [Fault(path, _unknown(name, known), field="instance_type") for name in strange[:_MOST_UNKNOWN]]
    faults += [
        Fault(path, f"{count:,} is more than {MOST_INSTANCES:,}, the limit for one type", field=f"instances of {name}")
        for name, count in fleet.items()
        if count > MOST_INSTANCES
    ]
    if faults:
        raise BadFile(faults)
    return dict(sorted(fleet.items()))


def _from_json(path: Path, region: Region) -> dict[str, int]:
    document = read_json(path, pairs=without_duplicates)
    if isinstance(document, dict) and isinstance(document.get("instances"), dict):
        return _counted(path, list(document["instances"].items()))
    plans = document.get("regions") if isinstance(document, dict) else None
    if not isinstance(plans, list):
        raise BadFile([Fault(path, f"is not a fleet: write {SHAPE}")])
    for plan in plans:
        if isinstance(plan, Mapping) and (plan.get("provider"), plan.get("region")) == (region.provider, region.name):
            lines = plan.get("allocations")
            if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
                raise BadFile([Fault(path, "is not a list: use the file as `plan` wrote it", field="allocations")])
            if lines:
                return _counted(path, [(line.get("instance_type"), line.get("instances")) for line in lines])
    raise BadFile([Fault(path, f"has no fleet of {region.provider} {region.name}", field="regions")])


def _counted(path: Path, pairs: list[tuple[Any, Any]]) -> dict[str, int]:
    fleet: dict[str, int] = {}
    faults = []
    for name, count in pairs:
        if not isinstance(name, str) or not name:
            faults.append(Fault(path, f"{shown(name)} is not the name of an instance type", field="instance_type"))
        elif isinstance(count, bool) or not isinstance(count, int) or count < 1:
            faults.append(
                Fault(path, f"{shown(count)}: give a whole number of at least 1", field=f"instances of {name}")
            )
        else:
            fleet[name] = fleet.get(name, 0) + count
    if not pairs:
        faults.append(Fault(path, "is empty: name at least one instance type", field="instances"))
    if faults:
        raise BadFile(faults)
    return fleet
