"""What the owner of a fleet may decide differently, and what it would cost then. Field names are those of the JSON."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Decision:
    """One change of the question that is worth a decision.

    Attributes:
        changes: the field of the request that is changed: sold_as, min_host_memory_gib, spare, api_servers,
            cached_input, tpot_ms or router.
        option: what to type to get it.
        our_rule: whether it drops a rule of ours, which a test of one instance can prove needless.
        instance_types: those that the rule keeps out and the changed fleet rents; empty where no rule is dropped.
        usd_per_month: cost of the changed fleet, USD/month.
        change_fraction: that cost over the plan's, less 1; below 0 it saves.
        proven: whether the search was carried to its end; where it was not, the changed fleet costs at most that.
        is_one_machine: whether the changed fleet is a single instance while the plan's is not: the two are not alike.
        with_spare_usd_per_month: of such a single instance, what it costs with ``--spare 1`` as well, USD/month; None
            elsewhere, and where no such fleet was found.
    """

    changes: str
    option: str
    our_rule: bool
    instance_types: tuple[str, ...]
    usd_per_month: float
    change_fraction: float = field(metadata={"schema": {"minimum": None}})
    proven: bool = True
    is_one_machine: bool = False
    with_spare_usd_per_month: float | None = None
