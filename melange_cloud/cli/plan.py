"""``melange-cloud plan``: reads options, asks the planner, prints."""

import inspect
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from melange_cloud import settings
from melange_cloud.cli.clock import now
from melange_cloud.cli.output import colour, emit, note, width
from melange_cloud.cli.result_file import ResultFile, result_of
from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import BadFile, BadInput, Fault, echoed, shown
from melange_cloud.inputs import NotANumber, OutOfRange, is_number, parse_number, parse_whole

if TYPE_CHECKING:
    from melange_cloud.domain import Plan
    from melange_cloud.planner import Question

EXAMPLES = """
Examples:

melange-cloud plan --region us-east-1

melange-cloud plan --region us-east-1 --workload chat --rate 40 --tpot-ms 60

melange-cloud plan --region us-east-1 --tpot-ms 60 --ttft-ms 500 --pessimistic

melange-cloud plan --region us-east-1 --config config.json --model my-model --rate 20

melange-cloud plan --region us-east-1 --rate 40 --explain --alternatives 5

melange-cloud plan --region us-east-1 --rate 40 --current fleet.csv --stay-within 2%

melange-cloud plan --region us-east-1 --region us-central1 --compare-purchases

melange-cloud plan --region all --provider gcp --gpu L4 --gpu A100-40GB

melange-cloud plan --region 'eu-*' --max-gpus A10G=8 --spare 1 --output plan.json
"""


class Format(StrEnum):
    """How a plan is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


class TableExtra(StrEnum):
    """What a table shows in addition."""

    ROUTING = "routing"
    LEFT_OUT = "left-out"


WHERE, WHAT, FLEET, PRICES = "Where", "What is served", "Which fleets may be", "Prices"
HOW, OUTPUT = "How it is solved", "Output"


def _option(panel: str, help_text: str, *names: str, **more: Any) -> Any:
    """An option with a variable for its long name, and for that of each alias."""
    variables = ["MELANGE_CLOUD_" + name[2:].replace("-", "_").upper() for name in names if name.startswith("--")]
    more = {"envvar": variables, **more}
    return typer.Option(*names, help=help_text, rich_help_panel=panel, show_envvar=False, **more)


def plan(
    region: Annotated[
        list[str] | None,
        _option(WHERE, "Region name, glob ('eu-*') or all; repeatable. GovCloud only when named.", "--region"),
    ] = None,
    provider: Annotated[str | None, _option(WHERE, "aws or gcp; both unless given.", "--provider")] = None,
    model: Annotated[str | None, _option(WHAT, "Model [default: llama-3.1-8b].", "--model")] = None,
    precision: Annotated[
        str | None, _option(WHAT, "bf16, fp16 or fp8 [default: the model's own].", "--precision")
    ] = None,
    era: Annotated[str | None, _option(WHAT, "Engine era of the profiles; see `profiles list`.", "--era")] = None,
    config: Annotated[
        Path | None,
        _option(
            WHAT,
            "A model's config.json: every GPU is estimated from it; --model is then what to call it.",
            "--config",
            envvar=["MELANGE_CLOUD_MODEL_CONFIG"],  # MELANGE_CLOUD_CONFIG is the settings file
        ),
    ] = None,
    workload: Annotated[
        str | None,
        _option(WHAT, "Shipped name, workload file (.json) or histogram (.csv) [default: conversation].", "--workload"),
    ] = None,
    rate: Annotated[
        str | None,
        _option(
            WHAT,
            "Requests/s in the busiest hour; or of the workload's own arrivals: mean, p95, peak, p99.5 [default: peak "
            "of the workload you choose where it has arrivals, else 10].",
            "--rate",
        ),
    ] = None,
    mean_rate: Annotated[
        float | None,
        _option(
            WHAT,
            "Mean requests/s over the month; divides $/1M tokens [default: the workload's, where --rate is].",
            "--mean-rate",
        ),
    ] = None,
    tpot_ms: Annotated[
        float | None, _option(WHAT, "Target for the mean time per output token, ms [default: 100].", "--tpot-ms")
    ] = None,
    p99_tpot_ms: Annotated[
        float | None,
        _option(WHAT, "Also: target for the 99th percentile of TPOT, ms (measured profiles only).", "--p99-tpot-ms"),
    ] = None,
    ttft_ms: Annotated[
        float | None, _option(WHAT, "Also: target for the mean time to the first token, ms, no queue.", "--ttft-ms")
    ] = None,
    e2e_ms: Annotated[
        float | None, _option(WHAT, "Also: target for the mean time from request to last token, ms.", "--e2e-ms")
    ] = None,
    drop_unservable: Annotated[
        bool, _option(WHAT, "Plan without the request sizes that no GPU here can serve.", "--drop-unservable")
    ] = False,
    headroom: Annotated[float | None, _option(WHAT, "Fraction added to the rate [default: 0.2].", "--headroom")] = None,
    router: Annotated[
        str | None,
        _option(
            WHAT,
            "What the load balancer knows of a request: plain (nothing), prompt (its input length), oracle (its output "
            "length too, as the paper assumes) [default: plain].",
            "--router",
        ),
    ] = None,
    pessimistic: Annotated[
        bool, _option(WHAT, "Plan at the low end of every profile: MaxTput x (1 - error).", "--pessimistic")
    ] = False,
    api_servers: Annotated[
        int | None,
        _option(
            WHAT,
            "HTTP server processes per replica (vLLM's --api-server-count): each takes some 28 to 46 requests/s of "
            "short answers, whatever the GPU does [default: 1].",
            "--api-servers",
        ),
    ] = None,
    gpu: Annotated[
        list[str] | None,
        _option(FLEET, "Only these GPUs: L4, A10G, A100-40GB, A100-80GB, H100, or H100:2 (two per replica).", "--gpu"),
    ] = None,
    purchase: Annotated[
        str | None, _option(FLEET, "on_demand, spot, commit_1y or commit_3y [default: on_demand].", "--purchase")
    ] = None,
    sold_as: Annotated[
        str | None,
        _option(FLEET, "proven, or any: also offers that may not be sold this way [default: proven].", "--sold-as"),
    ] = None,
    max_gpus: Annotated[
        list[str] | None, _option(FLEET, "At most so many GPUs per region: H100=8; repeatable.", "--max-gpus")
    ] = None,
    max_instances: Annotated[
        list[str] | None,
        _option(FLEET, "At most so many instances per region: p5.48xlarge=2; repeatable.", "--max-instances"),
    ] = None,
    max_vcpus: Annotated[
        list[str] | None,
        _option(FLEET, "At most so many vCPUs of a quota family per region: aws:G=96; repeatable.", "--max-vcpus"),
    ] = None,
    spare: Annotated[
        int | None, _option(FLEET, "1: the fleet survives losing any one instance [default: 0; 1 on spot].", "--spare")
    ] = None,
    min_host_memory_gib: Annotated[
        float | None,
        _option(FLEET, "Least host memory of an instance, GiB [default: weights + 8].", "--min-host-memory-gib"),
    ] = None,
    prices: Annotated[
        Path | None, _option(PRICES, "Your own price sheet (CSV); outranks the shipped prices.", "--prices")
    ] = None,
    accept_odd_prices: Annotated[
        bool,
        _option(PRICES, "Take prices five times off the same type's elsewhere.", "--accept-odd-prices"),
    ] = False,
    offline: Annotated[
        bool, _option(PRICES, "Never touch the network: your sheet, fresh cached prices, shipped prices.", "--offline")
    ] = False,
    refresh: Annotated[
        bool, _option(PRICES, "Ask the clouds even where cached prices are fresh.", "--refresh")
    ] = False,
    max_age: Annotated[
        str | None, _option(PRICES, "How old a cached price may be: 90m, 12h, 3d [default: 1d].", "--max-age")
    ] = None,
    require_fresh: Annotated[
        bool, _option(PRICES, "Exit 5 rather than use a price older than --max-age.", "--require-fresh")
    ] = False,
    deadline: Annotated[
        str | None,
        _option(PRICES, "How long all asking may take together: 90s, 5m [default: 60s].", "--deadline"),
    ] = None,
    solver: Annotated[str | None, _option(HOW, "auto, glpk, cbc or highs [default: auto].", "--solver")] = None,
    time_limit: Annotated[
        int | None,
        _option(
            HOW,
            "Whole seconds per solve; without it a plan is searched until proven, each figure beside it for 10 s.",
            "--time-limit",
        ),
    ] = None,
    hours_per_month: Annotated[
        float | None, _option(HOW, "Hours in a billed month [default: 730].", "--hours-per-month")
    ] = None,
    explain: Annotated[
        bool, _option(OUTPUT, "Say why this fleet: limits, runner-up, cost by size, quotas, entry prices.", "--explain")
    ] = False,
    alternatives: Annotated[
        int | None,
        _option(
            OUTPUT, "With reasons: so many next-cheapest fleets that differ in kind [default: 3].", "--alternatives"
        ),
    ] = None,
    current: Annotated[
        Path | None,
        _option(FLEET, "The fleet that runs today (CSV or JSON, or a plan's output): change it least.", "--current"),
    ] = None,
    stay_within: Annotated[
        str | None,
        _option(FLEET, "With --current: how much dearer than the cheapest it may be [default: 2%].", "--stay-within"),
    ] = None,
    compare_purchases: Annotated[
        bool,
        _option(
            OUTPUT,
            "Also: the same question on demand, under 1- and 3-year commitments and on spot, side by side, with the "
            "break-even of each commitment.",
            "--compare-purchases",
        ),
    ] = False,
    show: Annotated[
        list[TableExtra] | None, _option(OUTPUT, "Also show: routing (which sizes go where), left-out.", "--show")
    ] = None,
    all_rows: Annotated[bool, _option(OUTPUT, "Every region in the comparison.", "--all-rows")] = False,
    format_: Annotated[
        Format | None,
        _option(OUTPUT, "table, json, csv or markdown [default: as --output ends, else table].", "--format"),
    ] = None,
    out: Annotated[
        Path | None,
        _option(OUTPUT, "Write to this file: .txt, .json, .csv or .md decides the format.", "--output", "-o", "--out"),
    ] = None,
) -> None:
    """Find the cheapest fleet for each region that meets the latency target, and what else it could be."""
    result = result_of(out, format_, Format)
    question = question_of(locals())
    as_json = result.format == Format.JSON
    wants_reasons = True if explain or alternatives is not None else None if as_json else False
    question = replace(
        question,
        explain=wants_reasons,
        alternatives=alternatives,
        current=current,
        stay_within=None if stay_within is None else _fraction("--stay-within", stay_within),
        compare_purchases=compare_purchases,
    )
    from melange_cloud import planner

    with progress() as (on_region, on_fetch):
        answer = planner.answer(question, now=now(), on_region=on_region, on_fetch=on_fetch)
    _print(answer, result, frozenset(item.value for item in show or ()), all_rows)
    if wants_reasons and len(answer.regions) > 1 and not as_json:
        note("--explain: the reasons stand on the page of one region; --format json has them for every region")
    code = planner.exit_code(answer)
    if code:
        raise typer.Exit(code)


plan.__doc__ = f"{plan.__doc__}\n{EXAMPLES}"


def variables() -> list[str]:
    """The environment variables of the options."""
    options = [get_args(parameter.annotation)[1] for parameter in inspect.signature(plan).parameters.values()]
    named = [option.envvar or [] for option in options]
    return [str(name) for names in named for name in ([names] if isinstance(names, str) else names)]


MOST_OF_A_LIMIT = 1_000_000_000
"""GPUs, instances or vCPUs that a quota can name; no account has a thousandth of it."""

ONLY_OF_A_PLAN = frozenset(
    {"explain", "alternatives", "current", "stay_within", "compare_purchases", "show", "format_", "all_rows", "out"}
)
"""The parameters that say how a plan's one answer is shown; the others are the question."""


def question_of(values: Mapping[str, Any]) -> "Question":
    """The question that the options ask, by their parameters' names; ``sensitivity`` has most of them too."""
    if not values["region"]:
        raise BadInput("give --region NAME (such as us-east-1), a glob ('eu-*') or all")
    from melange_cloud import catalog, planner
    from melange_cloud.clouds.deadline import PLAN_S, deadline_of
    from melange_cloud.market.policy import DEFAULT_MAX_AGE, PricePolicy, age_of

    return planner.Question(
        regions=tuple(values["region"]),
        provider=values["provider"],
        model=values["model"],
        precision=values["precision"],
        era=values["era"],
        config=values["config"],
        workload=values["workload"],
        peak_requests_per_s=values["rate"],
        mean_requests_per_s=values["mean_rate"],
        drop_unservable=values["drop_unservable"],
        headroom=values["headroom"],
        tpot_ms=values["tpot_ms"],
        p99_tpot_ms=values["p99_tpot_ms"],
        ttft_ms=values["ttft_ms"],
        e2e_ms=values["e2e_ms"],
        pessimistic=values["pessimistic"],
        router=values["router"],
        gpus=tuple(values["gpu"] or ()),
        purchase=values["purchase"],
        sold_as=values["sold_as"],
        max_gpus=_limits("--max-gpus", values["max_gpus"]),
        max_instances=_limits("--max-instances", values["max_instances"]),
        max_vcpus=_limits("--max-vcpus", values["max_vcpus"]),
        spare=values["spare"],
        min_host_memory_gib=values["min_host_memory_gib"],
        solver=values["solver"],
        time_limit_s=values["time_limit"],
        hours_per_month=values["hours_per_month"],
        prices=values["prices"],
        accept_odd_prices=values["accept_odd_prices"],
        trust=PricePolicy(
            values["offline"],
            values["refresh"],
            values["require_fresh"],
            DEFAULT_MAX_AGE if values["max_age"] is None else age_of(values["max_age"]),
            PLAN_S if values["deadline"] is None else deadline_of(values["deadline"]),
        ),
        discounts=catalog.load_discounts(),
        api_servers=values["api_servers"],
    )


def defaults_from_file() -> dict[str, Any]:
    """The settings file's values, in the shape that the option parser takes as its map of defaults."""
    path = settings.settings_path()
    if path is None:
        return {}
    parameters = inspect.signature(plan).parameters
    defaults = settings.read_settings(path, {"plan": set(parameters) - {"out", "format_"}}).get("plan", {})
    faults = []
    for name, value in defaults.items():
        wanted = str(get_args(parameters[name].annotation)[0])
        if "list[" in wanted and isinstance(value, str):
            defaults[name] = [value]
        elif name == "rate" and is_number(value):
            defaults[name] = str(value)  # the option takes words too, so its type is text
        elif cure := _wrong_type(wanted, value):
            faults.append(Fault(path, f"{shown(value)}: {cure}", field=f"[plan] {name.replace('_', '-')}"))
    if faults:
        raise BadFile(faults)
    taken = [*sorted(defaults), *_discounts_in_words()]
    note(f"settings from {echoed(path, 200)}: {', '.join(taken) or 'none'}")
    own = inspect.signature(plan).parameters.keys() - ONLY_OF_A_PLAN
    return {"plan": defaults, "sensitivity": {name: value for name, value in defaults.items() if name in own}}


def _discounts_in_words() -> list[str]:
    """How many discounts the settings file has; none for none."""
    from melange_cloud.catalog import load_discounts

    count = len(load_discounts())
    return [f"{count} discount{'s' if count > 1 else ''}"] if count else []


def _wrong_type(wanted: str, value: object) -> str:
    """What to give instead, where a settings file's value is none that the option could take; empty where it is."""
    number = is_number(value)
    whole = number and isinstance(value, int)
    kinds = (
        ("list[", isinstance(value, list) and all(isinstance(item, str) for item in value), "text or a list of texts"),
        ("float", number, "a number"),
        ("int", whole, "a whole number"),
        ("bool", isinstance(value, bool), "true or false"),
    )
    for word, fits, cure in kinds:
        if word in wanted:
            return "" if fits else f"give {cure}"
    return "" if isinstance(value, str) else "give text"


def _print(answer: "Plan", result: ResultFile, show: frozenset[str], all_rows: bool) -> None:
    from melange_cloud import report

    if result.format == Format.JSON:
        emit(report.as_json(answer), result)
    elif result.format == Format.MARKDOWN:
        emit(report.as_markdown(answer), result)
    elif result.format == Format.CSV:
        for line in report.banner_lines(answer, width()):
            note(line)
        emit(report.as_csv(answer), result)
    else:
        in_colour = colour() and result.path is None
        emit(report.table(answer, width=width(), colour=in_colour, show=show, all_rows=all_rows), result)


def _fraction(option: str, word: str) -> float:
    """``2%`` and ``0.02`` are the same."""
    number, percent, rest = word.strip().partition("%")
    try:
        value = parse_number(number, 0)
    except NotANumber:
        value = math.nan
    if rest or math.isnan(value):
        raise BadInput(f"{option} {echoed(word)}: give a fraction such as 2% or 0.02")
    return value / 100 if percent else value


def _limits(option: str, words: list[str] | None) -> dict[str, int]:
    limits: dict[str, int] = {}
    for word in (part.strip() for text in words or () for part in text.split(",")):
        name, equals, number = word.rpartition("=")
        try:
            limit = parse_whole(number, 0, MOST_OF_A_LIMIT)
        except OutOfRange:
            raise BadInput(f"{option} {echoed(word)}: give a limit from 0 to {MOST_OF_A_LIMIT:,}") from None
        except NotANumber:
            limit = -1
        if not equals or not name or limit < 0:
            raise BadInput(f"{option} {echoed(word)}: give NAME=WHOLE NUMBER")
        if limits.get(name, limit) != limit:
            raise BadInput(f"{option} {echoed(name)}: given twice, as {limits[name]} and {limit}")
        limits[name] = limit
    return limits


def progress() -> AbstractContextManager[Any]:
    """Bars on stderr while clouds are asked and regions solved; nothing off a terminal."""
    import sys

    if not is_terminal(sys.stderr):
        return nullcontext((None, None))
    from melange_cloud.cli.progress import plan_bars

    return plan_bars()
