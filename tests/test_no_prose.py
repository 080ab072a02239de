"""No code looks into a sentence of ours to decide: what code must know travels as data beside the text.

A reworded message must change what people read and nothing else. So nothing is looked up in, or cut from, a name that
holds a message: ``reason``, ``notices``, ``fault.what``, ``str(error)``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import melange_cloud

PACKAGE = Path(melange_cloud.__file__).parent

ONE_MESSAGE = frozenset(
    ("cure", "failure", "message", "note", "notice", "problem", "reason", "refusal", "sentence", "warning", "why")
)
MANY_MESSAGES = frozenset(
    ("important_notices", "messages", "minor_notices", "notes", "notices", "problems", "reasons", "warnings")
)
MESSAGE_ATTRIBUTES = ONE_MESSAGE | MANY_MESSAGES | {"doubt", "found", "what", "words"}
ERRORS = frozenset(("error", "exception", "fault", "finding", "failure", "problem"))
"""Names whose ``str()`` is a sentence."""

SAME_TEXT = frozenset(("casefold", "lower", "lstrip", "rstrip", "strip", "upper"))
SHOWN = frozenset(("clean", "echoed", "one_line", "shown", "str"))
CUTS = frozenset(
    ("count", "endswith", "find", "index", "partition", "removeprefix", "removesuffix", "rfind", "rpartition", "split")
) | {"rsplit", "startswith"}
SEARCHES = frozenset(("findall", "finditer", "fullmatch", "match", "search"))

ALLOWED = {
    ("catalog/renew_snapshot.py", "reason in self.codes"): "each text is stored once, under a code that it keeps",
    ("cli/refusals.py", "str(error).split('\\n')"): "an error of several lines is printed line by line",
    ("clouds/aws/faults.py", "words in message.lower()"): "AWS's own words: it has no error code for a wrong clock",
    (
        "market/answer_checks.py",
        "str(finding.cure).split()",
    ): "whitespace of a plug-in becomes one blank",
    (
        "market/answer_checks.py",
        "str(finding.what).split()",
    ): "whitespace of a plug-in becomes one blank",
    ("profiles/user_measurements.py", "file.header.doubt.split('; ')"): "a list in a line of the profile's file",
    ("workload/hourly_counts.py", "note.startswith(NO_RATES)"): "workload files hold their notes as text alone",
    ("workload/traces/from_csv.py", "str(error).split(' - ')"): "advice to programmers in errors of Python's csv",
}
"""(module, expression) -> why it takes no decision on a sentence of ours, or cannot do without."""


def last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def is_message(node: ast.expr) -> bool:
    """Whether an expression is the text of one message: a name or attribute of one, or ``str(error)``."""
    if isinstance(node, ast.Call):
        if last_name(node.func) in SHOWN and node.args:
            return is_message(node.args[0]) or last_name(node.args[0]) in ERRORS
        return isinstance(node.func, ast.Attribute) and node.func.attr in SAME_TEXT and is_message(node.func.value)
    if isinstance(node, ast.Subscript):
        return is_message(node.value) or last_name(node.value) in MANY_MESSAGES
    return last_name(node) in (MESSAGE_ATTRIBUTES if isinstance(node, ast.Attribute) else ONE_MESSAGE)


def is_sentence(node: ast.expr) -> bool:
    """Whether an expression is a text that is written there; the empty one says that there is no message."""
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""
    )


def compares_sentences(operator: ast.cmpop, left: ast.expr, right: ast.expr) -> bool:
    if isinstance(operator, ast.In | ast.NotIn):
        many = last_name(right) in MANY_MESSAGES
        return (is_message(right) and not many) or (is_message(left) and not many) or (many and is_sentence(left))
    if isinstance(operator, ast.Eq | ast.NotEq):
        return (is_message(left) and is_sentence(right)) or (is_message(right) and is_sentence(left))
    return False


def looks_into(tree: ast.AST) -> Iterator[ast.expr]:
    """The expressions that look into a message."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(map(compares_sentences, node.ops, sides, sides[1:])):
                yield node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            cuts = node.func.attr in CUTS and is_message(node.func.value)
            if cuts or (node.func.attr in SEARCHES and any(map(is_message, node.args))):
                yield node


def found_in(source: str) -> list[str]:
    return [ast.unparse(node) for node in looks_into(ast.parse(source))]


MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize(
    "source",
    [
        '"no data" in reason',
        '"of requests" not in region.reason',
        "any(words in failure for words in NO_CREDENTIALS)",
        'any("* =" in notice for notice in plan.notices)',
        '"SNAPSHOT PRICES" in plan.notices',
        "refusal.reason in KNOWN",
        'note.rpartition(": ")',
        'str(error).rpartition(";")',
        'error.faults[0].what.partition(":")',
        'error.faults[0].message.rpartition(":")',
        'notices[0].startswith("EXAMPLE")',
        're.match("[0-9]+ ms", why)',
        'refusal.reason == "too slow"',
        '"lost" in str(error).lower()',
    ],
)
def test_these_look_into_a_message(source: str) -> None:
    assert len(found_in(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'name.startswith("g6")',
        'error.code == "no_data"',
        "kind in missing",
        "pair not in reasons",
        "note in notes",
        "notices == ()",
        'not reason or reason == ""',
        '", ".join(notes)',
        'f"{fault.what}: {fault.cure}"',
    ],
)
def test_these_do_not(source: str) -> None:
    assert found_in(source) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_code_looks_into_a_message(module: str) -> None:
    assert [
        expression
        for expression in found_in((PACKAGE / module).read_text(encoding="utf-8"))
        if (module, expression) not in ALLOWED
    ] == []


def test_every_exception_is_needed() -> None:
    for module, expression in ALLOWED:
        assert expression in found_in((PACKAGE / module).read_text(encoding="utf-8"))
