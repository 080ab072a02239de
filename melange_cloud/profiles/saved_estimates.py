"""Chooses among the estimates that the user saved (``profiles estimate --save``), by engine."""

from melange_cloud.domain import Kind
from melange_cloud.domain.engines import MEAN_OF_ENGINES, engine_title, engines_in
from melange_cloud.profiles.files.profile_file import ProfileFile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.user_profiles import own_estimates


def saved_estimates(era: str, model: str, precision: str, gpu: str, engine: str) -> dict[Kind, GridProfile]:
    """The user's estimate of each kind: that for the engine, else for the mean, else for another engine, with a note.

    Raises:
        BadFile: one of the files is broken.
    """
    found: dict[Kind, GridProfile] = {}
    files = own_estimates(era, model, precision, gpu)
    for file in sorted(files, key=lambda file: (_engine(file) != engine, _engine(file) != MEAN_OF_ENGINES)):
        for kind in file.rows:
            if kind not in found:
                found[kind] = GridProfile(file, kind, engine=_engine(file), notes=_notes(file, engine))
    return found


def _engine(file: ProfileFile) -> str:
    named = engines_in(file.header.engine)
    return named[0] if named else MEAN_OF_ENGINES


def _notes(file: ProfileFile, engine: str) -> tuple[str, ...]:
    if _engine(file) == engine:
        return ()
    option = "" if engine == MEAN_OF_ENGINES else f" --engine {engine}"
    return (
        f"your estimate {file.path.name} is for {engine_title(_engine(file))}, not {engine_title(engine)}, but is used "
        f"as it is; add the right one with `profiles estimate{option} --save`",
    )
