"""The regions of each cloud, with what is for rent there on demand: what ``regions`` answers.

Field names are those of the JSON.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from melange_cloud.domain.offers import Availability


@dataclass(frozen=True, slots=True)
class RegionGpu:
    """A GPU with an on-demand price in a region.

    Attributes:
        usd_per_gpu_hour: cheapest net price of an instance / its GPUs, USD/h.
        availability: how it can be had, as far as is known.
    """

    gpu: str
    usd_per_gpu_hour: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    availability: Availability


@dataclass(frozen=True, slots=True)
class ListedRegion:
    """A region with what is known to be for rent there on demand.

    Attributes:
        government: whether it is AWS GovCloud, which not everybody can rent: such regions are used only when named.
        gpus: those with a price; empty: no data.
        as_of_from: the earliest day of which a price there is; null without a price.
        as_of_to: the latest such day.
        price_origins: live, cached, snapshot, user; of its prices.
    """

    provider: str
    region: str
    place: str
    government: bool
    gpus: tuple[RegionGpu, ...]
    as_of_from: date | None
    as_of_to: date | None
    price_origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegionOverview:
    """The regions of each cloud.

    Attributes:
        generated_at: when the list was made, UTC.
        regions: by provider and name.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    regions: tuple[ListedRegion, ...]
