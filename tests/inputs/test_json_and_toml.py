import math
import time

import pytest

from melange_cloud.errors import BadFile
from melange_cloud.inputs import MalformedText, NotJson, parse_json, parse_records, parse_toml, read_json, read_toml

DEEP = 100_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * DEEP, "nested"),
        ("[" * 70 + "]" * 70, "nested"),
        ('{"a":' * DEEP, "nested"),
        ('{"a": ' + "9" * 21 + "}", "digits"),
        ('{"a": ' + "9" * 5_000 + "}", "digits"),
        ('{"a": 1e999}', "not finite"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("{", "not JSON"),
        ("", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_json_that_is_made_to_break_a_reader_is_refused_in_one_clause(text, said):
    with pytest.raises(MalformedText, match=said) as refused:
        parse_json(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 120


def test_json_that_a_tool_writes_is_read():
    assert parse_json('{"a": [1, -2.5, "x", null, true], "at": 1753200000000000000}') == {
        "a": [1, -2.5, "x", None, True],
        "at": 1753200000000000000,
    }
    assert parse_json("[" * 60 + "]" * 60) != []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * DEEP, "nested"),
        ("a = " + "[" * 70 + "]" * 70, "nested"),
        ("a = " + "9" * 21, "digits"),
        ("a = " + "9" * 5_000, "digits"),
        ("a = 1e999", "not finite"),
        ("a = nan", "not finite"),
        ("a = ", "not TOML"),
    ],
)
def test_toml_that_is_made_to_break_a_reader_is_refused_in_one_clause(text, said):
    with pytest.raises(MalformedText, match=said) as refused:
        parse_toml(text)
    assert "\n" not in str(refused.value)


def test_a_fault_of_a_file_names_its_line(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{\n"a": 1,\nx}')  # of a comma before } Pythons give different lines
    with pytest.raises(BadFile, match=r"x\.json, line 3: is not JSON"):
        read_json(path)
    path.write_text("[plan]\nrate = 3")
    assert read_toml(path) == {"plan": {"rate": 3}}


def test_numbers_that_are_not_finite_pass_where_the_caller_judges_them():
    assert parse_json("[Infinity, -Infinity, 1e999, 3]", non_finite=True) == [math.inf, -math.inf, math.inf, 3]
    with pytest.raises(MalformedText, match="digits"):
        parse_json("9" * 400, non_finite=True)


def test_broken_grammar_is_told_from_what_is_refused():
    with pytest.raises(NotJson) as refused:
        parse_json('{"a": 1}\n{"a": 2}')
    assert (refused.value.reason, refused.value.line) == ("Extra data", 2)
    with pytest.raises(MalformedText) as deep:
        parse_json("[" * DEEP)
    assert not isinstance(deep.value, NotJson)


def test_half_a_character_is_refused_and_a_whole_one_read():
    assert parse_json(r'["\ud83d\ude00"]') == ["\U0001f600"]
    for text in (r'["\ud83d"]', r'{"\uDE00": 1}', r'["\ude00\ud83d"]'):
        with pytest.raises(MalformedText, match="half of a character"):
            parse_json(text)


@pytest.mark.parametrize("key", ["a", '"b c"', "'d'", "a . b"])
def test_a_toml_key_of_many_parts_costs_no_time(key):
    before = time.process_time()
    for text in (".".join([key] * 100_000) + " = 1", "[" + ".".join([key] * 100_000) + "]"):
        with pytest.raises(MalformedText, match="nested more than 64"):
            parse_toml(text)
    assert parse_toml(".".join(["a"] * 20) + " = 1") != {}
    for text in ("a" * 500_000, "'" * 500_000, '"x' * 200_000, "a " * 200_000, "a.\n" * 100_000):
        with pytest.raises(MalformedText):
            parse_toml(text)
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([b"[" * DEEP], "nested too deep"),
        ([b'{"a": ' + b"9" * 5_000 + b"}"], "digits"),
        ([b"{}", b"{"], "not JSON"),
        ([b""], "not JSON"),
        ([b"1, 2"], "more than one value"),
        ([b"1], [2"], "not JSON"),
        ([b'"\xff"'], "UTF-8"),
        ([b"\x00{}"], "not JSON|UTF"),
    ],
)
def test_records_that_are_made_to_break_a_reader_are_refused_in_one_clause(texts, said):
    with pytest.raises(MalformedText, match=said) as refused:
        parse_records(texts)
    assert "\n" not in str(refused.value)


def test_records_are_read_at_once():
    assert parse_records([b'{"a": 1}', b" 2 ", b"null"]) == [{"a": 1}, 2, None]
    assert parse_records([]) == []
