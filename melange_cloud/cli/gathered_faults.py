"""Faults of a command's options, refused together: whoever has two of them learns of both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from melange_cloud.cli.refusals import UsageError
from melange_cloud.errors import BadInput

_FAULTS: ContextVar[list[str] | None] = ContextVar("_FAULTS", default=None)


def gathering(parser: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The parser of an option, whose refusals wait for those of the other options while ``together`` lasts."""

    def parsed(value: Any) -> Any:
        try:
            return parser(value)
        except BadInput as refused:
            faults = _FAULTS.get()
            if faults is None:
                raise
            faults.append(str(refused))
            return None

    return parsed


@contextmanager
def together() -> Iterator[None]:
    """Read the options of a command.

    Raises:
        BadInput: at the end, or where the usage is wrong, all that ``gathering`` parsers refused, a line for each.
    """
    faults: list[str] = []
    token = _FAULTS.set(faults)
    try:
        yield
    except UsageError:
        if not faults:
            raise
    finally:
        _FAULTS.reset(token)
    if faults:
        raise BadInput("\n".join(dict.fromkeys(faults)))
