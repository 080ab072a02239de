"""The only package that knows the vendors: each module queries one cloud and returns its prices as Offers.

To add a cloud, a third party provides an entry point in the group ``melange_cloud.clouds``. It names a class or
function that takes no arguments and returns a PriceSource. If that also has ``regions`` (NewRegions), users can name
them. AWS and GCP need no entry point: they work in a bare checkout and are imported only when they are needed.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from melange_cloud.clouds.foreign_errors import words_of
from melange_cloud.concurrency import Deadline
from melange_cloud.domain import PROVIDERS, PURCHASES, Exclusion, InstanceType, Offer, Region
from melange_cloud.errors import Finding, echoed

ENTRY_POINTS = "melange_cloud.clouds"
FIX_OR_UNINSTALL = "fix or uninstall the plug-in"
_LONGEST_NAME = 80

Progress = Callable[[str, int, int | None], None]
"""Called with (what is being read, units done, total units or None if unknown)."""


@dataclass(frozen=True, slots=True)
class CloudAnswer:
    """The answer of one cloud.

    Attributes:
        offers: origin ``live``; dates are the day of the answer (UTC).
        excluded: (region, instance type) pairs that have a price but are not an offer, and why.
        complete: the (region, purchase) pairs that were read completely; only these may replace older prices.
        problems: one per part that could not be read, without the provider's name; empty if there were none.
    """

    offers: tuple[Offer, ...]
    excluded: tuple[Exclusion, ...]
    complete: frozenset[tuple[str, str]]
    problems: tuple[Finding, ...]


class PriceSource(Protocol):
    """One cloud's live prices."""

    provider: str
    """The provider's short name as options spell it, such as ``aws``."""

    def fetch(
        self,
        regions: Sequence[str] | None,
        purchases: Sequence[str],
        instance_types: Sequence[InstanceType],
        progress: Progress | None = None,
    ) -> CloudAnswer:
        """Ask the cloud.

        Called in a thread of its own, which is abandoned at the deadline. Whatever it raises becomes one line about
        this cloud alone.

        Args:
            regions: region names; None is all.
            purchases: of PURCHASES.
            instance_types: the known shapes; other types are left out and reported.

        Raises:
            NoCredentials: there are none (a PricesUnavailable; see ``clouds.credentials``).
            PricesUnavailable: nothing could be read; the message has cause and cure, without the provider's name.
        """
        ...


@runtime_checkable
class NewRegions(Protocol):
    """What a plug-in also provides if melange-cloud does not ship its regions."""

    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class PriceSources:
    """The clouds that can be queried, by provider, and what is wrong with each broken plug-in."""

    by_provider: Mapping[str, PriceSource]
    problems: tuple[Finding, ...] = ()


def built_in(
    provider: str,
    *,
    known_types: Mapping[str, Collection[str]] | None = None,
    known_sold_as: Mapping[tuple[str, str], str] | None = None,
    ask_metadata: bool = True,
    public: bool = False,
    deadline: Deadline | None = None,
) -> PriceSource:
    """The source of one of PROVIDERS.

    Args:
        known_types: GCP region -> machine types, used if Google's own list is unavailable.
        known_sold_as: AWS (region, instance type) -> ``sold_as`` of its on-demand price, used if EC2 cannot be queried.
        ask_metadata: False if it is known that there is no GCP metadata server.
        public: read AWS's public price list, which needs no credentials, instead of its APIs.
        deadline: when the source returns what it has.

    Raises:
        KeyError: the provider is not one of ours.
    """
    if provider == "aws":
        from melange_cloud.clouds.aws import AwsPrices, PublicAwsPrices

        if public:
            return PublicAwsPrices(known_sold_as=known_sold_as, deadline=deadline)
        return AwsPrices(known_sold_as=known_sold_as, deadline=deadline)
    if provider == "gcp":
        from melange_cloud.clouds.gcp import GcpPrices

        return GcpPrices(known_types=known_types or {}, ask_metadata=ask_metadata, deadline=deadline)
    raise KeyError(provider)


def plug_ins() -> PriceSources:
    """The clouds that third parties have installed."""
    from importlib.metadata import entry_points

    sources: dict[str, PriceSource] = {}
    problems = []
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value)):
        origin = f"plug-in cloud '{point.name}' ({point.value})"
        try:
            source = point.load()()
            provider, wrong = source.provider, _why_no_source(source)
        except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - an exception in a plug-in must not end the program
            problems.append(Finding(f"{origin} failed to load ({words_of(error)})", FIX_OR_UNINSTALL))
            continue
        if wrong:
            problems.append(Finding(f"{origin} {wrong}", FIX_OR_UNINSTALL))
        elif provider in PROVIDERS or provider in sources:
            problems.append(Finding(f"{origin} is ignored: the provider name '{provider}' is taken", "uninstall it"))
        else:
            sources[provider] = source
    return PriceSources(sources, tuple(problems))


def _why_no_source(source: PriceSource) -> str:
    """Why a plug-in's object is not a PriceSource; empty if it is one."""
    provider = source.provider
    if not isinstance(provider, str) or not callable(getattr(source, "fetch", None)):
        return "is not a PriceSource: it must have `provider` and `fetch`"
    if not re.fullmatch("[a-z][a-z0-9-]{0,30}", provider):
        return f"has the provider name '{echoed(provider)}', which is not a short name in lower case"
    regions = getattr(source, "regions", ())
    names = [(region.provider, region.name, region.place) for region in regions if isinstance(region, Region)]
    if len(names) != len(regions):
        return "has `regions` that are not Regions"
    for of, name, place in names:
        clean = all(isinstance(text, str) and text and echoed(text, _LONGEST_NAME) == text for text in (name, place))
        if of != provider or not clean:
            return f"has an invalid region '{echoed(name)}'"
    return ""


def in_one_go(
    provider: str, regions: Sequence[str] | None, purchases: Sequence[str]
) -> tuple[Sequence[str] | None, tuple[str, ...]]:
    """The regions and purchases that the same calls return, so that nothing is queried twice.

    Google's list can only be read as a whole; AWS's has reserved instances together with on demand.
    """
    if provider == "gcp":
        return None, PURCHASES
    if provider == "aws" and set(purchases) - {"spot"}:
        return regions, tuple(purchase for purchase in PURCHASES if purchase != "spot" or "spot" in purchases)
    return regions, tuple(purchases)
