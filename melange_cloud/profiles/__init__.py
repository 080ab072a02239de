"""Throughput profiles: operating points of a model on a GPU, and the resulting MaxTput under a latency target."""

from melange_cloud.domain.question import DEFAULT_ERA
from melange_cloud.estimator.spec_files import load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import TENSOR_PARALLEL_DEGREES, Era, Gpu, Model
from melange_cloud.profiles.files.profile_file import check_profile_file, read_profile_file
from melange_cloud.profiles.front_end import (
    DEFAULT_API_SERVERS,
    MOST_API_SERVERS,
    no_front_end,
)
from melange_cloud.profiles.law.find_law import law_of
from melange_cloud.profiles.law.profile_law import ProfileLaw
from melange_cloud.profiles.library import load_profiles
from melange_cloud.profiles.lookup import (
    engines_of,
    find_era,
    find_gpus,
    find_model,
    resolve_engine,
    resolve_era,
    resolve_precision,
)
from melange_cloud.profiles.max_tput.profile import GridCell, Profile
from melange_cloud.profiles.max_tput.saturation import prompt_s, what_saturates
from melange_cloud.profiles.model_selection import ModelSelection, choose, choose_config
from melange_cloud.profiles.served_profile import served_max_tput, served_profile
from melange_cloud.profiles.user_measurements import import_notices, imports_of, rests_on

__all__ = [
    "DEFAULT_API_SERVERS",
    "DEFAULT_ERA",
    "MOST_API_SERVERS",
    "TENSOR_PARALLEL_DEGREES",
    "Era",
    "Gpu",
    "GridCell",
    "Model",
    "ModelSelection",
    "Profile",
    "ProfileLaw",
    "check_profile_file",
    "choose",
    "choose_config",
    "engines_of",
    "find_era",
    "find_gpus",
    "find_model",
    "import_notices",
    "imports_of",
    "law_of",
    "load_eras",
    "load_gpus",
    "load_models",
    "load_profiles",
    "no_front_end",
    "prompt_s",
    "read_profile_file",
    "resolve_engine",
    "resolve_era",
    "resolve_precision",
    "rests_on",
    "served_max_tput",
    "served_profile",
    "what_saturates",
]
