import pytest

from melange_cloud.inputs import NotANumber, is_number, parse_number, parse_whole


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1_0", "²", "٣", "1,5", "0x10", "1e9999", "9" * 5_000, "1.5.2", "--1"]
)
def test_what_is_not_a_plain_number_is_refused(text):
    with pytest.raises(NotANumber) as refused:
        parse_number(text)
    assert len(str(refused.value)) < 120


def test_a_plain_number_is_read_within_its_bounds():
    assert parse_number(" 1.5e3 ") == 1500
    assert parse_number("-.5") == -0.5
    with pytest.raises(NotANumber, match="range 0 to 10"):
        parse_number("11", 0, 10)
    with pytest.raises(NotANumber, match="range"):
        parse_number("1e308")


@pytest.mark.parametrize("text", ["1.0", "1e3", "²", "٣", "", "1_0", "9" * 5_000, "9" * 17])
def test_what_is_not_a_plain_whole_number_is_refused(text):
    with pytest.raises(NotANumber):
        parse_whole(text)
    assert parse_whole("007") == 7


def test_a_parsed_value_is_a_number_only_where_it_can_be_used_as_one():
    assert is_number(3)
    assert is_number(2.5)
    assert not any(map(is_number, (True, "3", None, float("nan"), float("inf"), 10**400, 1e308)))
