"""Estimates as a file keeps them: on a grid of sizes, between which a profile is interpolated."""

from functools import cache
from pathlib import Path

from melange_cloud.domain import Kind
from melange_cloud.profiles import Profile
from melange_cloud.profiles.estimates.estimate_table import EstimateTable
from melange_cloud.profiles.files.profile_file import ProfileFile, parse_profile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile


@cache
def _file_of(table: EstimateTable) -> ProfileFile:
    return parse_profile(Path("saved.csv"), table.text)


def saved(profile: Profile) -> GridProfile:
    """What `profiles estimate --save` would leave of a computed profile, read again."""
    assert isinstance(profile.table, EstimateTable)
    kind = Kind(profile.kind.gpu, profile.kind.tensor_parallel)
    return GridProfile(_file_of(profile.table), kind)
