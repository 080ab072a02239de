"""Lists the shipped profiles and the user's own."""

from melange_cloud.domain.profile_list import ProfileList, ShippedProfiles, UserProfile
from melange_cloud.estimator.spec_files import load_eras, load_models
from melange_cloud.estimator.specs import Era
from melange_cloud.profiles.library import load_profiles
from melange_cloud.profiles.user_profiles import own_profiles


def profile_list() -> ProfileList:
    """Every profile that a plan can use.

    Raises:
        BadFile: a profile file is broken.
    """
    eras = load_eras()
    return ProfileList(
        eras={era.name: era.title for era in eras.values()},
        profiles=tuple(
            _shipped(era, model, precision)
            for era in eras.values()
            for model, precisions in era.models.items()
            for precision in precisions
        ),
        own=_own(),
    )


def _shipped(era: Era, model: str, precision: str) -> ShippedProfiles:
    found, missing = load_profiles(model, precision, era.name)
    degrees: dict[str, tuple[int, ...]] = {}
    for kind in found:
        degrees[kind.gpu] = (*degrees.get(kind.gpu, ()), kind.tensor_parallel)
    return ShippedProfiles(
        era=era.name,
        model=model,
        precision=precision,
        max_total_tokens=era.context(load_models()[model]),
        tensor_parallel=degrees,
        left_out={str(kind_or_gpu): reason for kind_or_gpu, reason in missing.items()},
    )


def _own() -> tuple[UserProfile, ...]:
    return tuple(
        UserProfile(
            origin="yours",
            era=file.header.era,
            model=file.header.model,
            precision=file.header.precision,
            gpu=kind.gpu,
            tensor_parallel=kind.tensor_parallel,
            sizes=len(sizes),
            points=sum(len(rows) for rows in sizes.values()),
            source=file.header.source,
            saved=file.header.saved,
            file=str(file.path),
        )
        for file in own_profiles()
        for kind, sizes in sorted(file.rows.items())
    )
