"""The one edge at which whatever foreign code raises is caught.

An SDK raises anything at an answer that it did not expect (RecursionError at deep JSON, KeyError, AttributeError), and
a plug-in may even exit. None of it may take another cloud's prices or the plan along. What is caught becomes one
line with the exception's name, and MELANGE_CLOUD_DEBUG=1 prints the traceback on stderr, so that a bug of ours can be
found.
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
    """What foreign code raised, in words: ``KeyError: 'Regions'; MELANGE_CLOUD_DEBUG=1 shows where``."""

    words: str


def contained(call: Callable[[], T]) -> T | ForeignErrorText:
    """What the call returns, or what it raised; a MelangeError of ours passes.

    Only for threads other than the main one, where a KeyboardInterrupt cannot be the user's.
    """
    try:
        return call()
    except MelangeError:
        raise
    except BaseException as error:  # noqa: BLE001 - what is foreign may raise anything
        return ForeignErrorText(words_of(error))


def words_of(error: BaseException) -> str:
    """An exception that we did not expect, in words; prints its traceback where MELANGE_CLOUD_DEBUG is set."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    try:
        text = echoed(error, _SHOWN_CHARACTERS)
    except Exception:  # noqa: BLE001 - foreign exceptions may fail to say what they are
        text = ""
    return f"{type(error).__name__}{': ' if text else ''}{text}; {DEBUG}=1 shows where"
