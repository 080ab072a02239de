"""Finds the data that ships with melange-cloud, in a checkout and in an installed wheel alike."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The shipped folder ``pricing`` or ``profiles``.

    A wheel carries them as ``melange_cloud/_data/<folder>``; a checkout has them next to the package.

    Raises:
        FileNotFoundError: both are missing, so the installation is broken.
    """
    for candidate in (_PACKAGE / "_data" / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"melange-cloud is installed without its {folder}/ data: reinstall it")
