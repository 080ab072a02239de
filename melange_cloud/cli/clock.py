"""The time that a command takes for now."""

import os
from datetime import UTC, datetime

from melange_cloud.errors import BadInput


def now() -> datetime:
    """The clock, UTC, unless SOURCE_DATE_EPOCH (reproducible-builds.org) fixes the time for byte-identical output.

    What is fetched carries the clock's own time in the cache, whatever the variable says.

    Raises:
        BadInput: the variable is set to something that is no time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return datetime.now(UTC)
    if not (epoch.isascii() and epoch.isdigit()):
        raise BadInput(f"SOURCE_DATE_EPOCH={epoch}: seconds since 1970, a whole number")
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadInput(f"SOURCE_DATE_EPOCH={epoch}: no date that a calendar has") from error
