"""``melange-cloud sensitivity``: reads options, asks the planner, prints or draws."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melange_cloud.cli.current_time import now
from melange_cloud.cli.options import ALL_ROWS, ASKED, FORMAT, OUT, QUESTION, Force
from melange_cloud.cli.options_to_question import question_of, takes
from melange_cloud.cli.output import note, show, warn, width
from melange_cloud.cli.progress import plan_bars
from melange_cloud.cli.result_file import result_of
from melange_cloud.cli.value_types import FACTOR, PER_TOKEN_MS, RATE_PER_S
from melange_cloud.errors import BadInput, echoed
from melange_cloud.report.page import Format

if TYPE_CHECKING:
    from melange_cloud.domain import Sensitivity

EXAMPLES = """Also with the throughput of a GPU, or what the router knows. Every change is computed, not sampled.

Examples:

melange-cloud sensitivity --region us-east-1 --over rate --from 1 --to 32

melange-cloud sensitivity --region us-east-1 --over rate --to 32 --output rate.svg

melange-cloud sensitivity --region us-east-1 --over price:A10G --rate 40

melange-cloud sensitivity --region us-east-1 --over throughput:L4

melange-cloud sensitivity --region us-east-1 --over router
"""

PICTURES = ("svg", "png")


def sensitivity(
    over: Annotated[
        str,
        typer.Option(
            "--over",
            help="rate, tpot, price:GPU, throughput:GPU or router.",
            metavar="NAME",
            rich_help_panel=ASKED,
        ),
    ],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Lowest value: requests/s, ms, or times today's price or throughput.",
            metavar="NUMBER",
            rich_help_panel=ASKED,
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Highest value.", metavar="NUMBER", rich_help_panel=ASKED)
    ] = None,
    all_rows: Annotated[bool, ALL_ROWS("Every stretch in the table.")] = False,
    format_: Annotated[Format | None, FORMAT()] = None,
    out: Annotated[
        Path | None,
        OUT(
            "Write to this file: .txt, .json, .csv or .md decides the format, .svg or .png draws the picture.",
        ),
    ] = None,
    force: Force = False,
    **values: Any,
) -> None:
    """See how the plan changes with the rate, a target or a price."""
    result = result_of(out, format_, (*Format, *PICTURES), force=force)
    if result.format in PICTURES:
        from melange_cloud.report.chart_drawing import can_draw

        can_draw()
        if over.strip().lower() == "router":
            raise BadInput(f"--output {out}: three routers are a table, not a picture; use .txt, .json, .csv or .md")
    from melange_cloud.planner.sweep.sensitivity import exit_code
    from melange_cloud.planner.sweep.sensitivity import sensitivity as swept
    from melange_cloud.report.pages.sweep import has_fleet, sensitivity_page

    low, high = (_end(over, option, text) for option, text in (("--from", from_), ("--to", to)))
    question = question_of(values)
    with plan_bars() as (_, on_fetch):
        answer = swept(question, over, low, high, now=now(), on_fetch=on_fetch)
    if result.path is not None and result.format in PICTURES:
        _draw(answer, result.format, result.path)
    else:
        if result.format == Format.CSV:
            warn(*answer.notices)
        show(sensitivity_page(answer, width=width(), all_rows=all_rows), result)
    if not has_fleet(answer):
        raise typer.Exit(exit_code(answer))


_SWEPT = {"rate": RATE_PER_S, "tpot": PER_TOKEN_MS}
"""What the ends of a sweep are; those of others are factors."""


def _end(over: str, option: str, text: str | None) -> float | None:
    """An end of the range in the unit of what is swept; None where it is not given."""
    if text is None:
        return None
    quantity = over.partition(":")[0].strip().lower()
    return float(_SWEPT.get(quantity, FACTOR).parser(option)(text))


def _draw(answer: "Sensitivity", picture: str, out: Path) -> None:
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.report.chart_drawing import drawn
    from melange_cloud.report.pages.sweep_chart import sensitivity_chart

    warn(*answer.notices)
    write_whole(out, drawn(sensitivity_chart(answer), picture))
    note(f"wrote {echoed(out, 300)}")


takes(sensitivity, QUESTION)
sensitivity.__doc__ = f"{sensitivity.__doc__}\n\n{EXAMPLES}"
