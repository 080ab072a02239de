"""``melange-cloud profiles heatmap``: reads options, asks the planner, prints or draws."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melange_cloud.cli import output
from melange_cloud.cli.current_time import now
from melange_cloud.cli.options import (
    ACCEPT_ODD_PRICES,
    API_SERVERS,
    CACHED_INPUT,
    CONFIG,
    ENGINE,
    ERA,
    GPU,
    LONGEST,
    MIN_HOST_MEMORY_GIB,
    MODEL,
    OFFLINE,
    OLDEST,
    OUT,
    PRECISION,
    PROVIDER,
    PURCHASE,
    REFRESH,
    REGION,
    REQUIRE_FRESH,
    SHEET,
    SOLD_AS,
    TPOT_MS,
    AnyFormat,
    Force,
)  # fmt: skip
from melange_cloud.cli.options_to_question import question_of, takes
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.domain.question import HEATMAP_REGION
from melange_cloud.errors import BadInput, echoed
from melange_cloud.report.page import Format

if TYPE_CHECKING:
    from melange_cloud.domain.heatmap import HeatMap

EXAMPLES = """
Examples:

melange-cloud profiles heatmap --region us-east-1

melange-cloud profiles heatmap --gpu A10G --gpu A100-80GB --tpot-ms inf --output a10g-a100.svg

melange-cloud profiles heatmap --config config.json --model my-model

melange-cloud profiles heatmap --size 64x64 --over tpot --tpot-ms 40 --tpot-ms 80
"""

PICTURES = ("svg", "png")


class HeatMapAxis(StrEnum):
    """What a heat map goes over: request sizes under one target, or targets at one size."""

    SIZE = "size"
    TPOT = "tpot"


SHARED = (
    MODEL, PRECISION, ERA, ENGINE, CONFIG, GPU, PROVIDER, API_SERVERS, CACHED_INPUT, PURCHASE, SOLD_AS,
    MIN_HOST_MEMORY_GIB, SHEET,
    ACCEPT_ODD_PRICES, OFFLINE, REFRESH, OLDEST, REQUIRE_FRESH, LONGEST,
)  # fmt: skip
"""The options that it shares with ``plan``."""


def heatmap(
    region: Annotated[str | None, REGION("One region", HEATMAP_REGION)] = None,
    tpot_ms: Annotated[
        list[float] | None,
        TPOT_MS("Target for the mean time per output token, ms, or inf for none; repeatable with --over tpot"),
    ] = None,
    over: Annotated[
        HeatMapAxis, typer.Option("--over", help="size; or tpot: one --size over targets.")
    ] = HeatMapAxis.SIZE,
    size: Annotated[
        str | None, typer.Option("--size", metavar="SIZE", help="With --over tpot: INPUTxOUTPUT tokens, 64x64.")
    ] = None,
    format_: AnyFormat = None,
    out: Annotated[
        Path | None, OUT("Write to this file: .txt, .json, .csv or .md decides the format, .svg or .png draws it.")
    ] = None,
    force: Force = False,
    **values: Any,
) -> None:
    """Show which GPU serves most tokens for the money, by request size or by latency target, in one region.

    Of two GPUs, the one that --gpu names first is shown against the other.
    """
    result = result_of(out, format_, (*Format, *PICTURES), force=force)
    over_tpot = _over(over, size, tpot_ms or [])
    if result.format in PICTURES:
        from melange_cloud.report.chart_drawing import can_draw

        can_draw()
    from melange_cloud.planner.heatmap import TpotSweep, heat_map

    question = question_of(values, regions=region or (), tpot_ms=tpot_ms[0] if tpot_ms and over_tpot is None else None)
    with fetch_bar() as progress:
        answer = heat_map(question, None if over_tpot is None else TpotSweep(*over_tpot), now=now(), on_fetch=progress)
    if result.path is not None and result.format in PICTURES:
        _write_picture(answer, result.format, result.path)
        return
    from melange_cloud.report.pages.heatmap import heat_map_page

    if result.format == Format.CSV:
        output.warn(*answer.notices)
    output.show(heat_map_page(answer), result)


takes(heatmap, SHARED, variables=(OFFLINE,))


def _write_picture(answer: "HeatMap", picture: str, out: Path) -> None:
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.report.chart_drawing import drawn
    from melange_cloud.report.pages.heatmap_chart import heat_map_chart

    write_whole(out, drawn(heat_map_chart(answer), picture))
    output.warn(*answer.notices)
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
