"""Live AWS prices through boto3: the price list, the current spot prices, and what each region offers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from melange_cloud.clouds import CloudAnswer, Progress
from melange_cloud.clouds.aws.client import AwsClients, pages
from melange_cloud.clouds.aws.faults import UnreadError, UnreadPart, malformed
from melange_cloud.clouds.aws.offer_collector import LISTED, PROVIDER, OfferCollector
from melange_cloud.clouds.aws.products import ATTRIBUTES, GPU_FAMILY, PriceList, parsed
from melange_cloud.clouds.aws.spot import SpotPrices, offered_types, spot_prices
from melange_cloud.clouds.credentials import HOW_TO_GET, NoCredentials
from melange_cloud.clouds.foreign_errors import ForeignErrorText, contained
from melange_cloud.concurrency import Deadline, DeadlinePassedError, side_by_side
from melange_cloud.domain import InstanceType
from melange_cloud.errors import Finding

_LIST_ACTION = "pricing:GetProducts"
_LIST_SOURCE = "AWS Price List API (GetProducts)"
_PAGE_PRODUCTS = 100
_MOST_CHARACTERS = 64 * 2**20
"""Limit of one query; a region's GPU instances take less than one million."""
_THREADS = 64
"""Enough for two queries per region at once; beyond 30 regions the network is the limit, not this machine."""
_NO_PRICE = Finding("it has no price for any of our instance types", "check the region's name, or leave it out")
_WORDS = {
    "list of region": "price list of",
    "list of type": "price list of",
    "offerings": "types on offer in",
    "spot": "spot prices of",
}


@dataclass(frozen=True, slots=True)
class _CallChain:
    """One series of calls: what it requests, for which region or type, and the answer or why there is none."""

    kind: Literal["list of region", "list of type", "offerings", "spot"]
    about: str
    ask: Callable[[], Any] = field(compare=False)


class AwsPrices:
    """The PriceSource of AWS.

    If no more regions are named than there are instance types, each region is one query (which also shows types that we
    do not know); otherwise each type is one. All queries, and all of EC2, run side by side. Without permission to call
    EC2 only the price list is used, and a problem line says so.

    Args:
        clients: the boto3 clients; None creates them from the environment.
        now: the time, UTC; it dates the offers and selects the spot prices.
        known_sold_as: (region, instance type) -> ``sold_as`` of its on-demand price, used if EC2 cannot be queried.
        deadline: when to stop reading.
    """

    provider = PROVIDER

    def __init__(
        self,
        clients: AwsClients | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        known_sold_as: Mapping[tuple[str, str], str] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self._clients = clients or AwsClients(deadline=deadline)
        self._deadline = deadline
        self._now = now
        self._known_sold_as = known_sold_as or {}

    def fetch(
        self,
        regions: Sequence[str] | None,
        purchases: Sequence[str],
        instance_types: Sequence[InstanceType],
        progress: Progress | None = None,
    ) -> CloudAnswer:
        """Ask AWS; see PriceSource.

        Raises:
            NoCredentials: none are set up (a PricesUnavailable).
            PricesUnavailable: nothing could be read.
        """
        if self._clients.credentials_from() is None:
            raise NoCredentials("no credentials, so no live prices", cure=HOW_TO_GET["aws"])
        shapes = {shape.name: shape for shape in instance_types if shape.provider == PROVIDER}
        now = self._now()
        listed = [purchase for purchase in LISTED if purchase in purchases]
        answers = OfferCollector(shapes, now.date(), self._known_sold_as)
        regions = None if regions is None else sorted(set(regions))
        products = PriceList(shapes, listed, regions, now)
        parts = self._parts(regions, listed, "spot" in purchases, tuple(shapes), now)

        unread: set[tuple[str, str]] = set()
        offered: dict[str, frozenset[str]] = {}
        spot: dict[str, SpotPrices] = {}
        if progress is not None:
            progress(PROVIDER, 0, len(parts))
        for done, (index, answer) in enumerate(self._outcomes(parts), 1):
            part = parts[index]
            if isinstance(answer, UnreadError):
                unread.add((part.kind, part.about))
                answers.problems.append(UnreadPart(_WORDS[part.kind], part.about, answer.finding))
            elif part.kind == "offerings":
                offered[part.about] = answer
            elif part.kind == "spot":
                spot[part.about] = answer
            else:
                for document in answer:
                    products.add(document)
            if progress is not None:
                progress(PROVIDER, done, len(parts))

        answers.add_list(products, _LIST_SOURCE, offered)
        read = {(region, "spot") for region in spot}
        if not any(kind == "list of type" for kind, _ in unread):
            whole = {region for region in regions or products.regions if ("list of region", region) not in unread}
            read |= {(region, purchase) for region in whole for purchase in listed}
            if listed:
                answers.problems += [
                    UnreadPart("price list of", region, _NO_PRICE) for region in whole - products.regions
                ]
        for region, prices in spot.items():
            for name, why in prices.refused.items():
                answers.refuse(region, "spot", f"{name} spot in {region}", why)
            for name, usd_per_hour in prices.usd_per_instance_hour.items():
                source = f"EC2 spot price history, cheapest zone at {now:%Y-%m-%d %H:%M} UTC"
                answers.add(region, name, "spot", "spot", usd_per_hour, source)
        return answers.fetched(read)

    def _outcomes(self, parts: Sequence[_CallChain]) -> Iterator[tuple[int, Any]]:
        """(index of a part, its answer or the UnreadError), as they end; at the deadline, all that are left."""
        calls = [partial(_outcome, part) for part in parts]
        if self._deadline is None:
            yield from side_by_side(calls, _THREADS)
            return
        waiting = set(range(len(parts)))
        self._deadline.watch()
        try:
            for index, answer in side_by_side(calls, _THREADS, self._deadline):
                waiting.remove(index)
                yield index, answer
        except DeadlinePassedError as error:
            late = UnreadError(error.finding)
            yield from ((index, late) for index in sorted(waiting))

    def _parts(
        self,
        regions: Sequence[str] | None,
        listed: Sequence[str],
        with_spot: bool,
        names: Sequence[str],
        now: datetime,
    ) -> list[_CallChain]:
        parts: list[_CallChain] = []
        if listed and regions is not None and len(regions) <= len(names):
            for region in regions:
                only = {"regionCode": region, "instanceFamily": GPU_FAMILY}
                parts.append(_CallChain("list of region", region, partial(self._read_list, only)))
        elif listed:
            parts += [
                _CallChain("list of type", name, partial(self._read_list, {"instanceType": name})) for name in names
            ]
        for region in self._clients.regions() if regions is None else regions:
            if with_spot:
                parts.append(_CallChain("spot", region, partial(self._read_spot, region, names, now)))
            if listed:
                parts.append(_CallChain("offerings", region, partial(self._read_offerings, region, names)))
        return parts

    def _read_spot(self, region: str, names: Sequence[str], now: datetime) -> SpotPrices:
        return spot_prices(self._clients.ec2(region), region, names, now)

    def _read_offerings(self, region: str, names: Sequence[str]) -> frozenset[str]:
        return offered_types(self._clients.ec2(region), region, names)

    def _read_list(self, only: dict[str, str]) -> list[Any]:
        """The products of one series of pages; none if a page is missing, since it could contradict a price.

        Raises:
            UnreadError: a page or an item cannot be read, or there is far too much.
        """
        filters = [
            {"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in sorted((ATTRIBUTES | only).items())
        ]
        client = self._clients.pricing()
        chain: list[Any] = []
        characters = 0
        for page in pages(
            client.get_products,
            "PriceList",
            _LIST_ACTION,
            ServiceCode="AmazonEC2",
            FormatVersion="aws_v1",
            Filters=filters,
            MaxResults=_PAGE_PRODUCTS,
        ):
            try:
                characters += sum(len(item) for item in page if isinstance(item, str))
                if characters > _MOST_CHARACTERS:
                    raise UnreadError(
                        f"it is longer than {_MOST_CHARACTERS:,} characters", cure="check any proxy in between"
                    )
                chain += [parsed(item) for item in page]
            except ValueError as error:
                raise UnreadError(malformed(str(error))) from error
        return chain


def _outcome(part: _CallChain) -> Any:
    """The answer, or the UnreadError, so that a part that cannot be read never stops the others."""
    try:
        answer = contained(part.ask)
    except UnreadError as error:
        return error
    return UnreadError(malformed(answer.words)) if isinstance(answer, ForeignErrorText) else answer
