"""How an instance type can be had, as far as is known without asking the vendor for capacity.

What is often sold out is in ``pricing/availability.csv``: machines that buyers on demand report as unavailable for
days (AWS P4 and P5, Google A3). No price list says so, and no list says what is free today.
"""

import csv
from fnmatch import fnmatchcase
from functools import cache

from melange_cloud.domain import Availability, Offer
from melange_cloud.shipped import shipped


def availability_of(offer: Offer) -> Availability:
    """How the instance type of an offer can be had, bought as the offer says."""
    if offer.sold_as == "unknown":
        return Availability.UNCONFIRMED
    if offer.sold_as == "capacity_block":
        return Availability.CAPACITY_BLOCK
    if offer.purchase == "spot":
        return Availability.INTERRUPTIBLE
    machine = offer.instance_type
    for row in _known():
        if (
            row["provider"] == machine.provider
            and offer.purchase in row["purchases"].split("|")
            and any(fnmatchcase(machine.name, pattern) for pattern in row["instance_types"].split("|"))
        ):
            return Availability(row["availability"])
    return Availability.NOT_CHECKED


@cache
def _known() -> tuple[dict[str, str], ...]:
    with (shipped("pricing") / "availability.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))
