"""The clock of the tests, and a question asked at that moment, offline."""

from datetime import UTC, datetime
from typing import Any

import melange_cloud
from melange_cloud.domain import Plan
from melange_cloud.market.policy import PricePolicy

NOW = datetime(2026, 11, 22, tzinfo=UTC)

OFFLINE = PricePolicy(offline=True)


def question(*regions: str, **fields: Any) -> melange_cloud.Question:
    """A question on the shipped prices; of us-east-1 unless regions are named."""
    return melange_cloud.Question(regions=regions or ("us-east-1",), **{"trust": OFFLINE, **fields})


def ask(*regions: str, **fields: Any) -> Plan:
    """What Python users get: the answer to that question, now."""
    return melange_cloud.answer(question(*regions, **fields), now=NOW)
