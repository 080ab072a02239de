"""Turns what was read into Offers, and notes what is not an offer and why."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from melange_cloud.clouds import CloudAnswer
from melange_cloud.clouds.aws.faults import UnreadPart, by_cause
from melange_cloud.clouds.aws.products import PriceList
from melange_cloud.domain import Exclusion, InstanceType, Offer
from melange_cloud.errors import Finding, PricesUnavailable

PROVIDER = "aws"
LISTED = ("on_demand", "commit_1y", "commit_3y")
"""The purchases that the price list holds."""
_REFUSED = "rejected; the older price is kept"
_GIVE_YOUR_OWN = "give your own price with --prices"
_UNKNOWN = "AWS prices it, but melange-cloud does not know this instance type"
_NOT_OFFERED = "AWS prices it, but DescribeInstanceTypeOfferings does not list it in this region"


@dataclass
class OfferCollector:
    """Collects the offers of one fetch.

    Args:
        shapes: the instance types that we know, by name.
        day: the day of the answers (UTC).
        known_sold_as: (region, instance type) -> ``sold_as`` of its on-demand price, used if EC2 did not say;
            ``unknown`` for any other, since a price does not prove that the type can be rented.
    """

    shapes: Mapping[str, InstanceType]
    day: date
    known_sold_as: Mapping[tuple[str, str], str] = field(default_factory=dict)
    problems: list[UnreadPart] = field(default_factory=list)
    _offers: list[Offer] = field(default_factory=list)
    _excluded: dict[tuple[str, str], str] = field(default_factory=dict)
    _faulty: set[tuple[str, str]] = field(default_factory=set)

    def add_list(self, products: PriceList, source: str, offered: Mapping[str, Collection[str]]) -> None:
        """Add the price list.

        Args:
            source: where it was read.
            offered: region -> the types that it offers, for the regions that could be queried; decides ``sold_as``.
        """
        priced, refused = products.settle()
        for pair in products.unknown:
            self._excluded[pair] = _UNKNOWN
        for refusal in refused:
            self.refuse(refusal.region, refusal.purchase, refusal.where, refusal.why)
        for price in priced:
            types_there = offered.get(price.region)
            if types_there is not None and price.instance_type not in types_there:
                self._excluded[price.region, price.instance_type] = _NOT_OFFERED
                continue
            sold_as = "commitment"
            if price.purchase == "on_demand":
                known = self.known_sold_as.get((price.region, price.instance_type), "unknown")
                sold_as = known if types_there is None else "on_demand"
            origin = f"{source}, published {price.published}" if price.published else source
            self.add(
                price.region,
                price.instance_type,
                price.purchase,
                sold_as,
                price.usd_per_instance_hour,
                origin,
                price.contract,
            )

    def add(
        self,
        region: str,
        instance_type: str,
        purchase: str,
        sold_as: str,
        usd_per_hour: Decimal,
        source: str,
        contract: str = "",
    ) -> None:
        """Add one offer."""
        self._offers.append(
            Offer(
                instance_type=self.shapes[instance_type],
                region=region,
                purchase=purchase,
                sold_as=sold_as,
                usd_per_instance_hour=float(usd_per_hour),
                list_usd_per_instance_hour=float(usd_per_hour),
                origin="live",
                source=source,
                as_of_from=self.day,
                as_of_to=self.day,
                contract=contract,
            )
        )

    def refuse(self, region: str, purchase: str, where: str, why: str) -> None:
        """Note a rejected price; its (region, purchase), or all of the region, is then not complete."""
        self.problems.append(UnreadPart("price of", where, Finding(f"{why}; {_REFUSED}", _GIVE_YOUR_OWN)))
        self._faulty.add((region, purchase))

    def fetched(self, read: Iterable[tuple[str, str]]) -> CloudAnswer:
        """The result.

        Args:
            read: the (region, purchase) pairs that were read completely; those with an offer and without a rejected
                price are complete.

        Raises:
            PricesUnavailable: there is no offer at all.
        """
        problems = by_cause(self.problems)
        if not self._offers:
            if not problems:
                raise PricesUnavailable("no price for these regions and purchases", cure="ask for others")
            raise PricesUnavailable(
                problems[0] if len(problems) == 1 else problems[0].of(f"the first of {len(problems)} problems")
            )
        held = {(offer.region, offer.purchase) for offer in self._offers}
        complete = {
            (region, purchase)
            for region, purchase in set(read) & held
            if (region, purchase) not in self._faulty and (region, "") not in self._faulty
        }
        return CloudAnswer(
            offers=tuple(
                sorted(self._offers, key=lambda offer: (offer.region, offer.instance_type.name, offer.purchase))
            ),
            excluded=tuple(
                Exclusion(PROVIDER, region, name, reason) for (region, name), reason in sorted(self._excluded.items())
            ),
            complete=frozenset(complete),
            problems=problems,
        )
