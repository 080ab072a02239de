"""Ways to buy as people call them: ``ri-1y``, ``cud 3 years``, ``on-demand``; and what those mean that are not here."""

import re

from melange_cloud.domain import PURCHASES
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.suggestions import slip_or_not_supported

COMMITMENTS = "commit_1y or commit_3y (AWS: standard RI; Google: CUD)"

_IN_ONE_WORD = {
    **dict.fromkeys(("ondemand", "od", "payg", "payasyougo", "ondemandinstances"), "on_demand"),
    **dict.fromkeys(("spot", "spotvm", "spotvms", "spotinstances", "preemptible"), "spot"),
}
_COMMITTED = frozenset(("ri", "ris", "reserved", "cud", "cuds", "commit", "committed", "commitment", "commitments"))
_BESIDE = frozenset(("instance", "instances", "use", "discount", "discounts", "standard", "no", "upfront"))
_YEARS = frozenset(("y", "yr", "yrs", "year", "years"))
_MONTHS = frozenset(("mo", "month", "months"))
_SAVINGS_PLANS = frozenset(("savings", "saving", "sp", "sps", "csp", "esp"))
_OTHER_TERMS = frozenset(("all", "partial", "convertible"))
_LONGEST = 60


def purchase_named(option: str, word: str) -> str:
    """The purchase that a word means, as PURCHASES spells it.

    Raises:
        BadInput: it means none of them, or leaves the term open; the message begins with the option.
    """
    tokens = re.findall(r"[a-z]+|[0-9]+|[^a-z0-9\s_-]", word.lower()[:_LONGEST])
    joined = "".join(tokens)
    if joined in _IN_ONE_WORD:
        return _IN_ONE_WORD[joined]
    said = f"{option} {echoed(word.strip()) or repr('')}"
    if _SAVINGS_PLANS & set(tokens):
        raise BadInput(f"{said}: prices of Savings Plans are not supported; give {COMMITMENTS}")
    numbers = [token for token in tokens if token.isdigit()]
    words = {token for token in tokens if not token.isdigit()}
    if words - _OTHER_TERMS <= _COMMITTED | _BESIDE | _YEARS | _MONTHS and words & (_COMMITTED | _YEARS | _MONTHS):
        if words & _OTHER_TERMS:
            raise BadInput(f"{said}: only standard RIs with the least upfront payment are priced; give {COMMITMENTS}")
        years = _years(numbers, in_months=bool(words & _MONTHS))
        if years in (1, 3):
            return f"commit_{years}y"
        raise BadInput(f"{said}: {'the term is 1 or 3 years; give' if numbers else 'for how long? Give'} {COMMITMENTS}")
    raise BadInput(f"{said}: {slip_or_not_supported(word.replace('-', '_'), PURCHASES)}")


def _years(numbers: list[str], *, in_months: bool) -> int | None:
    """The term; None if there is not one."""
    if len(numbers) != 1:
        return None
    return {"12": 1, "36": 3}.get(numbers[0]) if in_months else {"1": 1, "3": 3}.get(numbers[0])
