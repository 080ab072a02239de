"""The only way in for untrusted input: files, options, environment, answers of clouds and of tools.

Everything that this package returns is bounded in size, depth and digits. Everything that it rejects becomes one clean
line (``MalformedText``, ``NotANumber``, or a ``BadFile`` that names file and line). No other package calls
``json.loads``, ``tomllib.loads`` or ``Path.read_text`` on text that a user or a server wrote.
"""

from melange_cloud.inputs.csv_rows import read_rows
from melange_cloud.inputs.json_and_toml import (
    MalformedText,
    NotJson,
    parse_json,
    parse_records,
    parse_toml,
    read_json,
    read_toml,
)
from melange_cloud.inputs.numbers import MOST, NotANumber, OutOfRange, is_number, parse_number, parse_whole
from melange_cloud.inputs.regular_files import (
    NotUtf8,
    can_be,
    expand_gzip,
    is_there,
    open_regular,
    read_bytes,
    read_text,
)

__all__ = [
    "MOST",
    "MalformedText",
    "NotANumber",
    "NotJson",
    "NotUtf8",
    "OutOfRange",
    "can_be",
    "expand_gzip",
    "is_number",
    "is_there",
    "open_regular",
    "parse_json",
    "parse_number",
    "parse_records",
    "parse_toml",
    "parse_whole",
    "read_bytes",
    "read_json",
    "read_rows",
    "read_text",
    "read_toml",
]
