"""What people type for a quantity, and the number that is understood; what may mean two numbers is refused."""

import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.cli.option_type import duration
from melange_cloud.inputs import NotANumber
from melange_cloud.inputs.written_quantities import (
    Ambiguous,
    factor,
    fraction,
    gib,
    hours,
    latency_ms,
    requests_per_s,
    seconds,
)

UNDERSTOOD: list[tuple[Callable[[str], float], str, float]] = [
    *((fraction, text, 0.2) for text in ("20%", "20 %", "20percent", "0.2", ".2", " 0.20 ", "2e-1", "+20%")),
    (fraction, "150%", 1.5),
    (fraction, "1", 1),
    *((factor, text, 1.5) for text in ("1.5", "1.5x", "1.5 X", "150%", "1.5 times")),
    *((latency_ms, text, 50) for text in ("50", "50ms", "50 ms", "0.05s", ".05 sec", "50 milliseconds", "5e1MS")),
    (latency_ms, "0.5ms", 0.5),
    (latency_ms, "2min", 120_000),
    (latency_ms, "inf", math.inf),
    *(
        (requests_per_s, text, 10)
        for text in (
            "10", "10/s", "10 / s", "10 req/s", "10 requests/s", "10 requests per second", "10rps", "10 qps", "600/min",
            "600 requests/minute", "600rpm", "36000/h", "36k/h", "36000 requests per hour", "864000/day", "864k/d",
            "0.01k",
        )
    ),
    *((gib, text, 64) for text in ("64", "64GiB", "64 gib", "64Gi", "65536MiB", "0.0625 TiB")),
    (gib, "64GB", 64e9 / 1024**3),
    *((seconds, text, 5400) for text in ("5400", "5400s", "90m", "90 min", "1.5h", "1h30m", "1 hour 30 minutes")),
    (seconds, "3d", 3 * 86_400),
    (seconds, "2 weeks", 14 * 86_400),
    *((hours, text, 744) for text in ("744", "744h", "744 hours", "31d", "31 days")),
]  # fmt: skip


@pytest.mark.parametrize(("read", "text", "number"), UNDERSTOOD)
def test_what_is_understood(read: Callable[[str], float], text: str, number: float) -> None:
    assert read(text) == pytest.approx(number, rel=1e-12)


AMBIGUOUS: list[tuple[Callable[[str], float], str, str]] = [
    *((read, "1,5", "without a comma") for read in (fraction, factor, latency_ms, requests_per_s, gib, seconds, hours)),
    (requests_per_s, "36,000/h", "without a comma"),
    (fraction, "20", "write 20% or 2000%: a number above 1 may mean either"),
    (fraction, "1.5", "write 50% for 1.5 times, else 1.5% or 150%"),
    (latency_ms, "0.05", "write 0.05s or 0.05ms"),
    (latency_ms, "100m", "write min or ms"),
    (lambda text: latency_ms(text, 10), "100s", "write 100ms, or 100000ms if that is meant"),
    (requests_per_s, "600/m", "write /min or /h"),
    (requests_per_s, "500 tokens/s", "write requests, not tokens"),
    (requests_per_s, "500tps", "write requests, not tokens"),
    (lambda text: requests_per_s(text, busiest=True), "864000/day", "a rate per day is a mean"),
    (gib, "64G", "write 64GiB or 64GB"),
]


@pytest.mark.parametrize(("read", "text", "says"), AMBIGUOUS)
def test_what_may_mean_two_numbers_is_refused(read: Callable[[str], float], text: str, says: str) -> None:
    with pytest.raises(Ambiguous) as refused:
        read(text)
    assert says in str(refused.value)


@pytest.mark.parametrize("read", [fraction, factor, latency_ms, requests_per_s, gib, seconds, hours])
@pytest.mark.parametrize(
    "text", ["", " ", "%", "ms", "1_0", "٣", "1.2.3", "0x10", "5 5", "--5", "5!", "5 parsecs", "9" * 200, "1e", "1m1"]
)
def test_what_is_no_quantity_is_refused(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(NotANumber):
        read(text)


@pytest.mark.parametrize("text", ["-5%", "2000", "101%"])
def test_a_share_has_limits(text: str) -> None:
    with pytest.raises(NotANumber):
        fraction(text, most=1)


def test_a_duration_has_a_unit_where_one_is_needed() -> None:
    with pytest.raises(NotANumber):
        seconds("90", unit_needed=True)
    assert seconds("90m", unit_needed=True) == 5400


@given(st.floats(1e-6, 1e9))
def test_printed_quantities_are_read_back(value: float) -> None:
    assert requests_per_s(f"{value!r} req/s") == value
    assert requests_per_s(f"{value!r} requests/s") == value
    assert gib(f"{value!r} GiB") == value
    assert latency_ms(f"{value!r} ms") == pytest.approx(value, rel=1e-15)
    assert fraction(f"{value!r} %") == value / 100
    assert factor(f"{value!r}x") == value


@given(st.integers(1, 999_999))
def test_printed_durations_are_read_back(whole_seconds: int) -> None:
    assert seconds(duration(timedelta(seconds=whole_seconds)), unit_needed=True) == whole_seconds


@given(st.floats(1e-3, 1e6))
def test_the_same_rate_in_any_unit(per_s: float) -> None:
    for unit, seconds_of_it in (("s", 1), ("min", 60), ("h", 3600), ("day", 86_400)):
        assert requests_per_s(f"{per_s * seconds_of_it!r}/{unit}") == pytest.approx(per_s, rel=1e-12)
