"""The user's own measurements that an answer is based on."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class UserMeasurement:
    """One import (``profiles import``, ``profiles measure``) that changes what a kind serves.

    Attributes:
        file: the profile file in the user's folder; delete it to undo the import.
        digest: SHA-256 of its bytes, hexadecimal.
        source: the tools that measured.
        engine: the server that was measured and its version; empty if not stated.
        measured_on: the newest day of its points; None if no tool wrote one.
        saved: when it was imported, UTC, as 2026-11-22T18:39:12Z; empty if not stated.
        points: measured operating points of this kind.
        ratio: its highest rate divided by the estimate at the same TPOT, at the size where they differ most; None
            without an estimate.
        grade: the worst grade of its points.
        error: the largest error of its points, a fraction.
        doubts: why it is not fully trusted, one clause each.
        odd: where it differs from the estimate by more than both are likely to be off, one clause each.
        in_fleet: whether a fleet of the answer uses the kind.
    """

    file: str
    digest: str
    gpu: str
    tensor_parallel: int
    source: str
    measured_on: date | None
    saved: str
    points: int
    ratio: float | None
    grade: str
    error: float
    doubts: tuple[str, ...]
    odd: tuple[str, ...]
    engine: str = ""
    in_fleet: bool = False
