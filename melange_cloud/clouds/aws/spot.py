"""What EC2 knows about a region: the types that it offers and its current spot prices."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from melange_cloud.clouds.aws.client import pages
from melange_cloud.clouds.aws.faults import UnreadError, malformed
from melange_cloud.errors import echoed
from melange_cloud.inputs import NotANumber, parse_number

SPOT_ACTION = "ec2:DescribeSpotPriceHistory"
OFFERINGS_ACTION = "ec2:DescribeInstanceTypeOfferings"
_PRODUCT = "Linux/UNIX"
_MOST_USD = 1e9
_CLOCK_TOLERANCE = timedelta(minutes=5)
"""AWS rejects a signature that is further off."""


@dataclass(frozen=True, slots=True)
class SpotPrices:
    """The spot prices of one region: instance type -> USD/h in the cheapest zone; rejected types with the reason."""

    usd_per_instance_hour: dict[str, Decimal]
    refused: dict[str, str]


def offered_types(ec2: Any, region: str, instance_types: Collection[str]) -> frozenset[str]:
    """The types that the region offers in at least one zone.

    Raises:
        UnreadError: EC2 could not be queried.
    """
    only = [{"Name": "instance-type", "Values": sorted(instance_types)}]
    found: set[str] = set()
    for page in pages(
        ec2.describe_instance_type_offerings,
        "InstanceTypeOfferings",
        OFFERINGS_ACTION,
        LocationType="region",
        Filters=only,
    ):
        found.update(row.get("InstanceType", "") for row in page if row.get("Location", region) == region)
    return frozenset(found & set(instance_types))


def spot_prices(ec2: Any, region: str, instance_types: Collection[str], now: datetime) -> SpotPrices:
    """The price of each type in its cheapest zone at the moment ``now``; local zones do not count.

    Raises:
        UnreadError: EC2 could not be queried.
    """
    zone_of_region = re.compile(re.escape(region) + "[a-z]")
    newest: dict[tuple[str, str], tuple[datetime, str]] = {}
    for page in pages(
        ec2.describe_spot_price_history,
        "SpotPriceHistory",
        SPOT_ACTION,
        InstanceTypes=sorted(instance_types),
        ProductDescriptions=[_PRODUCT],
        StartTime=now,
    ):
        for row in page:
            try:
                name, zone, at = row["InstanceType"], row["AvailabilityZone"], row["Timestamp"]
                product, price = row["ProductDescription"], row["SpotPrice"]
            except KeyError as error:
                raise UnreadError(malformed(f"a spot price without {error}")) from error
            if at > now + _CLOCK_TOLERANCE:  # a price of the future is not the current one
                continue
            if name in instance_types and product == _PRODUCT and zone_of_region.fullmatch(zone):
                newest[name, zone] = max(newest.get((name, zone), (at, price)), (at, price))
    prices: dict[str, Decimal] = {}
    refused: dict[str, str] = {}
    for (name, zone), (_, text) in sorted(newest.items()):
        try:
            price = Decimal(text if parse_number(text, high=_MOST_USD) else "0")
        except NotANumber:
            price = Decimal(0)
        if price <= 0:
            refused[name] = f"is '{echoed(text)}' USD/h in {zone}, which is not a price"
        else:
            prices[name] = min(prices.get(name, price), price)
    return SpotPrices({name: price for name, price in prices.items() if name not in refused}, refused)
