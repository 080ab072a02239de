"""Untrusted text in CSV: a spreadsheet must show it and never run it.

Spreadsheets treat a cell that begins with =, +, -, @, a tab or a return as a formula (OWASP, "CSV Injection"), even in
quotes. A leading apostrophe turns it into text in all of them. Our own numbers stay as they are.
"""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the full-width forms, which some spreadsheets treat like the plain ones."""


def safe_cell(value: object) -> object:
    """A cell made safe for CSV: text on one line, nothing unprintable, an apostrophe before a possible formula.

    Anything but text is returned unchanged; ``restored`` removes the apostrophe again.
    """
    if not isinstance(value, str):
        return value
    mark = "'" if _could_be_formula(value) or _is_marked(value) else ""
    text = "".join(
        char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in value.replace("\r\n", "\n")
    )
    return mark + text.strip()


def restored(cell: str) -> str:
    """The text that was passed to ``safe_cell``."""
    return cell[1:] if _is_marked(cell) else cell


def _could_be_formula(text: str) -> bool:
    return text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)


def _is_marked(text: str) -> bool:
    """True if it begins with apostrophes followed by a possible formula."""
    return text.startswith("'") and _could_be_formula(text.lstrip("'"))
