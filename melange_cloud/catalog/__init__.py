"""What can be rented, where, and for how much: the shipped snapshot, fetched prices, the user's sheet, and regions.

Prices are USD per hour of one instance; memory is in GiB. Every offer carries the source of its price and the dates
between which it was true.
"""

from melange_cloud.catalog.availability import availability_of
from melange_cloud.catalog.cache.format import EVERY_REGION, CachedPrices, ProviderCache, QueryRecord
from melange_cloud.catalog.cache.store import (
    CLOCK_TOLERANCE,
    cache_file,
    cache_folder,
    is_fresh,
    is_future,
    kept_days,
    metadata_not_there,
    read_cache,
    remember_metadata,
    store,
)
from melange_cloud.catalog.catalog import Catalog, OfferKey, key_of, with_sheet
from melange_cloud.catalog.difference import difference
from melange_cloud.catalog.discounts import Discount, load_discounts, with_discounts
from melange_cloud.catalog.fleet_file import read_fleet
from melange_cloud.catalog.implausible import PriceShift, odd_prices, shifts
from melange_cloud.catalog.quotas import AccountQuota, quota_of
from melange_cloud.catalog.regions import named_among, select_regions, with_sheet_regions
from melange_cloud.catalog.renew_checks import worth_a_look
from melange_cloud.catalog.renew_snapshot import FolderRenewal, renew_folder
from melange_cloud.catalog.sheet import SHEET_COLUMNS, read_price_sheet
from melange_cloud.catalog.snapshot import load_instance_types, load_regions, load_snapshot, read_snapshot

__all__ = [
    "CLOCK_TOLERANCE",
    "EVERY_REGION",
    "SHEET_COLUMNS",
    "AccountQuota",
    "CachedPrices",
    "Catalog",
    "Discount",
    "FolderRenewal",
    "OfferKey",
    "PriceShift",
    "ProviderCache",
    "QueryRecord",
    "availability_of",
    "cache_file",
    "cache_folder",
    "difference",
    "is_fresh",
    "is_future",
    "kept_days",
    "key_of",
    "load_discounts",
    "load_instance_types",
    "load_regions",
    "load_snapshot",
    "metadata_not_there",
    "named_among",
    "odd_prices",
    "quota_of",
    "read_cache",
    "read_fleet",
    "read_price_sheet",
    "read_snapshot",
    "remember_metadata",
    "renew_folder",
    "select_regions",
    "shifts",
    "store",
    "with_discounts",
    "with_sheet",
    "with_sheet_regions",
    "worth_a_look",
]
