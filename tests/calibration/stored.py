"""The report card that ships."""

from functools import cache

from melange_cloud.calibration.report_card import read_card
from melange_cloud.domain.report_card import CardRow
from melange_cloud.shipped import shipped


@cache
def load_card() -> tuple[CardRow, ...]:
    return tuple(read_card(shipped("profiles") / "report_card.csv"))
