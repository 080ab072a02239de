"""The available profiles: the answer of ``profiles list``. Field names are those of the JSON."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShippedProfiles:
    """The profiles of one model and precision in one engine era.

    Attributes:
        max_total_tokens: longest input + output that the engine is started for, tokens.
        tensor_parallel: GPU -> the degrees that have a profile, the fewest GPUs first.
        left_out: GPU or kind -> why it has no profile.
    """

    era: str
    model: str
    precision: str
    max_total_tokens: int
    tensor_parallel: Mapping[str, tuple[int, ...]]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UserProfile:
    """One kind of a profile file in the user's folder.

    Attributes:
        origin: ``yours``.
        sizes: number of request sizes with points.
        points: its operating points.
        source: the tools that measured, or how it was estimated.
        engine: the server that was measured, or is estimated; empty if not stated.
        saved: when it was imported, UTC; empty if not stated.
        file: delete it to remove the profile.
    """

    origin: str
    era: str
    model: str
    precision: str
    gpu: str
    tensor_parallel: int
    sizes: int
    points: int
    source: str
    engine: str
    saved: str
    file: str


@dataclass(frozen=True, slots=True)
class ProfileList:
    """All profiles.

    Attributes:
        eras: name -> what it covers.
        engines: name of the era -> its engines.
        engine: whose profiles are listed; ``mean`` is the mean of each era's.
        profiles: those that come with the package.
        own: what the user imported, measured or saved; it takes precedence over ``profiles``.
    """

    eras: Mapping[str, str]
    engines: Mapping[str, tuple[str, ...]]
    engine: str
    profiles: tuple[ShippedProfiles, ...]
    own: tuple[UserProfile, ...]
