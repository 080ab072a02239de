"""Any dataclass as JSON holds it: names of keys, flat parts, numbers that are none."""

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from melange_cloud.domain import Status
from melange_cloud.report.json_ import plain


@dataclass(frozen=True)
class Cost:
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    status: Status = Status.OPTIMAL


@dataclass(frozen=True)
class Region:
    name: str
    cost: Cost = field(metadata={"flat": True})
    days: tuple[date, ...] = ()


def test_a_key_of_another_name_and_a_flat_part_stand_in_the_parent_in_their_place() -> None:
    region = Region("us-east-1", Cost(2.5), (date(2026, 7, 20),))
    shown = plain(region)
    assert shown == {"name": "us-east-1", "usd_per_hour": 2.5, "status": "optimal", "days": ["2026-07-20"]}
    assert isinstance(shown, dict)
    assert list(shown) == ["name", "usd_per_hour", "status", "days"]


def test_what_is_not_finite_is_null_at_any_depth() -> None:
    assert plain({"b": [Cost(math.nan)], "a": math.inf}) == {
        "a": None,
        "b": [{"usd_per_hour": None, "status": "optimal"}],
    }


def test_times_are_utc() -> None:
    assert plain(datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)) == "2026-11-22T12:00:05Z"
