"""The effect of a prefix cache on replicas that can be estimated, and notes on those that cannot."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from melange_cloud.domain import Kind
from melange_cloud.profiles.estimates.estimate_table import EstimateTable
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.prefix_cache import PrefixCache
from melange_cloud.profiles.max_tput.profile import Profile


def prefix_caches(table: EstimateTable, engine: str, cached_input: float) -> dict[Kind, PrefixCache]:
    """The effect of a prefix cache by kind; empty if nothing is cached.

    Args:
        table: without a cache.
        engine: whose speed the table is.
        cached_input: share of all input tokens in the cache, 0 to 1.
    """
    if not cached_input:
        return {}
    cached, alone = table.with_cached_input(cached_input), table.with_cached_input(1.0)
    return {
        kind: PrefixCache(GridProfile(cached, kind, engine=engine), GridProfile(alone, kind, engine=engine))
        for kind in table.replicas
    }


def with_unmoved_noted(
    profiles: Mapping[Kind, Profile],
    caches: Mapping[Kind, PrefixCache],
    cached_input: float,
    outranked: Collection[Kind] = (),
) -> dict[Kind, Profile]:
    """The profiles; those that cannot be estimated with a cache say that theirs are the rates without one.

    Args:
        outranked: the kinds whose shipped estimate, which a cache would change, stands behind the user's saved one.
    """
    return {
        kind: profile
        if not cached_input or kind in caches
        else replace(profile, notes=(*profile.notes, _unmoved(profile, kind in outranked)))
        for kind, profile in profiles.items()
    }


def _unmoved(profile: Profile, in_place_of_ours: bool) -> str:
    if in_place_of_ours:
        return (
            f"{profile.model} on {profile.kind}: --cached-input does not change the estimate that you saved; delete "
            "its file (`melange-cloud profiles list` names it) to plan with the shipped estimate, which it changes"
        )
    return (
        f"{profile.model} on {profile.kind}: --cached-input does not change your own measured or saved rates, since "
        "nothing estimates this model with a cache; plan with --config for that"
    )
