"""Finds the user's measurements that a profile is based on, and describes them."""

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from melange_cloud.domain import Kind, MaxTput, Slo, UnservableSize, UserMeasurement
from melange_cloud.domain.engines import ENGINES, MEAN_OF_ENGINES, engine_title, engines_in
from melange_cloud.inputs import read_bytes
from melange_cloud.profiles.against_estimate import LARGE_RATIO, compared, large_ratio
from melange_cloud.profiles.files.profile_file import ProfileFile
from melange_cloud.profiles.front_end import DEFAULT_API_SERVERS
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile, pin
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.served_profile import served_max_tput

Size = tuple[float, float, int | None]
"""Mean input tokens, mean output tokens, longest input + output (None: unknown)."""


def imports_of(profile: Profile) -> tuple[UserMeasurement, ...]:
    """All imports of a profile that no newer one contradicts, oldest first."""
    return tuple(_described(file, profile) for file in _own(profile))


def rests_on(
    profile: Profile, sizes: Collection[Size], targets: Iterable[Slo], api_servers: int = DEFAULT_API_SERVERS
) -> tuple[UserMeasurement, ...]:
    """The imports that change what a replica serves at any of these sizes, under any of the targets.

    Imports of distant sizes may be among them, since they show how fast the front end is. If several say the same, all
    are listed.
    """
    own = _own(profile)
    if not own:
        return ()
    asked = [(size, slo) for slo in targets for size in sizes]

    def answers(of: Profile | None) -> list[object]:
        return [
            None if of is None else _planned_with(served_max_tput(of, size[:2], slo, size[2], api_servers))
            for size, slo in asked
        ]

    with_all, without = answers(profile), answers(_with(profile, []))
    if with_all == without:
        return ()
    named = [
        file
        for file in own
        if answers(_with(profile, [file])) != without
        or answers(_with(profile, [other for other in own if other is not file])) != with_all
    ]
    return tuple(_described(file, profile) for file in named or own)


def _measured(profile: Profile) -> MeasuredProfile | None:
    if isinstance(profile, PinnedProfile):
        return profile.measured
    return profile if isinstance(profile, MeasuredProfile) else None


def _own(profile: Profile) -> tuple[ProfileFile, ...]:
    measured = _measured(profile)
    return () if measured is None else measured.own


def _estimates(profile: Profile) -> dict[Kind, GridProfile]:
    return {profile.kind: profile.estimate} if isinstance(profile, PinnedProfile) else {}


def _with(profile: Profile, own: Sequence[ProfileFile]) -> Profile | None:
    """The profile as it would be with only these files; None if nothing is left."""
    measured = _measured(profile)
    shipped = [] if measured is None else list(measured.shipped)
    cache = profile.prefix_cache if isinstance(profile, PinnedProfile) else None
    caches = {} if cache is None else {profile.kind: cache}
    return pin(_estimates(profile), shipped, own, profile.engine, caches).get(profile.kind)


def _planned_with(served: MaxTput | UnservableSize) -> object:
    """The part of an answer that a plan uses, without the speed of a front end that is not the limit."""
    if isinstance(served, UnservableSize):
        return served
    return served.requests_per_s, served.grade, served.error, served.error_down, served.origin, served.limited_by


def _described(file: ProfileFile, profile: Profile) -> UserMeasurement:
    import hashlib  # imports OpenSSL, which a plan without imports does not need

    kind = profile.kind
    points = [point for size in file.rows[kind] for point in file.points(kind, size)]
    sizes = compared(points, _estimates(profile).get(kind))
    ratios = [size.ratio for size in sizes if size.ratio is not None]
    days = [point.measured_on for point in points if point.measured_on is not None]
    low = [
        f"at {size.input_tokens:,} + {size.output_tokens:,} tokens no rate above {size.requests_per_s:.3g} requests/s "
        f"was measured (estimate: {size.estimated_requests_per_s:.3g})"
        for size in sizes
        if not size.limit_measured and size.ratio is not None and size.ratio < 1 / LARGE_RATIO
    ]
    doubt = [clause for clause in file.header.doubt.split("; ") if clause]
    return UserMeasurement(
        file=str(file.path),
        digest=hashlib.sha256(read_bytes(file.path)).hexdigest(),
        gpu=kind.gpu,
        tensor_parallel=kind.tensor_parallel,
        source=file.header.source.removeprefix("measured by "),
        measured_on=max(days, default=None),
        saved=file.header.saved,
        points=len(points),
        ratio=max(ratios, key=lambda ratio: abs(math.log(ratio)), default=None),
        grade=max(point.grade for point in points),
        error=max(point.error for point in points),
        doubts=(*doubt, *low),
        odd=tuple(clause for size in sizes if (clause := large_ratio(size))),
        engine=file.header.engine,
    )


def import_notices(imports: Iterable[UserMeasurement], engine: str = MEAN_OF_ENGINES) -> tuple[str, ...]:
    """One sentence for each, and one more if it was measured with another engine or is far from the estimate.

    Args:
        engine: the engine that the answer is for.
    """
    return tuple(sentence for found in imports for sentence in _sentences(found, engine))


def _sentences(found: UserMeasurement, engine: str) -> list[str]:
    name = Path(found.file).name
    when = f"measured {found.measured_on}" if found.measured_on else f"imported {found.saved[:10]}"
    points = "1 point" if found.points == 1 else f"{found.points} points"
    ratio = "" if found.ratio is None else f", {found.ratio:.3g} times the estimate"
    about = f"{found.source}, {when}, {points}, grade {found.grade} ±{math.ceil(100 * found.error - 1e-6)} %{ratio}"
    kind = Kind(found.gpu, found.tensor_parallel)
    doubts = f"; {'; '.join(found.doubts)}" if found.doubts else ""
    sentences = [f"{kind} is based on your import {name} ({about}){doubts}"]
    measured = engines_in(found.engine)
    if measured and engine in ENGINES and engine not in measured:
        sentences.append(
            f"{name} was measured with {found.engine}, not {engine_title(engine)}: its rates are used as measured; "
            f"for a plan of that engine use --engine {measured[0]}"
        )
    if found.odd:
        sentences.append(
            f"CHECK YOUR IMPORT {name} - {'; '.join(found.odd)}: it may be from another GPU or model, or with prefix "
            "caching; delete the file to undo it (`profiles list` shows its path)"
        )
    return sentences
