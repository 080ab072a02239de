"""Which of the user's own measurements an answer rests on."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from melange_cloud.domain import Kind, Slo, UserMeasurement
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.profiles import Profile, rests_on


def imports_in(
    evaluated: ProfileEvaluation, kinds: Collection[Kind], targets: Iterable[Slo], in_fleet: Collection[Kind] = ()
) -> tuple[UserMeasurement, ...]:
    """The imports that change what one of the kinds serves of the workload, sorted by kind.

    Args:
        kinds: those that may enter a fleet.
        targets: the requested ones.
        in_fleet: those that are in one.
    """
    sizes = [(b.mean_input_tokens, b.mean_output_tokens, b.longest_total_tokens) for b in evaluated.buckets]
    asked = tuple(targets)
    return tuple(
        replace(found, in_fleet=kind in in_fleet)
        for kind, profile in sorted(evaluated.profiles.items())
        if kind in kinds
        for found in rests_on(profile, sizes, asked, evaluated.api_servers)
    )


def imports_at(
    profiles: Iterable[Profile], sizes: Collection[tuple[int, int]], targets: Iterable[Slo], api_servers: int
) -> list[UserMeasurement]:
    """The same for sizes that belong to no workload."""
    asked = tuple(targets)
    return [
        found
        for profile in profiles
        for found in rests_on(profile, [(*size, None) for size in sizes], asked, api_servers)
    ]
