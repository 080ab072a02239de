"""The only place that knows a vendor: each module asks one cloud for its prices and answers in Offers.

A third party adds a cloud by an entry point in the group ``melange_cloud.clouds`` that names a class or function which,
called without arguments, returns a PriceSource; where it also has ``regions`` (NewRegions), these can be asked for by
name. AWS and GCP need no entry point: they work in a bare checkout, and are imported only when they are needed.
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
"""Called with (what is being read, units done, units in all or None if unknown)."""


@dataclass(frozen=True, slots=True)
class CloudAnswer:
    """What one cloud answered.

    Attributes:
        offers: origin ``live``; dates are the day of the answer (UTC).
        excluded: (region, instance type) pairs with a price that is not an offer of ours, and why.
        complete: the (region, purchase) pairs that were read whole; only these may replace older prices.
        problems: one per part that could not be read, without the provider's name; empty if all went well.
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

        Called in its own thread, which is abandoned at the deadline. Whatever it raises or answers is one
        line about this cloud alone.

        Args:
            regions: region names; None is all.
            purchases: of PURCHASES.
            instance_types: the shapes that we know; others are left out and said.

        Raises:
            NoCredentials: there are none (a PricesUnavailable; see ``clouds.credentials``).
            PricesUnavailable: nothing at all could be read; says why and the cure, without the provider's name.
        """
        ...


@runtime_checkable
class NewRegions(Protocol):
    """What a plug-in has in addition if melange-cloud does not ship its regions."""

    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class PriceSources:
    """The clouds that can be asked, by provider, and what is wrong with each plug-in that is broken."""

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
        known_types: GCP region -> machine types, where Google's own list of them cannot be had.
        known_sold_as: AWS (region, instance type) -> ``sold_as`` of its on-demand price, where EC2 cannot be asked.
        ask_metadata: False where GCP's metadata server is known not to be there.
        public: AWS's public price list, which needs no credentials, in place of its APIs.
        deadline: after which the source gives what it has.

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
        except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - what a plug-in raises must not end us
            problems.append(Finding(f"{origin} failed to load ({words_of(error)})", FIX_OR_UNINSTALL))
            continue
        if wrong:
            problems.append(Finding(f"{origin} {wrong}", FIX_OR_UNINSTALL))
        elif provider in PROVIDERS or provider in sources:
            problems.append(Finding(f"{origin} is left out: its provider '{provider}' is taken", "uninstall it"))
        else:
            sources[provider] = source
    return PriceSources(sources, tuple(problems))


def _why_no_source(source: PriceSource) -> str:
    """What keeps a plug-in's object from being a PriceSource; empty if it is one."""
    provider = source.provider
    if not isinstance(provider, str) or not callable(getattr(source, "fetch", None)):
        return "is not a PriceSource, which has `provider` and `fetch`"
    if not re.fullmatch("[a-z][a-z0-9-]{0,30}", provider):
        return f"calls its provider '{echoed(provider)}', which is not a short name in lower case"
    regions = getattr(source, "regions", ())
    names = [(region.provider, region.name, region.place) for region in regions if isinstance(region, Region)]
    if len(names) != len(regions):
        return "has `regions` that are not Regions"
    for of, name, place in names:
        clean = all(isinstance(text, str) and text and echoed(text, _LONGEST_NAME) == text for text in (name, place))
        if of != provider or not clean:
            return f"has a region '{echoed(name)}' that cannot be one of its own"
    return ""


def in_one_go(
    provider: str, regions: Sequence[str] | None, purchases: Sequence[str]
) -> tuple[Sequence[str] | None, tuple[str, ...]]:
    """The regions and purchases that the same calls answer, so that nothing is queried twice.

    Google's list cannot be asked in parts; AWS's holds reserved instances together with on demand.
    """
    if provider == "gcp":
        return None, PURCHASES
    if provider == "aws" and set(purchases) - {"spot"}:
        return regions, tuple(purchase for purchase in PURCHASES if purchase != "spot" or "spot" in purchases)
    return regions, tuple(purchases)
