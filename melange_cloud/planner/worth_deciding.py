"""What is worth a decision: of the changed questions at most four, the same ones for the same plan.

In this order, as far as they are known, have a fleet and say something:

1. a rule of ours that costs more than 5 %, the most expensive first: one instance, started once, can prove it needless;
2. surviving the loss of an instance;
3. more API servers, where that saves;
4. a prefix cache that never hits, where the plan counts on it;
5. half the target of the time per token;
6. a router that sends by prompt length, where that saves more than 1 %.

A router that knew the answers' lengths is only a bound, and a commitment is a contract about the price,
which changes no fleet by itself: both are left to the whole page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from melange_cloud.domain import ROUTERS, Status, WhatIf
from melange_cloud.domain.decision import Decision

MOST = 4
RULE_COSTS_FRACTION = 0.05
"""A rule of ours that costs less than this is not worth a test."""

SAVES_FRACTION = 0.01
"""What saves less than this is not worth a change."""

_OUR_RULES = ("min_host_memory_gib", "sold_as")
_BETTER_ROUTER = "prompt"


def worth_deciding(
    what_if: Sequence[WhatIf],
    routers: Mapping[str, float | None],
    routers_proven: Mapping[str, bool],
    *,
    router: str,
    fleet_instances: int,
    fleet_usd_per_hour: float,
    hours_per_month: float,
    set_by_user: frozenset[str] = frozenset(),
) -> tuple[Decision, ...]:
    """At most MOST decisions, the first ones first.

    Args:
        what_if: the changed questions.
        routers: USD/h of the cheapest fleet under each router; None without one.
        routers_proven: whether the search for it was carried to its end.
        router: that of the plan.
        fleet_instances: how many instances the plan rents.
        fleet_usd_per_hour: what the plan costs, USD/h.
        hours_per_month: hours in a billed month.
        set_by_user: fields of the request that the user set: a rule among them is not ours.
    """

    def decision(changes: str, option: str, usd_per_hour: float, proven: bool, types: tuple[str, ...]) -> Decision:
        return Decision(
            changes=changes,
            option=option,
            our_rule=changes in _OUR_RULES,
            instance_types=types,
            usd_per_month=usd_per_hour * hours_per_month,
            change_fraction=usd_per_hour / fleet_usd_per_hour - 1,
            proven=proven,
        )

    def of(changes: str) -> Iterator[Decision]:
        for one in what_if:
            if one.changes == changes and one.fleet_usd_per_hour is not None:
                proven = one.status is Status.OPTIMAL
                spared = one.with_spare_usd_per_hour
                yield replace(
                    decision(changes, one.option, one.fleet_usd_per_hour, proven, one.entering),
                    is_one_machine=fleet_instances > 1 and sum(one.instances.values()) == 1,
                    with_spare_usd_per_month=None if spared is None else spared * hours_per_month,
                )

    rules = [one for rule in _OUR_RULES if rule not in set_by_user for one in of(rule)]
    rules = [one for one in rules if one.change_fraction < -RULE_COSTS_FRACTION]
    found = sorted(rules, key=lambda one: (one.change_fraction, one.changes))
    found += of("spare")
    found += (one for one in of("api_servers") if one.change_fraction < -SAVES_FRACTION)
    found += of("cached_input")
    found += of("tpot_ms")
    cost = routers.get(_BETTER_ROUTER)
    if cost is not None and router in ROUTERS[: ROUTERS.index(_BETTER_ROUTER)]:
        proven = routers_proven.get(_BETTER_ROUTER, True)
        better = decision("router", f"--router {_BETTER_ROUTER}", cost, proven, ())
        found += [better] if better.change_fraction < -SAVES_FRACTION else []
    return tuple(found[:MOST])
