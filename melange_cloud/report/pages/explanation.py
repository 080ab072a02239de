"""Why this mix: what limits it, what came second, what each size costs, which quota binds, what would enter."""

from collections.abc import Iterator

from melange_cloud.domain import Explanation, Plan, RegionPlan
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet, TitledSheet
from melange_cloud.report.text import (
    GLUE,
    clean,
    difference,
    dollars,
    fleet,
    glued,
    joined,
    number,
    percent,
    usd_per_million,
    usd_per_month,
)

SIZES_SHOWN = 8
ENTRIES_SHOWN = 8

LIMIT = {
    "tpot": "the TPOT target",
    "p99_tpot": "the p99 TPOT target",
    "ttft": "the TTFT target",
    "e2e": "the end-to-end target",
    "memory": "memory (the KV cache is full)",
    "front_end": "the server's HTTP front end",
    "batch": "the engine's batch limit (max_num_seqs)",
    "saturation": "saturation (more requests at once do not help)",
}


def why(plan: Plan, region: RegionPlan, *, wide: bool) -> Iterator[Block]:
    """The blocks of ``--explain``; none where the region has no explanation."""
    explanation = region.context.explanation
    if explanation is None or region.fleet_usd_per_hour is None:
        return
    hours = plan.basis.calculation.hours_per_month
    yield Paragraph(tuple(_sentences(region, explanation, hours)))
    if explanation.alternatives:
        yield TitledSheet("The next-cheapest fleets that differ in kind", _alternatives(explanation, hours, wide=wide))
    if explanation.quotas:
        yield TitledSheet("Quotas that raise the cost", _quotas(explanation, hours))
    yield TitledSheet(_sizes_title(explanation), _sizes(explanation))
    if explanation.entry_prices:
        yield TitledSheet("What is not in the fleet, and below which price it would be", _entries(explanation))


def _sentences(region: RegionPlan, explanation: Explanation, hours: float) -> Iterator[str]:
    yield "Why this mix?"
    for kind in explanation.limits:
        name = glued(f"{clean(kind.gpu)}{f' x{kind.tensor_parallel}' if kind.tensor_parallel > 1 else ''}")
        parts = [
            f"{LIMIT.get(part.limited_by, clean(part.limited_by))} for {percent(part.load_share)}"
            for part in kind.limits
        ]
        if not parts:
            continue
        prefill = (
            "" if kind.prefill_share is None else f"; it spends {percent(kind.prefill_share)} of its time on prompts"
        )
        yield f"{name} is limited by {joined(parts)} of its load{prefill}."
    idle = explanation.idle_fleet_usd_per_hour
    cost = region.fleet_usd_per_hour or 0.0
    yield (
        f"Instances come whole: {dollars(usd_per_month(idle * hours))} a month ({percent(idle / cost)}) is paid for "
        "replicas that the planned rate leaves idle."
    )
    other = explanation.runner_up
    if other is None:
        yield "Nothing else that is offered here serves this without one of these GPUs."
    else:
        yield (
            f"Second comes {fleet(other.instances)}, "
            f"{difference(other.fleet_usd_per_hour, region.fleet_usd_per_hour)}: {clean(explanation.runner_up_lost)}."
        )


def _alternatives(explanation: Explanation, hours: float, *, wide: bool) -> Sheet:
    rows = [
        (
            f"without {joined(glued(gpu) for gpu in other.without)}",
            f"{fleet(other.instances)}{'' if other.proven else ' (not proven cheapest)'}",
            number(sum(other.instances.values())),
            usd_per_month(other.fleet_usd_per_hour * hours),
            f"+{usd_per_month(other.more_fraction * other.fleet_usd_per_hour / (1 + other.more_fraction) * hours)}",
            f"+{number(other.more_fraction * 100, 1)}{GLUE}%",
            percent(1 - other.busy_fleet_usd_per_hour / other.fleet_usd_per_hour),
        )
        for other in explanation.alternatives
    ]
    columns = (
        Column("", least=16),
        Column("Fleet", least=16, hang=2),
        Column("Count", right=True, drop=3),
        Column("$/month", right=True),
        Column("more", right=True, drop=2),
        Column("vs plan", right=True, drop=1),
        Column("Idle", right=True, drop=4),
    )
    sheet = Sheet(columns, tuple(rows))
    if wide:
        return sheet
    kept = [at for at, column in enumerate(columns) if column.header not in ("Count", "more")]
    return Sheet(tuple(columns[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows))


def _sizes_title(explanation: Explanation) -> str:
    count = len(explanation.bucket_costs)
    if count <= SIZES_SHOWN:
        return "What each size of request costs, the most expensive first"
    return f"What the {SIZES_SHOWN} most expensive of {count} sizes of request cost (all in --format json)"


def _sizes(explanation: Explanation) -> Sheet:
    shown = explanation.bucket_costs[:SIZES_SHOWN]
    rows = tuple(
        (
            f"{number(size.input_tokens[0] + 1)}-{number(size.input_tokens[1])}",
            f"{number(size.output_tokens[0] + 1)}-{number(size.output_tokens[1])}",
            percent(size.requests_share),
            percent(size.cost_share),
            number(size.usd_per_thousand_requests, 3),
            usd_per_million(size.usd_per_million_tokens),
        )
        for size in shown
    )
    return Sheet(
        (
            Column("Input tokens", right=True),
            Column("Output", right=True),
            Column("Requests", right=True, drop=1),
            Column("Cost", right=True),
            Column("$/1k requests", right=True),
            Column("$/1M tokens", right=True),
        ),
        rows,
    )


def _quotas(explanation: Explanation, hours: float) -> Sheet:
    rows = tuple(
        (
            f"{quota.option} {clean(quota.name)}={number(quota.limit)}{'' if quota.proven else ' (not proven)'}",
            number(quota.used),
            usd_per_month(quota.saving_of_one_more_usd_per_hour * hours),
            f"{number(quota.next_useful_limit)}: {usd_per_month(quota.next_saving_usd_per_hour * hours)}",
            usd_per_month(quota.fleet_usd_per_hour_without_it * hours),
        )
        for quota in explanation.quotas
    )
    return Sheet(
        (
            Column("Quota", least=16),
            Column("Used", right=True),
            Column("One more saves $/month", right=True),
            Column("First useful limit saves", right=True),
            Column("$/month without it", right=True, drop=1),
        ),
        rows,
    )


def _entries(explanation: Explanation) -> Sheet:
    rows = []
    for entry in explanation.entry_prices[:ENTRIES_SHOWN]:
        price = entry.enters_below_usd_per_instance_hour
        gpu = f"{number(entry.gpu_count)}{GLUE}{glued(entry.gpu)}" if entry.gpu_count > 1 else glued(entry.gpu)
        if price is None:
            rows.append((clean(entry.instance_type), gpu, number(entry.usd_per_instance_hour, 4), clean(entry.why), ""))
            continue
        rows.append(
            (
                clean(entry.instance_type),
                gpu,
                number(entry.usd_per_instance_hour, 4),
                f"{number(price, 4)}{'' if entry.proven else ' (not proven)'}",
                difference(price, entry.usd_per_instance_hour),
            )
        )
    return Sheet(
        (
            Column("Instance", least=16),
            Column("GPU", drop=1),
            Column("$/h each", right=True),
            Column("enters below", right=True, least=12),
            Column("change", right=True),
        ),
        tuple(rows),
    )
