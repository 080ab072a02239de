"""The time that a command takes for now."""

import os
from datetime import UTC, datetime

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, OutOfRange, parse_whole

_LAST_SECOND = 253_402_300_799
"""Of the year 9999."""


def now() -> datetime:
    """The clock, UTC, unless SOURCE_DATE_EPOCH (reproducible-builds.org) fixes the time for byte-identical output.

    What is fetched carries the clock's own time in the cache, whatever the variable says.

    Raises:
        BadInput: the variable is not set to a time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(parse_whole(epoch, 0, _LAST_SECOND), UTC)
    except OutOfRange:
        raise BadInput(f"SOURCE_DATE_EPOCH={echoed(epoch)}: not a date in the calendar") from None
    except NotANumber:
        raise BadInput(f"SOURCE_DATE_EPOCH={echoed(epoch)}: give seconds since 1970, a whole number") from None
