"""melange-cloud.toml: a team's own defaults, read from the current folder or from MELANGE_CLOUD_CONFIG.

Precedence: flag > environment (MELANGE_CLOUD_*) > file > built-in default. A value from the file counts as set: the
answer does not mark it as a default.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from melange_cloud.errors import BadFile, BadInput, Fault, echoed
from melange_cloud.inputs import is_there, read_toml
from melange_cloud.inputs.suggestions import close_matches, closest, did_you_mean

FILE_NAME = "melange-cloud.toml"

PREFIX = "MELANGE_CLOUD_"
VARIABLES = frozenset(
    PREFIX + name
    for name in (
        "CACHE_DIR", "CBC", "CONFIG", "DEBUG", "GCP_API_KEY", "GCP_BILLING_ENDPOINT", "GCP_COMPUTE_ENDPOINT",
        "GCP_PROJECT", "GLPSOL", "PROFILES",
    )
)  # fmt: skip
"""Environment variables that are read, in addition to one for each option of ``plan``."""

ARRAYS = frozenset({"discount"})
"""Arrays of tables, written ``[[discount]]``, which ``read_array`` reads."""


def unused_variables(options: Collection[str]) -> list[str]:
    """A line for each MELANGE_CLOUD_* variable that is set but not used, with the name that was probably meant.

    Args:
        options: the variables of options.
    """
    known = VARIABLES | set(options)
    lines = []
    for name in sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        hint = did_you_mean(closest(name, known, 2))
        lines.append(f"{echoed(name)} is set but not used{hint and ': '}{hint}")
    return lines


def settings_path() -> Path | None:
    """The settings file in use; None if there is none.

    Raises:
        BadInput: MELANGE_CLOUD_CONFIG names a file that does not exist.
    """
    named = os.environ.get("MELANGE_CLOUD_CONFIG")
    if named:
        if not (is_there(Path(named)) and Path(named).is_file()):
            raise BadInput(f"MELANGE_CLOUD_CONFIG={echoed(named, 150)}: file not found; unset it or name a {FILE_NAME}")
        return Path(named)
    here = Path(FILE_NAME)
    return here if here.is_file() else None


def read_settings(path: Path, known: Mapping[str, Collection[str]]) -> dict[str, dict[str, object]]:
    """Read a settings file.

    Args:
        known: table name -> its valid keys (with underscores; the file may use dashes).

    Returns:
        Table name -> key (with underscores) -> value as TOML has it.

    Raises:
        BadFile: the file is not TOML, or has unknown tables or keys; all faults together.
    """
    document = _document(path)
    faults: list[Fault] = []
    settings: dict[str, dict[str, object]] = {}
    for table, content in document.items():
        if table in ARRAYS:
            continue
        if table not in known or not isinstance(content, dict):
            faults.append(Fault(path, f"unknown table; known: {', '.join(_table_names(known))}", field=table))
            continue
        settings[table] = {}
        for key, value in content.items():
            name = key.replace("-", "_")
            if name in known[table]:
                settings[table][name] = value
                continue
            faults.append(Fault(path, _unknown_key(name, known[table]), field=f"[{table}] {key}"))
    if faults:
        raise BadFile(faults)
    return settings


def read_array(path: Path, name: str, known: Collection[str]) -> list[dict[str, object]]:
    """The tables of one of ARRAYS, in the order of the file; empty if the file has none.

    Args:
        known: the valid keys of each table (with underscores; the file may use dashes).

    Raises:
        BadFile: the file is not TOML, a table is not written as ``[[name]]``, or keys are unknown; all faults together.
    """
    tables = _document(path).get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadFile([Fault(path, f"is not an array of tables: write [[{name}]] above each", field=name)])
    faults: list[Fault] = []
    read: list[dict[str, object]] = []
    for number, table in enumerate(tables, 1):
        read.append({key.replace("-", "_"): value for key, value in table.items()})
        faults.extend(
            Fault(path, _unknown_key(key, known), field=f"[[{name}]] {number}, {key}")
            for key in read[-1]
            if key not in known
        )
    if faults:
        raise BadFile(faults)
    return read


def _document(path: Path) -> dict[str, object]:
    return read_toml(path, non_finite=True)


def _table_names(known: Collection[str]) -> list[str]:
    return [f"[{name}]" for name in sorted(known)] + [f"[[{name}]]" for name in sorted(ARRAYS)]


def _unknown_key(name: str, known: Collection[str]) -> str:
    return f"unknown key: {close_matches(name, known)}"
