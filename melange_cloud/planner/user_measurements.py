"""What an answer says of the user's own measurements that it rests on."""

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from melange_cloud.domain import Kind, Slo, UserMeasurement
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.profiles import Profile, rests_on


def imports_in(
    evaluated: ProfileEvaluation, kinds: Collection[Kind], targets: Iterable[Slo], in_fleet: Collection[Kind] = ()
) -> tuple[UserMeasurement, ...]:
    """The imports that change what one of the kinds serves of the workload, sorted by kind.

    Args:
        kinds: those that may enter a fleet.
        targets: those that were asked for.
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
    """The same for sizes that are no workload's."""
    asked = tuple(targets)
    return [
        found
        for profile in profiles
        for found in rests_on(profile, [(*size, None) for size in sizes], asked, api_servers)
    ]


def import_notices(imports: Iterable[UserMeasurement]) -> tuple[str, ...]:
    """One sentence for each, and one more where it is far from the estimate."""
    return tuple(sentence for found in imports for sentence in _sentences(found))


def _sentences(found: UserMeasurement) -> list[str]:
    name = Path(found.file).name
    when = f"measured {found.measured_on}" if found.measured_on else f"imported {found.saved[:10]}"
    points = "1 point" if found.points == 1 else f"{found.points} points"
    ratio = "" if found.ratio is None else f", {found.ratio:.3g} times the estimate"
    about = f"{found.source}, {when}, {points}, grade {found.grade} ±{math.ceil(100 * found.error - 1e-6)} %{ratio}"
    kind = Kind(found.gpu, found.tensor_parallel)
    doubts = f"; {'; '.join(found.doubts)}" if found.doubts else ""
    sentences = [f"{kind} rests on your import {name} ({about}){doubts}"]
    if found.odd:
        sentences.append(
            f"CHECK YOUR IMPORT {name} - {'; '.join(found.odd)}: it may be of another GPU or model, or with prefix "
            "caching; delete the file to take it back (`profiles list` says where it is)"
        )
    return sentences
