"""The pictures: ours beside the published ones, in the same colours."""

from collections.abc import Mapping, Sequence
from typing import Any

from comparisons import Beside
from fleets import TARGETS_MS, WORKLOADS, Costs

from melange_cloud.report.charts import COLOURS, NOTHING_COLOUR, Chart, ChartLine, GridField, GridPanel, LinePanel
from melange_cloud.report.pages.heatmap_chart import ratio_field

AXES = ("input tokens per request", "output tokens per request")
PRICES = "prices of the paper: L4 0.70, A10G 1.01, A100-80GB 3.67, H100 7.516 USD/h per GPU"
DOUBT = "~ and pale: within the errors of our two profiles, so no winner. The paper prints no errors."


def heat_map(rows: Sequence[Beside], first: str, second: str, model: str, ours_are: str) -> Chart:
    """Ours on the left, the published one on the right; T/$ of ``first`` relative to ``second``, percent."""
    key = tuple((COLOURS[gpu], f"{gpu} ahead") for gpu in (first, second))
    inputs = sorted({row.place[0] for row in rows})
    outputs = sorted({row.place[1] for row in rows})
    by_place = {row.place: row for row in rows}

    def grid(title: str, fields: Mapping[tuple[Any, ...], GridField]) -> GridPanel:
        return GridPanel(
            title=title,
            x_label=AXES[0],
            y_label=AXES[1],
            x=tuple(f"{tokens:,}" for tokens in inputs),
            y=tuple(f"{tokens:,}" for tokens in outputs),
            rows=tuple(tuple(fields[tokens, height] for tokens in inputs) for height in outputs),
            key=key,
        )

    ours = {
        place: GridField("-", NOTHING_COLOUR)
        if row.ours is None
        else ratio_field(100 * (row.ours - 1), first, second, clear=abs(row.ours - 1) > row.error)
        for place, row in by_place.items()
    }
    theirs = {place: ratio_field(100 * (row.low - 1), first, second, clear=True) for place, row in by_place.items()}
    return Chart(
        title=f"{model}: T/$ of {first} above (+) or below (−) that of {second}, percent",
        subtitle=(f"no latency target (saturation); {PRICES}",),
        panels=(grid(f"melange-cloud, {ours_are}", ours), grid("the paper, vLLM 0.2.7, measured", theirs)),
        columns=2,
        notes=(DOUBT,),
        panel_inches=(5.0, 3.5),
    )


def _band(error: float) -> tuple[float, float]:
    """Downward and upward, as fractions; a ratio of speeds is never 0."""
    return min(error, 0.95), error


def by_tpot(rows: Sequence[Beside], ours_are: str) -> Chart:
    """T/$ of A100-80GB over A10G by target, ours with its errors and the published."""
    known = [row for row in rows if row.ours is not None]
    ours = ChartLine(
        name="melange-cloud",
        points=tuple((row.place[0], row.ours) for row in known if row.ours is not None),
        colour=COLOURS["A100-80GB"],
        errors=tuple(_band(row.error / row.ours) for row in known if row.ours is not None),
    )
    theirs = ChartLine("the paper", tuple((row.place[0], row.low) for row in rows), dashed=True)
    panel = LinePanel(
        title="over 1: A100-80GB serves more for the money; under 1: A10G",
        x_label="target for the mean TPOT, ms per output token",
        y_label="T/$ of A100-80GB ÷ T/$ of A10G",
        lines=(ours, theirs),
        x_ticks=tuple(row.place[0] for row in rows),
        level=1.0,
    )
    return Chart(
        title="Llama-2-7B, 64 input + 64 output tokens: T/$ by latency target",
        subtitle=(ours_are, PRICES),
        panels=(panel,),
        notes=("Band: the errors of our two profiles, in quadrature.",),
    )


def costs(answers: Sequence[Costs]) -> Chart:
    """What each single-GPU fleet costs in units of the mix, over rates: one panel per workload and target."""
    panels = []
    for workload, paper_name in WORKLOADS.items():
        for tpot_ms in TARGETS_MS:
            here = [one for one in answers if (one.workload, one.tpot_ms) == (workload, tpot_ms)]
            lines = []
            for gpu in here[0].single_usd_per_hour:
                points = [
                    (one.requests_per_s, alone / one.mix_usd_per_hour)
                    for one in here
                    if (alone := one.single_usd_per_hour[gpu]) is not None
                ]
                if points:
                    lines.append(ChartLine(f"{gpu} alone", tuple(points), COLOURS[gpu]))
            panels.append(
                LinePanel(
                    title=f"{workload} (for {paper_name}), mean TPOT ≤ {tpot_ms} ms",
                    x_label="requests/s",
                    y_label="cost ÷ cost of the mix",
                    lines=tuple(lines),
                    x_ticks=tuple(one.requests_per_s for one in here),
                    level=1.0,
                    doubling=True,
                    lowest=0.8,
                )
            )
    return Chart(
        title="Llama-2-7B: fleets of one GPU type against the cheapest mix (1 = the mix)",
        subtitle=("upper bucket edges, slice factor 8, oracle router, profiles of era vllm-0.2.7, estimated", PRICES),
        panels=tuple(panels),
        columns=2,
        notes=("A GPU without a line cannot serve every size of the workload within the target.",),
        panel_inches=(5.2, 2.6),
    )
