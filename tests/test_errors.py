import pytest

from melange_cloud.errors import BadFile, BadInput, Fault, Finding, MelangeError, PricesUnavailable, echoed, shown


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


def test_an_error_holds_what_is_wrong_and_its_cure_apart():
    apart = PricesUnavailable("no answer within 60 s", cure="allow more time (--deadline 5m)")
    assert apart.finding == Finding("no answer within 60 s", "allow more time (--deadline 5m)")
    assert str(apart) == "no answer within 60 s: allow more time (--deadline 5m)"
    passed_on = BadInput(apart.finding.of("aws"))
    assert passed_on.finding == Finding("aws: no answer within 60 s", "allow more time (--deadline 5m)")
    assert str(passed_on) == "aws: no answer within 60 s: allow more time (--deadline 5m)"
    assert BadInput("--rate x: give requests/s").finding == Finding("--rate x: give requests/s")


def test_a_fault_is_written_as_place_what_and_cure():
    fault = Fault("prices.csv", "is negative", 3, "usd_per_hour", cure="write a number above zero")
    assert str(fault) == "prices.csv, line 3, usd_per_hour: is negative: write a number above zero"
    assert fault.finding == Finding("is negative", "write a number above zero")
    assert fault.placed.cure == "write a number above zero"
    with_words = Fault("prices.csv", "is negative: write a number above zero", 3, "usd_per_hour")
    assert str(with_words) == str(fault)
    assert str(BadFile([fault, Fault("b.csv", "is empty")])) == f"{fault}\nb.csv: is empty"
