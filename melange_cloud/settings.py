"""melange-cloud.toml: a team's own defaults, read from the current folder or from MELANGE_CLOUD_CONFIG.

Precedence: flag > environment (MELANGE_CLOUD_*) > file > built-in default. A value that comes from the file counts as
set: it is not marked as a default in the answer.
"""

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from melange_cloud.errors import BadFile, BadInput, Fault

FILE_NAME = "melange-cloud.toml"


def settings_path() -> Path | None:
    """The settings file in force, None where there is none.

    Raises:
        BadInput: MELANGE_CLOUD_CONFIG names a file that is not there.
    """
    named = os.environ.get("MELANGE_CLOUD_CONFIG")
    if named:
        if not Path(named).is_file():
            raise BadInput(f"MELANGE_CLOUD_CONFIG={named}: no such file; unset it or name a {FILE_NAME}")
        return Path(named)
    here = Path(FILE_NAME)
    return here if here.is_file() else None


def read_settings(path: Path, known: Mapping[str, Collection[str]]) -> dict[str, dict[str, object]]:
    """Read a settings file.

    Args:
        known: table name -> the keys that it may hold (with underscores; the file may use dashes).

    Returns:
        Table name -> key (with underscores) -> value as TOML has it.

    Raises:
        BadFile: not TOML, or tables or keys that nobody reads; all of them together.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadFile([Fault(path, f"not TOML: {error}")]) from error
    except OSError as error:
        raise BadFile([Fault(path, f"cannot be read: {error.strerror or error}")]) from error
    faults: list[Fault] = []
    settings: dict[str, dict[str, object]] = {}
    for table, content in document.items():
        if table not in known or not isinstance(content, dict):
            faults.append(
                Fault(path, f"unknown table; known: {', '.join(f'[{name}]' for name in sorted(known))}", field=table)
            )
            continue
        settings[table] = {}
        for key, value in content.items():
            name = key.replace("-", "_")
            if name in known[table]:
                settings[table][name] = value
                continue
            close = difflib.get_close_matches(name, known[table], n=2)
            cure = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(known[table]))}"
            faults.append(Fault(path, f"unknown key; {cure}", field=f"[{table}] {key}"))
    if faults:
        raise BadFile(faults)
    return settings
