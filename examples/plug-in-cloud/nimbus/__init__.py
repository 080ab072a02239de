"""Nimbus, a cloud that is not there: what a plug-in for melange-cloud has to hold, and no more."""

from collections.abc import Sequence
from datetime import UTC, datetime

from melange_cloud.clouds import CloudAnswer, Progress
from melange_cloud.domain import InstanceType, Offer, Region

PROVIDER = "nimbus"
_MACHINES = {
    "n1.l4": (InstanceType(PROVIDER, "n1.l4", "L4", 1, 8, 64.0, "nimbus:N"), 0.55),
    "n8.h100": (InstanceType(PROVIDER, "n8.h100", "H100", 8, 192, 2048.0, "nimbus:N"), 24.0),
}
"""Name -> machine and its price, USD per hour of one instance. A real cloud is asked over its API."""


class NimbusPrices:
    """The PriceSource of Nimbus."""

    provider = PROVIDER
    regions = (Region(PROVIDER, "nimbus-north-1", "Tromsø"), Region(PROVIDER, "nimbus-south-1", "Ushuaia"))

    def fetch(
        self,
        regions: Sequence[str] | None,
        purchases: Sequence[str],
        instance_types: Sequence[InstanceType],
        progress: Progress | None = None,
    ) -> CloudAnswer:
        """Nimbus's prices: on demand, the same in both regions, dated today."""
        del instance_types  # those that melange-cloud ships are of other clouds
        today = datetime.now(UTC).date()
        asked = [region.name for region in self.regions if regions is None or region.name in regions]
        offers = tuple(
            Offer(
                instance_type=machine,
                region=region,
                purchase="on_demand",
                sold_as="on_demand",
                usd_per_instance_hour=usd_per_hour,
                list_usd_per_instance_hour=usd_per_hour,
                origin="live",
                source="Nimbus price list",
                as_of_from=today,
                as_of_to=today,
            )
            for region in asked
            for machine, usd_per_hour in _MACHINES.values()
            if "on_demand" in purchases
        )
        if progress is not None:
            progress(PROVIDER, len(asked), len(asked))
        return CloudAnswer(
            offers=offers,
            excluded=(),
            complete=frozenset((offer.region, offer.purchase) for offer in offers),
            problems=(),
        )
