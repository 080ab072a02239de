"""Lists the shipped profiles and the user's own."""

from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.domain.profile_list import ProfileList, ShippedProfiles, UserProfile
from melange_cloud.estimator.spec_files import load_eras, load_models
from melange_cloud.estimator.specs import Era
from melange_cloud.profiles.library import load_profiles
from melange_cloud.profiles.lookup import engines_of, find_engine
from melange_cloud.profiles.user_profiles import own_profiles


def profile_list(engine: str | None = None) -> ProfileList:
    """Every profile that a plan can use.

    Args:
        engine: list only the eras that have it and the degrees that fit its limits; None is the mean of each era's.

    Raises:
        BadInput: it is not an engine.
        BadFile: a profile file is broken.
    """
    wanted = find_engine(engine)
    eras = {name: era for name, era in load_eras().items() if wanted in (MEAN_OF_ENGINES, *engines_of(era))}
    return ProfileList(
        eras={era.name: era.title for era in eras.values()},
        engines={era.name: engines_of(era) for era in eras.values()},
        engine=wanted,
        profiles=tuple(
            _shipped(era, model, precision, wanted)
            for era in eras.values()
            for model, precisions in era.models.items()
            for precision in precisions
        ),
        own=_own(),
    )


def _shipped(era: Era, model: str, precision: str, engine: str) -> ShippedProfiles:
    found, missing = load_profiles(model, precision, era.name, engine=engine)
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
            engine=file.header.engine,
            saved=file.header.saved,
            file=str(file.path),
        )
        for file in own_profiles()
        for kind, sizes in sorted(file.rows.items())
    )
