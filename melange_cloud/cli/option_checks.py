"""Reads options with words: limits by name, latency targets, which prices to trust."""

from collections.abc import Iterable, Mapping

from melange_cloud.clouds.deadline import PLAN_S, deadline_of
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, OutOfRange, parse_whole
from melange_cloud.inputs.quantities import latency_target_ms
from melange_cloud.market.policy import DEFAULT_MAX_AGE, PricePolicy, age_of

MOST_OF_A_LIMIT = 1_000_000_000
"""The largest quota of GPUs, instances or vCPUs; no account has a thousandth of it."""

_EXAMPLES = {"--max-instances": "g5.xlarge=8", "--max-vcpus": "aws:G=96"}


def limits(option: str, words: Iterable[str]) -> dict[str, int]:
    """Limits by name, from ``H100=8`` and ``A10G=4,L4=2``.

    Raises:
        BadInput: a word is written otherwise, or a name has two limits.
    """
    found: dict[str, int] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        name, equals, number = word.rpartition("=")
        try:
            limit = parse_whole(number, 0, MOST_OF_A_LIMIT)
        except OutOfRange:
            raise BadInput(f"{option} {echoed(word)}: give a limit from 0 to {MOST_OF_A_LIMIT:,}") from None
        except NotANumber:
            limit = -1
        example = _EXAMPLES.get(option, "H100=8")
        if not equals or not name or limit < 0:
            raise BadInput(f"{option} {echoed(word)}: give NAME=WHOLE NUMBER, such as {example}")
        if found.get(name, limit) != limit:
            raise BadInput(f"{option} {echoed(name)}: given twice, as {found[name]} and {limit}")
        found[name] = limit
    return found


def latency_targets(targets_ms: Mapping[str, float | None]) -> dict[str, float]:
    """The latency targets that are set, ms, by parameter (``tpot_ms``).

    Raises:
        BadInput: one cannot be a target; the message names its option.
    """
    return {
        name: latency_target_ms("--" + name.replace("_", "-"), target_ms)
        for name, target_ms in targets_ms.items()
        if target_ms is not None
    }


def price_policy(
    *, offline: bool, refresh: bool, require_fresh: bool, max_age: str | None, deadline: str | None
) -> PricePolicy:
    """Which prices to trust, by the options of that name; None is the default.

    Raises:
        BadInput: an age or a deadline is not one, or two options contradict each other.
    """
    return PricePolicy(
        offline,
        refresh,
        require_fresh,
        DEFAULT_MAX_AGE if max_age is None else age_of(max_age),
        PLAN_S if deadline is None else deadline_of(deadline),
    )


def policy_of_lists(*, offline: bool, refresh: bool, max_age: str | None, deadline: str | None) -> PricePolicy:
    """The same for lists of what there is: no cloud is asked unless ``--refresh`` says so.

    Raises:
        BadInput: as ``price_policy``.
    """
    return price_policy(
        offline=offline or not refresh, refresh=refresh, require_fresh=False, max_age=max_age, deadline=deadline
    )
