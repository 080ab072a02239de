import pytest

from melange_cloud.errors import BadInput, MelangeError, echoed, shown


def test_a_value_is_shown_as_python_writes_it():
    for value in (1.5, "a b", ["x", 1, None], {"a": {"b": [1, 2]}}, True):
        assert shown(value) == repr(value)


def test_however_large_or_hostile_a_value_is_what_is_shown_is_short_and_printable():
    deep: list[object] = []
    for _ in range(60):
        deep = [deep]
    for value in ("x" * 10**7, ["y"] * 10**6, {str(n): n for n in range(10**5)}, deep, "\x1b]0;t\x07", 10**19, ["é\n"]):
        for text in (shown(value), echoed(value if isinstance(value, str) else repr(value))):
            assert len(text) <= 60
            assert text.isprintable()


@pytest.mark.parametrize("kind", [MelangeError, BadInput])
def test_the_text_of_an_error_is_printable_whatever_was_put_into_it(kind):
    assert str(kind("--model \x1b]0;t\x07é\nsecond")) == "--model \ufffd]0;t\ufffdé\nsecond"
