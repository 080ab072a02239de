"""What can be rented, where and for how much: the shipped snapshot, the user's price sheet, and regions.

Prices are USD per hour of one instance; memory is GiB. Every offer says where its figure was read and which dates
bound it.
"""

from melange_cloud.catalog.catalog import Catalog, with_sheet
from melange_cloud.catalog.quotas import Quota, quota_of
from melange_cloud.catalog.regions import select_regions, with_sheet_regions
from melange_cloud.catalog.sheet import SHEET_COLUMNS, read_price_sheet
from melange_cloud.catalog.snapshot import load_instance_types, load_regions, load_snapshot

__all__ = [
    "SHEET_COLUMNS",
    "Catalog",
    "Quota",
    "load_instance_types",
    "load_regions",
    "load_snapshot",
    "quota_of",
    "read_price_sheet",
    "select_regions",
    "with_sheet",
    "with_sheet_regions",
]
