"""GcpPrices: live GCP prices as Offers."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, partial
from typing import Any, TypeVar

from melange_cloud.clouds import CloudAnswer, Progress
from melange_cloud.clouds.credentials import named_project
from melange_cloud.clouds.foreign_errors import ForeignErrorText, contained
from melange_cloud.clouds.gcp.client import (
    API_KEY,
    BILLING_ENDPOINT,
    GcpPatience,
    billing_client,
    call_options,
    find_credentials,
    machine_types_client,
    pages,
)
from melange_cloud.clouds.gcp.compose import (
    NO_STANDARD_ON_DEMAND,
    NOT_ORDERABLE,
    can_compose,
    compose,
    gpu_listed,
    sold,
)
from melange_cloud.clouds.gcp.machines import MachineTypes, list_machine_types
from melange_cloud.clouds.gcp.skus import COMPUTE_ENGINE, PartPrices, part_prices
from melange_cloud.concurrency import Deadline, DeadlinePassedError, PendingResult, begin
from melange_cloud.domain import Exclusion, InstanceType, Offer
from melange_cloud.errors import Finding, PricesUnavailable

_SOURCE = f"Cloud Billing Catalog API {COMPUTE_ENGINE}"
_WHAT = "Google's price list"
_WHAT_TYPES = "Google's list of machine types"
_ALLOW_BILLING = "enable the Cloud Billing API (cloudbilling.googleapis.com) in the project of the key or credentials"
_SKUS_PER_PAGE = 5000
_SOLD_AS = {"on_demand": "on_demand", "spot": "spot", "commit_1y": "commitment", "commit_3y": "commitment"}
_CONTRACT = {"commit_1y": "CUD 1y", "commit_3y": "CUD 3y"}
_SHOWN = 3
_OLDER_STAYS = "the older price is kept"
_GIVE_YOUR_OWN = "give your own price with --prices"


def _now() -> datetime:
    return datetime.now(UTC)


T = TypeVar("T")


def _begin(name: str, read: Callable[[], T]) -> "PendingResult[T | ForeignErrorText]":
    """Read in a thread of its own, and catch whatever Google's client raises there."""
    return begin(lambda: contained(read), name)


@dataclass(frozen=True)
class GcpPrices:
    """One fetch reads the whole price list (Google cannot filter it) and, with a project, all machine types.

    Attributes:
        api_key: for the Cloud Billing API; by default MELANGE_CLOUD_GCP_API_KEY, then application default credentials.
        project: whose machine types to list; by default MELANGE_CLOUD_GCP_PROJECT or GOOGLE_CLOUD_PROJECT.
        known_types: region -> machine types, used if Google's own list is unavailable; empty: wherever all parts have
            a price.
        ask_metadata: False if it is known that there is no metadata server.
        patience: time-outs and retries.
        billing, machines: ready-made clients (CloudCatalogClient with transport ``rest``, MachineTypesClient).
        deadline: when to stop reading.
        now: the time, UTC, at which a price must be valid; its day is the date of the offers.
    """

    provider = "gcp"

    api_key: str | None = field(default=None, repr=False)
    project: str | None = None
    known_types: Mapping[str, Collection[str]] = field(default_factory=dict)
    ask_metadata: bool = True
    patience: GcpPatience = field(default_factory=GcpPatience)
    billing: Any = None
    machines: Any = None
    deadline: Deadline | None = None
    now: Callable[[], datetime] = _now

    def fetch(
        self,
        regions: Sequence[str] | None,
        purchases: Sequence[str],
        instance_types: Sequence[InstanceType],
        progress: Progress | None = None,
    ) -> CloudAnswer:
        """Ask Google; see PriceSource.

        A pair is in ``excluded`` if it has a price somewhere in Google's list, or a machine type, but no offer for at
        least one of ``purchases``; its reason names the purchases. A (region, purchase) is not ``complete`` if a SKU
        was rejected or there is none.

        Raises:
            NoCredentials: none are set up (a PricesUnavailable).
            PricesUnavailable: the price list could not be read completely.
            BadInput: an endpoint in the environment is not a valid address.
        """
        ours = [machine for machine in instance_types if machine.provider == self.provider]
        credentials = cache(partial(find_credentials, self.patience, self.ask_metadata, self.deadline))
        key = self.api_key or os.environ.get(API_KEY)
        billing = self.billing or billing_client(key, credentials, self.patience, self.deadline)
        listing = self._begin_listing({machine.name for machine in ours}, credentials)
        now = self.now()
        parts = self._result(_begin("gcp price list", lambda: self._read_parts(billing, now, progress)), _WHAT)
        problems: list[Finding] = []
        types: MachineTypes | None = None
        if listing is not None:
            try:
                types = self._result(listing, _WHAT_TYPES)
            except PricesUnavailable as error:
                instead = (
                    "the machine types known offline are used instead"
                    if self.known_types
                    else "a machine type is assumed to exist wherever all its parts have a price"
                )
                problems.append(Finding(f"{error.finding.what}; {instead}", error.finding.cure))
        found = parts.regions | (types.types.keys() if types else set())
        asked = sorted(found if regions is None else set(regions))
        answer = _GoogleAnswer(parts, types, self.known_types, ours, tuple(purchases), now.date())
        problems += [
            Finding(f"{_WHAT} has no GPU price in region '{region}'", "check its name")
            for region in asked
            if region not in parts.regions
        ]
        problems += _refused(parts, asked, purchases)
        return CloudAnswer(
            offers=tuple(offer for region in asked for offer in answer.offers(region)),
            excluded=tuple(pair for region in asked for pair in answer.excluded(region)),
            complete=frozenset(
                (region, purchase) for region in asked for purchase in purchases if _read_whole(parts, region, purchase)
            ),
            problems=tuple(problems),
        )

    def _begin_listing(
        self, known: Collection[str], credentials: Callable[[], Any]
    ) -> "PendingResult[MachineTypes | ForeignErrorText] | None":
        """The list of machine types, read while the price list is being read; None without a project."""
        project = self.project or named_project()
        if project is None:
            return None

        def read() -> MachineTypes:
            client = self.machines or machine_types_client(project, credentials, self.patience, self.deadline)
            return list_machine_types(client, project, known, self.patience)

        return _begin("gcp machine types", read)

    def _result(self, coming: "PendingResult[T | ForeignErrorText]", what: str) -> T:
        """The result of a thread.

        Raises:
            PricesUnavailable: it could not be read, or not in time.
            BadInput: an endpoint in the environment is not a valid address.
        """
        if self.deadline is not None:
            self.deadline.watch()
        try:
            result = coming.result(self.deadline)
        except DeadlinePassedError as error:
            raise PricesUnavailable(error.finding.of(what)) from error
        if isinstance(result, ForeignErrorText):
            raise PricesUnavailable(f"{what} cannot be read ({result.words})", cure="try again later")
        return result

    def _read_parts(self, billing: Any, now: datetime, progress: Progress | None) -> PartPrices:
        """The whole price list.

        Raises:
            PricesUnavailable: a page could not be read, or none of them has a GPU machine that we know.
        """
        parts = part_prices(self._skus(billing, progress), now)
        if not parts.regions:
            raise PricesUnavailable(
                f"{_WHAT} has none of the GPU machines that melange-cloud knows",
                cure=f"unset {BILLING_ENDPOINT} if it is set",
            )
        return parts

    def _skus(self, billing: Any, progress: Progress | None) -> Iterator[Any]:
        ask = {"parent": COMPUTE_ENGINE, "page_size": _SKUS_PER_PAGE, "currency_code": "USD"}
        done = 0
        for page in pages(
            lambda: billing.list_skus(request=ask, **call_options(self.patience)), _WHAT, _ALLOW_BILLING, self.patience
        ):
            skus = type(page).pb(page).skus
            yield from skus
            done += len(skus)
            if progress is not None:
                progress("GCP price lines", done, None)


@dataclass(frozen=True)
class _GoogleAnswer:
    """Google's answer, by region."""

    parts: PartPrices
    listing: MachineTypes | None
    known_types: Mapping[str, Collection[str]]
    machines: Sequence[InstanceType]
    purchases: tuple[str, ...]
    today: date

    def _exists(self, machine: InstanceType, region: str) -> bool | None:
        """True if the region has the machine type; None if unknown."""
        if self.listing is not None:
            if machine.name in self.listing.types.get(region, ()):
                return True
            if region not in self.listing.unsure:
                return False
        if self.known_types:
            return machine.name in self.known_types.get(region, ())
        return None

    def offers(self, region: str) -> Iterator[Offer]:
        for machine in sorted(self.machines, key=lambda machine: machine.name):
            if not can_compose(machine) or self._exists(machine, region) is False:
                continue
            for purchase in self.purchases:
                usd_per_hour = compose(machine, region, purchase, self.parts).usd_per_instance_hour
                if usd_per_hour is None or not sold(machine, purchase):
                    continue
                yield Offer(
                    instance_type=machine,
                    region=region,
                    purchase=purchase,
                    sold_as=_SOLD_AS[purchase],
                    usd_per_instance_hour=float(usd_per_hour),
                    list_usd_per_instance_hour=float(usd_per_hour),
                    origin="live",
                    source=_SOURCE,
                    as_of_from=self.today,
                    as_of_to=self.today,
                    contract=_CONTRACT.get(purchase, ""),
                )

    def excluded(self, region: str) -> Iterator[Exclusion]:
        reasons = {machine.name: self._why_not(machine, region) for machine in self.machines}
        if self.listing is not None:
            for name in self.listing.unknown.get(region, ()):
                edge = name.startswith("a3-edgegpu")
                reasons[name] = NOT_ORDERABLE if edge else "a machine type that melange-cloud does not know yet"
        for name in sorted(reasons):
            if reasons[name]:
                yield Exclusion("gcp", region, name, reasons[name])

    def _why_not(self, machine: InstanceType, region: str) -> str:
        """Why the machine type has no offer for some purchases; empty if it has all, or if it does not exist there."""
        exists = self._exists(machine, region)
        if not can_compose(machine):
            return "melange-cloud does not know which parts make up its price" if exists else ""
        composed = {purchase: compose(machine, region, purchase, self.parts) for purchase in self.purchases}
        if exists is False:
            priced = any(one.usd_per_instance_hour is not None for one in composed.values())
            return "the price list has it, but the machine type does not exist in this region" if priced else ""
        if exists is None and not gpu_listed(machine, region, self.parts):
            return ""
        whys: dict[str, list[str]] = defaultdict(list)
        for purchase, one in composed.items():
            if not sold(machine, purchase):
                whys[NO_STANDARD_ON_DEMAND].append(purchase)
            elif one.missing:
                whys["; ".join(one.missing)].append(purchase)
        return "; ".join(
            why if why == NO_STANDARD_ON_DEMAND else f"no {' or '.join(bought)} price: {why}"
            for why, bought in whys.items()
        )


def _read_whole(parts: PartPrices, region: str, purchase: str) -> bool:
    """True if Google lists something there for the purchase and none of it was rejected."""
    place = (region, purchase)
    return any(key[:2] == place for key in parts.usd_per_part_hour) and all(key[:2] != place for key in parts.faults)


def _refused(parts: PartPrices, regions: Sequence[str], purchases: Sequence[str]) -> list[Finding]:
    """One finding per rejected SKU (or group of conflicting SKUs), with the regions that lose a price by it."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (region, purchase, part), fault in parts.faults.items():
        if region in regions and purchase in purchases:
            places[fault, part].append(region)
    found = []
    for (fault, part), where in sorted(places.items()):
        more = f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else ""
        what = f"rejected: {fault}; so {', '.join(where[:_SHOWN])}{more} has no price with {part}, and {_OLDER_STAYS}"
        found.append(Finding(what, _GIVE_YOUR_OWN))
    return found
