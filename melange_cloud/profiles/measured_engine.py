"""Measured profiles that hold runs of several engines, seen by one of them."""

from dataclasses import replace

from melange_cloud.domain.engines import engines_in
from melange_cloud.profiles.files.profile_file import ProfileFile


def measured_with(file: ProfileFile, engine: str) -> ProfileFile | None:
    """What a file holds of an engine, by the source of each point; None if nothing.

    A measurement of another engine says less of this one than the estimate with its own constants.

    Raises:
        BadFile: a row is broken.
    """
    rows = {
        kind: kept
        for kind, sizes in file.rows.items()
        if (
            kept := {
                size: lines
                for size in sizes
                if (
                    lines := [
                        line
                        for line, point in zip(sizes[size], file.points(kind, size), strict=True)
                        if engine in engines_in(point.source)
                    ]
                )
            }
        )
    }
    return replace(file, rows=rows, _parsed={}) if rows else None
