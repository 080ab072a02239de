"""Answers that show themselves in a notebook.

Nouns know no pages. Whoever does says once how an answer is shown; until then a notebook shows its ``repr``.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Display:
    """How an answer becomes HTML; None until somebody has said so."""

    html: Callable[[object], str] | None = None


_display = _Display()


class Displayed:
    """An answer that a notebook shows as a page."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        """The page as HTML, for IPython and what speaks its protocol; None is "use the repr"."""
        return None if _display.html is None else _display.html(self)


def display_with(html: Callable[[object], str]) -> None:
    """Show every Displayed answer so from now on."""
    _display.html = html
