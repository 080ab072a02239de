"""What has a price in a region and may not enter its plan, and why."""

from melange_cloud.domain import IneligibleType, RegionPlan
from melange_cloud.report.blocks import Column, Sheet
from melange_cloud.report.text import by_number, clean, glued, once

_CODES = ("sold_as", "host_memory", "cannot_serve", "no_profile", "excluded", "gpu_not_asked")


def left_out_groups(region: RegionPlan) -> list[tuple[str, list[str]]]:
    """The reasons with the types that they keep out, by the code of the reason, then as written."""

    def place(entry: IneligibleType) -> tuple[int, list[tuple[int, str]], list[tuple[int, str]]]:
        code = _CODES.index(entry.code) if entry.code in _CODES else len(_CODES)
        return code, by_number(clean(entry.reason)), by_number(clean(entry.instance_type))

    groups: dict[str, list[str]] = {}
    for entry in sorted(region.left_out, key=place):
        groups.setdefault(clean(entry.reason), []).append(glued(entry.instance_type))
    return [(reason, once(names)) for reason, names in groups.items()]


def left_out_sheet(region: RegionPlan) -> Sheet:
    """Every type that is left out, one a row."""
    rows = [(name, reason) for reason, names in left_out_groups(region) for name in names]
    return Sheet((Column("Instance", least=16), Column("Why", least=20, hang=2)), tuple(rows))
