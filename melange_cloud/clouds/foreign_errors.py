"""The only place that catches whatever foreign code raises.

An SDK may raise anything when an answer is unexpected (RecursionError for deep JSON, KeyError, AttributeError), and a
plug-in may even exit. That must not cost the plan or another cloud's prices. An exception becomes one line with its
name; MELANGE_CLOUD_DEBUG=1 prints the traceback on stderr, so that bugs can be found.
"""

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from melange_cloud.errors import MelangeError, echoed

T = TypeVar("T")

DEBUG = "MELANGE_CLOUD_DEBUG"
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class ForeignErrorText:
    """An exception of foreign code, in words: ``KeyError: 'Regions'; MELANGE_CLOUD_DEBUG=1 shows where``."""

    words: str


def contained(call: Callable[[], T]) -> T | ForeignErrorText:
    """The result of the call, or what it raised; our own MelangeError passes through.

    Only for threads other than the main one, where a KeyboardInterrupt cannot be the user's.
    """
    try:
        return call()
    except MelangeError:
        raise
    except BaseException as error:  # noqa: BLE001 - foreign code may raise anything
        return ForeignErrorText(words_of(error))


def words_of(error: BaseException) -> str:
    """An unexpected exception, in words; prints its traceback if MELANGE_CLOUD_DEBUG is set."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    try:
        text = echoed(error, _SHOWN_CHARACTERS)
    except Exception:  # noqa: BLE001 - even str() of a foreign exception may fail
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text}; {DEBUG}=1 shows where"
