"""The regions that a question is about: names, globs and ``all``."""

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from melange_cloud.domain import PROVIDERS, Offer, Region
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.cloud_names import cloud_named, cloud_of_option, plain_cloud
from melange_cloud.inputs.comma_lists import listed
from melange_cloud.inputs.suggestions import closest, did_you_mean

_GLOB_SIGNS = frozenset("*?[")
_GOVERNMENT_PREFIX = "us-gov"
_SUGGESTIONS_SHOWN = 4
_LOCAL_ZONE = re.compile(r"(?P<region>[a-z]{2}-[a-z-]+-\d+)-[a-z]{3,4}-\d+[a-z]?")
_ZONE = re.compile(r"(?P<region>[a-z]{2}-[a-z-]+-\d+)[a-z]|(?P<gcp_region>[a-z]+-[a-z]+\d+)-[a-z]")


def with_sheet_regions(regions: Iterable[Region], offers: Iterable[Offer]) -> tuple[Region, ...]:
    """The regions, with those that only a user's offers add (place ``-``), sorted by provider and name."""
    known = {(region.provider, region.name): region for region in regions}
    for offer in offers:
        key = (offer.instance_type.provider, offer.region)
        known.setdefault(key, Region(*key, place="-"))
    return tuple(known[key] for key in sorted(known))


def select_regions(
    patterns: Sequence[str],
    provider: str | None,
    regions: Sequence[Region],
    priced: Collection[tuple[str, str]] | None = None,
) -> tuple[Region, ...]:
    """The regions that the patterns select, sorted by provider and name, each once.

    Args:
        patterns: region names, globs (``eu-*``), ``all``, each with a provider before it if wanted
            (``aws:us-east-1``, ``gcp:all``), several after commas; upper and lower case are the same.
        provider: whose regions; None for both.
        regions: the regions to choose from (``load_regions``, ``with_sheet_regions``).
        priced: (provider, name) pairs that have prices (``Catalog.priced_regions``). If given, ``all`` and globs skip
            regions without a price, unless they match no other; a name always selects its region.

    GovCloud regions are not open to everyone: only a pattern that begins with ``us-gov`` selects them.

    Raises:
        BadInput: a pattern selects nothing; one line per such pattern, with close matches from both providers.
    """
    providers = _providers(regions)
    if provider is not None:
        provider = cloud_of_option(provider, providers)
    patterns = listed("--region", patterns)
    if not patterns:
        raise BadInput("no region given: use a name, a glob or 'all'")
    selected: dict[tuple[str, str], Region] = {}
    faults = []
    for pattern in patterns:
        try:
            found = _matches(pattern, provider, regions, priced)
        except BadInput as fault:
            faults.append(str(fault))
        else:
            selected.update({(region.provider, region.name): region for region in found})
    if faults:
        raise BadInput("\n".join(dict.fromkeys(faults)))
    return tuple(selected[key] for key in sorted(selected))


def named_among(patterns: Iterable[str], regions: Iterable[Region]) -> tuple[Region, ...]:
    """Those of the regions that a pattern names, instead of a glob or ``all``, in their order."""
    among = tuple(regions)
    named = {_cloud_and_name(pattern, _providers(among)) for pattern in listed("--region", patterns)}
    return tuple(
        region for region in among if {("", region.name.lower()), (region.provider, region.name.lower())} & named
    )


def _matches(
    pattern: str, provider: str | None, regions: Sequence[Region], priced: Collection[tuple[str, str]] | None
) -> list[Region]:
    prefix, name = _cloud_and_name(pattern, _providers(regions))
    if prefix and provider is not None and prefix != provider:
        raise BadInput(f"region '{echoed(pattern)}' is one of {prefix}, but the provider is {provider}: drop one")
    wanted = prefix or provider
    candidates = [region for region in regions if wanted in (None, region.provider)]
    if name != "all" and not _GLOB_SIGNS & set(name):
        found = [region for region in candidates if region.name.lower() == name]
        if not found:
            raise BadInput(_unknown(pattern, name, wanted, regions))
        return found
    glob = "*" if name == "all" else name
    found = [region for region in candidates if fnmatchcase(region.name.lower(), glob)]
    if not found:
        raise BadInput(f"no region matches '{echoed(pattern)}'{_hint(name, regions)}")
    if not name.startswith(_GOVERNMENT_PREFIX):
        government = [region.name for region in found if region.government]
        found = [region for region in found if not region.government]
        if not found:
            raise BadInput(f"'{echoed(pattern)}' matches only GovCloud regions: name them ({', '.join(government)})")
    if priced is not None:
        found = [region for region in found if (region.provider, region.name) in priced] or found
    return found


def _cloud_and_name(pattern: str, providers: Collection[str]) -> tuple[str, str]:
    """``aws:us-east-1``, or ``aws us-east-1`` as answers print it, in two; the cloud is empty where none is named."""
    word = pattern.strip().lower()
    cloud, colon, name = word.rpartition(":")
    if colon:
        return cloud_named(f"region '{echoed(pattern)}', cloud '{echoed(cloud)}'", cloud, providers), name.strip()
    for sign in (" ", "/"):
        cloud, found, name = word.rpartition(sign)
        if found and plain_cloud(cloud) in providers:
            return plain_cloud(cloud), name
    return "", word


def _providers(regions: Iterable[Region]) -> tuple[str, ...]:
    """AWS, GCP, and the providers that plug-in clouds add."""
    return tuple(dict.fromkeys([*PROVIDERS, *sorted({region.provider for region in regions})]))


def _unknown(pattern: str, name: str, provider: str | None, regions: Sequence[Region]) -> str:
    """Why a name selects nothing, and the cure."""
    elsewhere = [region for region in regions if region.name.lower() == name]
    if elsewhere and provider is not None:
        return f"{name} is a region of {elsewhere[0].provider}, not of {provider}{_hint(name, regions, provider)}"
    zone = _LOCAL_ZONE.fullmatch(name)
    if zone and any(region.name == zone["region"] for region in regions):
        return f"{name} is a local zone, with prices of its own; use its region, {zone['region']}"
    zone = _ZONE.fullmatch(name)
    for parent in (zone["region"], zone["gcp_region"]) if zone else ():
        if any(region.name == parent for region in regions):
            return f"{name} is a zone, but prices are by region: use {parent}"
    return f"unknown region '{echoed(pattern)}'{_hint(name, regions)}"


def _hint(name: str, regions: Iterable[Region], provider: str | None = None) -> str:
    """Close matches of one or both providers, each with its provider; ``us-east-1`` and ``us-east1`` are close."""
    pool = [region for region in regions if provider in (None, region.provider)]
    plain = name.translate(str.maketrans("", "", "*?[]"))
    squeezed = plain.replace("-", "")
    close = [region for region in pool if region.name.lower().replace("-", "") == squeezed]
    if len(plain) > 3:
        close += [region for region in pool if plain in region.place.lower()]
    names = {region.name for region in pool}
    close += [region for word in closest(plain, names, _SUGGESTIONS_SHOWN) for region in pool if region.name == word]
    shown = list(dict.fromkeys(f"{region.name} ({region.provider}, {region.place})" for region in close))
    if not shown:
        return ": `melange-cloud regions` lists them"
    return f": {did_you_mean(shown[:_SUGGESTIONS_SHOWN])}"
