"""Text that is not ours in CSV: a spreadsheet must show it and never run it.

Spreadsheets take a cell that begins with =, +, -, @, a tab or a return for a formula (OWASP, "CSV Injection"), even in
quotes. An apostrophe before it makes it text in all of them. Numbers of ours are numbers and stay as they are.
"""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the wide forms, which some spreadsheets take for the plain ones."""


def safe_cell(value: object) -> object:
    """A cell as CSV may hold it: text on one line, nothing unprintable, an apostrophe before what could be a formula.

    Anything but text comes back as it is; ``restored`` takes the apostrophe away again.
    """
    if not isinstance(value, str):
        return value
    mark = "'" if _could_be_formula(value) or _is_marked(value) else ""
    text = "".join(
        char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in value.replace("\r\n", "\n")
    )
    return mark + text.strip()


def restored(cell: str) -> str:
    """The text that ``safe_cell`` was given."""
    return cell[1:] if _is_marked(cell) else cell


def _could_be_formula(text: str) -> bool:
    return text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)


def _is_marked(text: str) -> bool:
    """Whether it begins with apostrophes and what could be a formula."""
    return text.startswith("'") and _could_be_formula(text.lstrip("'"))
