"""Numbers and outside text as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from melange_cloud.report import text
from melange_cloud.report.text import GLUE


def plain(formatted: str) -> str:
    return formatted.replace(GLUE, " ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (10.0, "10"),
        (12.000000000000002, "12"),
        (0.001, "0.001"),
        (3.33333333, "3.333"),
        (1154.7, "1,155"),
        (1e9, "1,000,000,000"),
        (100, "100"),
        (1e30, "1.000e+30"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "-"),
    ],
)
def test_a_quantity_keeps_four_digits_and_no_zeros(value: float | None, expected: str) -> None:
    assert text.quantity(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(9047.9, "9,048"), (10, "10"), (9.999, "10.00"), (0.004, "0.00"), (None, "-"), (math.nan, "-")],
)
def test_a_month_is_in_whole_dollars_until_cents_matter(value: float | None, expected: str) -> None:
    assert text.usd_per_month(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.2521, "0.252"), (12.345, "12.35"), (0.0001234, "0.000123"), (0, "0.00"), (None, "-")]
)
def test_a_million_tokens_keeps_three_digits(value: float | None, expected: str) -> None:
    assert text.usd_per_million(value) == expected


@pytest.mark.parametrize(
    ("value", "reference", "expected"),
    [
        (107.6, 100, "+7.6 %"),
        (98.1, 100, "-1.9 %"),
        (893, 100, "+793 %"),
        (100 + 1e-7, 100, "0 %"),
        (None, 100, "-"),
        (5, None, "-"),
        (5, 0, "-"),
    ],
)
def test_a_difference_has_its_sign(value: float | None, reference: float | None, expected: str) -> None:
    assert plain(text.difference(value, reference)) == expected


def test_a_share_above_nothing_never_reads_nothing() -> None:
    assert plain(text.percent(0.0004)) == "<1 %"
    assert plain(text.percent(0)) == "0 %"
    assert plain(text.percent(0.92)) == "92 %"


def test_an_error_is_never_understated() -> None:
    assert plain(text.plus_minus(0.3)) == "±30 %"
    assert plain(text.plus_minus(0.1 + 0.2)) == "±30 %"
    assert plain(text.plus_minus(0.281)) == "±29 %"
    assert [plain(text.plus_minus(error)) for error in (0.30007, 0.3006)] == ["±30 %", "±31 %"]


@pytest.mark.parametrize(
    ("error", "error_down", "expected", "own"),
    [
        (0.3, 0.3, "±30 %", "±30 %"),
        (0.281, 0.285, "±29 %", "±29 %"),
        (0.5, 0.6, "-60 to +50 %", "errors (-60 to +50 %)"),
        (0.5, 1.0, "none to +50 %", "errors (none to +50 %)"),
        (1.0, 1.0, "none to 2 times", "errors (none to 2 times)"),
        (2.68, 0.667, "-67 % to 3.7 times", "errors (-67 % to 3.7 times)"),
        (2.72, 1.0, "none to 3.8 times", "errors (none to 3.8 times)"),
        (103.2, 1.0, "none to 105 times", "errors (none to 105 times)"),
    ],
)
def test_errors_that_differ_by_direction(error: float, error_down: float, expected: str, own: str) -> None:
    assert plain(text.error_range(error, error_down)) == expected
    assert plain(text.own_errors(error, error_down)) == own


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=12))
def test_percents_of_a_whole_sum_to_100(weights: list[float]) -> None:
    shares = [weight / sum(weights) for weight in weights]
    cells = text.percents_of_whole(shares)
    whole = [0 if cell.startswith("<") else int(cell.split(GLUE)[0]) for cell in cells]
    assert sum(whole) == 100
    assert all(abs(count - 100 * share) <= 1 for count, share in zip(whole, shares, strict=True))


@given(st.text(max_size=200), st.integers(8, 60), st.integers(0, 3))
def test_wrapping_keeps_every_character_and_the_width(words: str, width: int, hang: int) -> None:
    line = text.clean(words)
    parts = text.wrap(line, width, hang)
    assert parts
    assert all(cell_len(part) <= width for part in parts)
    assert "".join("".join(parts).split()) == "".join(line.split())


def test_a_line_does_not_break_inside_a_command_that_fits_one() -> None:
    said = "no credentials: run `aws configure` or set AWS_PROFILE"
    assert text.wrap(said, 24) == ["no credentials: run", "`aws configure` or set", "AWS_PROFILE"]
    assert text.wrap(said, 12) == ["no", "credentials:", "run `aws", "configure`", "or set", "AWS_PROFILE"]


def test_a_line_does_not_break_between_a_number_and_its_unit() -> None:
    assert text.wrap(f"about 92{GLUE}% of it", 10) == ["about 92 %", "of it"]
    assert text.wrap(f"about 92{GLUE}% of it", 9) == ["about", "92 % of", "it"]
    assert text.wrap("weights > 50 ms)", 12) == ["weights >", "50 ms)"]
    assert text.wrap("at 10 req/s, 16 GiB", 9) == ["at", "10 req/s,", "16 GiB"]
    assert text.wrap("at most 10 hosts", 10) == ["at most 10", "hosts"]


@given(st.text())
def test_cleaned_text_is_one_printable_line(words: str) -> None:
    cleaned = text.clean(words)
    assert cleaned.isprintable()
    assert text.clean(cleaned) == cleaned


def test_escapes_direction_marks_and_surrogates_become_visible() -> None:
    assert text.clean("a\x1b[31m\u202eb\udc80\r\n\tc") == "a\ufffd[31m\ufffdb\ufffd c"


def test_a_fleet_breaks_after_a_plus_only() -> None:
    fleet = text.fleet({"g6.2xlarge": 4, "g5.2xlarge": 7})
    assert plain(fleet) == "7 g5.2xlarge + 4 g6.2xlarge"
    assert text.wrap(fleet, 20) == ["7 g5.2xlarge +", "4 g6.2xlarge"]


def test_an_option_stays_with_its_value_and_a_number_with_its_percent() -> None:
    assert text.wrap("the limit (--router oracle)", 20) == ["the limit", "(--router oracle)"]
    assert text.wrap("set --workload --rate", 18) == ["set --workload", "--rate"]
    assert text.wrap("better by 80 % of it", 12) == ["better by", "80 % of it"]
    assert text.wrap("--require-fresh, or less", 18) == ["--require-fresh,", "or less"]
