"""``melange-cloud plan``: reads options, asks the planner, prints."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from melange_cloud.cli.current_time import now
from melange_cloud.cli.options import ONE_ANSWER, QUESTION, SHOW, PlanSection
from melange_cloud.cli.options_to_question import question_of, takes
from melange_cloud.cli.output import note, show, warn, width
from melange_cloud.cli.progress import plan_bars
from melange_cloud.cli.result_file import ResultFile, result_of
from melange_cloud.errors import BadInput
from melange_cloud.report.page import Format

if TYPE_CHECKING:
    from melange_cloud.domain import Plan

EXAMPLES = """
Examples:

melange-cloud plan --region us-east-1

melange-cloud plan --region us-east-1 --full

melange-cloud plan --region us-east-1 --workload chat --rate 40 --tpot-ms 60

melange-cloud plan --region us-east-1 --tpot-ms 60 --ttft-ms 500 --pessimistic

melange-cloud plan --region us-east-1 --workload ours.json --rate p95 --cached-input 60%

melange-cloud plan --region us-east-1 --config config.json --model my-model --rate 20

melange-cloud plan --region us-east-1 --rate 40 --current fleet.csv --stay-within 2%

melange-cloud plan --region us-east-1 --region us-central1 --compare-purchases

melange-cloud plan --region 'us-*' --against us-east-1

melange-cloud plan --region 'eu-*' --gpu A10G,L4 --spare 1 --output plan.json
"""


def plan(ctx: typer.Context, **values: Any) -> None:
    """Find the cheapest fleet that meets the latency target.

    One fleet for each region, with its alternatives.
    """
    result = result_of(values["out"], values["format_"], Format, force=values["force"])
    as_json = result.format == Format.JSON
    shown: frozenset[str] = SHOW.value(values["show"]) or frozenset()
    explains = values["explain"] or values["alternatives"] is not None or PlanSection.REASONS in shown
    wants_reasons = True if explains else None if as_json and not values["brief"] else False
    if values["brief"] and values["full"]:
        raise BadInput("--brief is one screen, --full the whole page: leave one of them out")
    brief_typed = values["brief"] and _is_typed(ctx, "brief")
    if brief_typed and result.format == Format.CSV:
        raise BadInput(
            "--brief is the JSON of one screen, CSV has a row for each line of the fleet: leave one of them out"
        )
    if PlanSection.PURCHASES in shown:
        values["compare_purchases"] = True
    question = question_of(values, explain=wants_reasons)
    from melange_cloud import planner

    with plan_bars() as (on_region, on_fetch):
        answer = planner.answer(question, now=now(), on_region=on_region, on_fetch=on_fetch)
    _print(answer, result, shown, values)
    if wants_reasons and len(answer.regions) > 1 and not as_json and PlanSection.REASONS not in shown:
        note("--explain: the reasons of each region: --show reasons, or --format json")
    if values["brief"] and result.format == Format.CSV:
        note("--brief changes nothing in CSV, which has a row for each line of the fleet")
    elif brief_typed and not as_json:
        note("--brief changes nothing here, only JSON (--format json)")
    code = planner.exit_code(answer)
    if code:
        raise typer.Exit(code)


takes(plan, (*QUESTION, *ONE_ANSWER))
plan.__doc__ = f"{plan.__doc__}\n{EXAMPLES}"


def _is_typed(ctx: typer.Context, name: str) -> bool:
    """Whether the command line has an option, rather than the settings file or the environment."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _print(answer: "Plan", result: ResultFile, shown: frozenset[str], values: Mapping[str, Any]) -> None:
    from melange_cloud import report

    if result.format == Format.CSV:
        warn(*report.banner_lines(answer, width()))
    every = values["all_rows"] or result.format == Format.MARKDOWN
    page = report.plan_page(answer, show=shown, full=values["full"], brief=values["brief"], all_rows=every)
    show(page, result)
