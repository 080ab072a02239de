"""Reads the fleet that runs today: a plan's own JSON or CSV, or a list of instance types with their counts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from melange_cloud.catalog.table import read_rows
from melange_cloud.domain import Region
from melange_cloud.errors import BadFile, Fault

COLUMNS = ("instance_type", "instances")
SHAPE = '{"instances": {"g5.2xlarge": 7}}, or what `melange-cloud plan --format json` writes'


def read_fleet(path: Path, region: Region) -> dict[str, int]:
    """Instances by instance type, sorted.

    Args:
        path: CSV with the columns instance_type and instances (and provider and region, where rows of several regions
            stand together, as ``plan --format csv`` writes them); or JSON of the shape SHAPE. Other columns are not
            looked at.
        region: whose rows count.

    Raises:
        BadFile: not such a file, or no rows of the region in it.
    """
    if path.suffix.lower() == ".json":
        return dict(sorted(_from_json(path, region).items()))
    faults: list[Fault] = []
    rows = read_rows(path, None, COLUMNS, faults)
    fleet: dict[str, int] = {}
    for row in rows:
        elsewhere = row.text("region") not in ("", region.name) or row.text("provider") not in ("", region.provider)
        name = row.required("instance_type")
        count = row.count("instances") if row.required("instances") else None
        if name and count and not elsewhere:
            fleet[name] = fleet.get(name, 0) + count
    if not fleet and not faults:
        faults.append(Fault(path, f"has no row of {region.provider} {region.name}", field="region"))
    if faults:
        raise BadFile(faults)
    return dict(sorted(fleet.items()))


def _from_json(path: Path, region: Region) -> dict[str, int]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadFile([Fault(path, f"cannot be read ({error.strerror}): check the path")]) from error
    except UnicodeDecodeError as error:
        raise BadFile([Fault(path, "is not UTF-8")]) from error
    except json.JSONDecodeError as error:
        raise BadFile([Fault(path, f"is not JSON ({error.msg})", line=error.lineno)]) from error
    if isinstance(document, dict) and isinstance(document.get("instances"), dict):
        return _counted(path, list(document["instances"].items()))
    plans = document.get("regions") if isinstance(document, dict) else None
    if not isinstance(plans, list):
        raise BadFile([Fault(path, f"is no fleet: write {SHAPE}")])
    for plan in plans:
        if isinstance(plan, Mapping) and (plan.get("provider"), plan.get("region")) == (region.provider, region.name):
            lines = plan.get("allocations")
            if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
                raise BadFile([Fault(path, "is not a list: take the file as `plan` wrote it", field="allocations")])
            if lines:
                return _counted(path, [(line.get("instance_type"), line.get("instances")) for line in lines])
    raise BadFile([Fault(path, f"has no fleet of {region.provider} {region.name}", field="regions")])


def _counted(path: Path, pairs: list[tuple[Any, Any]]) -> dict[str, int]:
    fleet: dict[str, int] = {}
    faults = []
    for name, count in pairs:
        if not isinstance(name, str) or not name:
            faults.append(Fault(path, f"{name!r} is not the name of an instance type", field="instance_type"))
        elif isinstance(count, bool) or not isinstance(count, int) or count < 1:
            faults.append(Fault(path, f"{count!r}: give a whole number of at least 1", field=f"instances of {name}"))
        else:
            fleet[name] = fleet.get(name, 0) + count
    if not pairs:
        faults.append(Fault(path, "is empty: name at least one instance type", field="instances"))
    if faults:
        raise BadFile(faults)
    return fleet
