"""Numbers in cells of tables and traces."""

import sys

from melange_cloud import inputs


def parse_number(text: str) -> float | None:
    """A finite decimal number of any size (times may be in nanoseconds), or None. Stricter than ``float``."""
    try:
        return inputs.parse_number(text, -sys.float_info.max, sys.float_info.max)
    except inputs.NotANumber:
        return None
