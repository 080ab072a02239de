"""``melange-cloud profiles heatmap``: reads options, asks the planner, prints or draws."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.current_time import now
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.errors import BadInput, echoed
from melange_cloud.report.page import Format

if TYPE_CHECKING:
    from melange_cloud.domain.heatmap import HeatMap

EXAMPLES = """
Examples:

melange-cloud profiles heatmap --region us-east-1

melange-cloud profiles heatmap --gpu A10G --gpu A100-80GB --tpot-ms inf --output a10g-a100.svg

melange-cloud profiles heatmap --size 64x64 --over tpot --tpot-ms 40 --tpot-ms 80
"""

PICTURES = ("svg", "png")


class HeatMapAxis(StrEnum):
    """What a heat map goes over: request sizes under one target, or targets at one size."""

    SIZE = "size"
    TPOT = "tpot"


def heatmap(
    model: Annotated[str | None, typer.Option("--model", help="Model [default: llama-3.1-8b].")] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option("--gpu", help="Only these GPUs, repeatable; of two, the first is shown against the second."),
    ] = None,
    tpot_ms: Annotated[
        list[float] | None,
        typer.Option(
            "--tpot-ms", help="Target for the mean TPOT, ms; inf: none [default: 100]. Repeatable with --over tpot."
        ),
    ] = None,
    over: Annotated[
        HeatMapAxis, typer.Option("--over", help="size; or tpot: one --size over targets.")
    ] = HeatMapAxis.SIZE,
    size: Annotated[str | None, typer.Option("--size", help="With --over tpot: INPUTxOUTPUT tokens, 64x64.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="One region [default: us-east-1].")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="aws or gcp, where a name fits both.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="Default: the model's own.")] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    api_servers: Annotated[
        int | None, typer.Option("--api-servers", help="HTTP server processes per replica [default: 1].")
    ] = None,
    purchase: Annotated[
        str | None,
        typer.Option("--purchase", help="on_demand, spot, commit_1y or commit_3y [default: on_demand]."),
    ] = None,
    sold_as: Annotated[
        str | None, typer.Option("--sold-as", help="proven, or any: also offers that may not be sold this way.")
    ] = None,
    min_host_memory_gib: Annotated[
        float | None,
        typer.Option("--min-host-memory-gib", help="Least host memory of an instance, GiB [default: weights + 8]."),
    ] = None,
    prices: Annotated[Path | None, typer.Option("--prices", help="Your own price sheet (CSV).")] = None,
    accept_odd_prices: Annotated[
        bool, typer.Option("--accept-odd-prices", help="Take prices five times off the same type's elsewhere.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Never touch the network.", envvar="MELANGE_CLOUD_OFFLINE")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the clouds even where cached prices are fresh.")
    ] = False,
    max_age: Annotated[str, typer.Option("--max-age", help="How old a cached price may be: 90m, 12h, 3d.")] = "1d",
    require_fresh: Annotated[
        bool, typer.Option("--require-fresh", help="Exit 5 rather than use a price older than --max-age.")
    ] = False,
    deadline: Annotated[
        str, typer.Option("--deadline", help="How long all asking may take together: 90s, 5m.")
    ] = "60s",
    format_: Annotated[
        Format | None, typer.Option("--format", help="How to print it [default: as --output ends, else table].")
    ] = None,
    out: Annotated[
        Path | None,
        output_option("Write to this file: .txt, .json or .csv decides the format, .svg or .png draws it."),
    ] = None,
) -> None:
    """Show which GPU serves most tokens for the money, by request size or by latency target, in one region."""
    result = result_of(out, format_, (*Format, *PICTURES))
    over_tpot = _over(over, size, tpot_ms or [])
    if result.format in PICTURES:
        from melange_cloud.report.charts import can_draw

        can_draw()
    from melange_cloud import catalog
    from melange_cloud.cli.prices.price_words import fetch_progress
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market.policy import PricePolicy, age_of
    from melange_cloud.planner.heatmap import TpotSweep, heat_map
    from melange_cloud.planner.question import Question

    question = Question(
        regions=(region,) if region else (),
        provider=provider,
        model=model,
        precision=precision,
        era=era,
        tpot_ms=tpot_ms[0] if tpot_ms and over_tpot is None else None,
        gpus=tuple(gpu or ()),
        purchase=purchase,
        sold_as=sold_as,
        min_host_memory_gib=min_host_memory_gib,
        prices=prices,
        accept_odd_prices=accept_odd_prices,
        trust=PricePolicy(offline, refresh, require_fresh, age_of(max_age), deadline_of(deadline)),
        discounts=catalog.load_discounts(),
        api_servers=api_servers,
    )
    with fetch_progress() as progress:
        answer = heat_map(question, None if over_tpot is None else TpotSweep(*over_tpot), now=now(), on_fetch=progress)
    if result.path is not None and result.format in PICTURES:
        _write_picture(answer, result.format, result.path)
        return
    from melange_cloud.report.pages.heatmap import heat_map_page

    if result.format == Format.CSV:
        for line in answer.notices:
            output.note(line)
    output.show(heat_map_page(answer), result)


def _write_picture(answer: "HeatMap", picture: str, out: Path) -> None:
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.report.charts import drawn
    from melange_cloud.report.pages.heatmap_chart import heat_map_chart

    write_whole(out, drawn(heat_map_chart(answer), picture))
    for line in answer.notices:
        output.note(line)
    output.note(f"wrote {echoed(out, 300)}")


def _over(over: HeatMapAxis, size: str | None, targets_ms: list[float]) -> tuple[int, int, tuple[float, ...]] | None:
    if over is HeatMapAxis.SIZE:
        if size is not None:
            raise BadInput(f"--size {echoed(size)} is for one size over targets: add --over tpot")
        if len(targets_ms) > 1:
            raise BadInput("several --tpot-ms need --over tpot and a --size, such as 64x64")
        return None
    if size is None:
        raise BadInput("--over tpot needs a --size: INPUTxOUTPUT tokens, such as 64x64")
    found = re.fullmatch(r"([0-9]{1,8})[xX]([0-9]{1,8})", size.strip())
    if found is None:
        raise BadInput(f"--size {echoed(size)}: give INPUTxOUTPUT tokens, whole numbers, such as 64x64")
    return int(found[1]), int(found[2]), tuple(targets_ms)
