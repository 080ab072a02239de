"""The option table: every option of ``plan`` and all that several commands have, each declared once.

``plan``, ``sensitivity``, the environment variables and the settings file are made from QUESTION and ONE_ANSWER; other
commands take the aliases at the end. ``[default: ...]`` is written from the constant that the planner uses.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from melange_cloud.cli.option_checks import limits
from melange_cloud.cli.option_type import Option, duration
from melange_cloud.cli.value_types import (
    FIRST_TOKEN_MS,
    MEAN_RATE_PER_S,
    MEMORY_GIB,
    MONTH_HOURS,
    PER_TOKEN_MS,
    WHOLE_REQUEST_MS,
    WHOLE_SECONDS,
    share,
)
from melange_cloud.clouds.deadline import BULK_S, PLAN_S
from melange_cloud.domain import question as asked
from melange_cloud.domain.gpu_kinds import GPUS, PURCHASES
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.suggestions import close_matches
from melange_cloud.market.policy import DEFAULT_MAX_AGE
from melange_cloud.report.page import Format

ASKED, TARGET, MODELS, FLEET = "Question", "Latency target", "Model and engine", "GPUs and limits"
PRICES, HOW, OUTPUT = "Prices", "Solver", "Output"
"""Panels of help."""


class PlanSection(StrEnum):
    """A section of a plan's whole page, as ``--show`` names it; those of ``report.SHOW``."""

    NOTES = "notes"
    QUESTION = "question"
    FLEET = "fleet"
    ERRORS = "errors"
    ROUTING = "routing"
    ALTERNATIVES = "alternatives"
    PURCHASES = "purchases"
    REASONS = "reasons"
    LEFT_OUT = "left-out"
    COVERAGE = "coverage"
    QUOTAS = "quotas"
    PRICES = "prices"
    NOT_INCLUDED = "not-included"


def _sections(option: str, words: Iterable[str]) -> frozenset[str]:
    """The sections that texts such as ``alternatives`` and ``prices,quotas`` name."""
    known = tuple(section.value for section in PlanSection)
    named = [part.strip() for text in words for part in text.split(",")]
    for name in named:
        if name.lower() not in known:
            raise BadInput(f"{option} {echoed(name)}: {close_matches(name.lower(), known)}")
    return frozenset(name.lower() for name in named)


def _listed(_: str, words: Iterable[str]) -> tuple[str, ...]:
    return tuple(words)


def one_of(words: Sequence[str]) -> str:
    """Words as help lists them: ``L4, A10G or H100``."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


MAX_AGE = duration(DEFAULT_MAX_AGE)
DEADLINE, BULK_DEADLINE = duration(timedelta(seconds=PLAN_S)), duration(timedelta(seconds=BULK_S))

# fmt: off
REGION = Option(
    "region", str, "Names, globs ('eu-*') or all; commas between.", panel=ASKED,
    many=True, field="regions", read=_listed, word="NAME",
)
WORKLOAD = Option(
    "workload", str, "Name, .json or .csv", asked.DEFAULT_WORKLOAD, ASKED,
    field="workload", word="NAME|FILE",
)
RATE = Option(
    "rate", str,
    "Requests/s in the busiest hour, or 600/min; or mean, p95, peak of the workload's own arrivals",
    f"peak of the workload you choose, else {asked.DEFAULT_PEAK_REQUESTS_PER_S:g}", ASKED,
    field="peak_requests_per_s", word="RATE",
)
MODEL = Option(
    "model", str, "See `profiles list`", asked.DEFAULT_MODEL, ASKED, field="model", word="NAME"
)
PURCHASE = Option(
    "purchase", str, one_of(PURCHASES), asked.DEFAULT_PURCHASE, ASKED, field="purchase", word="NAME"
)
PROVIDER = Option(
    "provider", str, "aws, gcp or a plug-in's; all unless given.", panel=ASKED, field="provider", word="NAME"
)
HEADROOM = Option(
    "headroom", float, "Added to the rate, such as 20%", f"{100 * asked.DEFAULT_HEADROOM:g}%", ASKED, field="headroom",
    word="SHARE", takes=share("give a fraction from 0 to 10, such as 20% or 0.2", most=10),
)
MEAN_RATE = Option(
    "mean_rate", float, "Mean requests/s of the month, for $/1M tokens", "the workload's, where --rate is", ASKED,
    field="mean_requests_per_s", word="RATE", takes=MEAN_RATE_PER_S,
)
CACHED_INPUT = Option(
    "cached_input", float,
    "Share of the input tokens that comes from the engine's prefix cache, such as 60%",
    f"that of the workload's log, else {100 * asked.DEFAULT_CACHED_INPUT:g}%", ASKED, field="cached_input",
    word="SHARE", takes=share("give a share of the input tokens, such as 60% or 0.6", most=1),
)
ROUTER = Option(
    "router", str,
    "What the load balancer knows: plain (nothing), prompt (input length) or oracle (output length too)",
    asked.DEFAULT_ROUTER, ASKED, field="router", word="NAME",
)
TPOT_MS = Option(
    "tpot_ms", float, "Mean time per output token, ms", f"{asked.DEFAULT_TPOT_MS:g}", TARGET,
    field="tpot_ms", word="MS", takes=PER_TOKEN_MS,
)
TTFT_MS = Option(
    "ttft_ms", float, "Mean time to first token, ms, without a queue.", panel=TARGET, field="ttft_ms",
    word="MS", takes=FIRST_TOKEN_MS,
)
E2E_MS = Option(
    "e2e_ms", float, "Mean time from request to last token, ms.", panel=TARGET, field="e2e_ms",
    word="MS", takes=WHOLE_REQUEST_MS,
)
P99_TPOT_MS = Option(
    "p99_tpot_ms", float, "99th percentile of TPOT, ms, where measured.", panel=TARGET,
    field="p99_tpot_ms", word="MS", takes=PER_TOKEN_MS,
)
PESSIMISTIC = Option(
    "pessimistic", bool, "Plan with the low end of every profile's error.", panel=TARGET,
    field="pessimistic",
)
DROP_UNSERVABLE = Option(
    "drop_unservable", bool, "Leave out request sizes that no GPU here serves.", panel=TARGET,
    field="drop_unservable",
)
GPU = Option(
    "gpu", str, f"Only these, commas between: {', '.join(GPUS)}, or H100:2 (two per replica).", panel=FLEET,
    many=True, field="gpus", read=_listed, word="GPU",
)
SPARE = Option(
    "spare", int, "1: the fleet survives losing any instance",
    f"{asked.DEFAULT_SPARE}; {asked.DEFAULT_SPOT_SPARE} on spot", FLEET, field="spare", word="N",
)
MAX_GPUS = Option(
    "max_gpus", str, "Limit per region, such as H100=8; repeatable.", panel=FLEET, many=True,
    field="max_gpus", read=limits, word="GPU=N",
)
MAX_INSTANCES = Option(
    "max_instances", str, "Limit per region: p5.48xlarge=2; repeatable.", panel=FLEET, many=True,
    field="max_instances", read=limits, word="TYPE=N",
)
MAX_VCPUS = Option(
    "max_vcpus", str, "Limit per region and quota: aws:G=96; repeatable.", panel=FLEET,
    many=True, field="max_vcpus", read=limits, word="FAMILY=N",
)
MIN_HOST_MEMORY_GIB = Option(
    "min_host_memory_gib", float, "Least host memory, GiB",
    f"weights + {asked.HOST_MEMORY_BESIDE_WEIGHTS_GIB:g}", FLEET, field="min_host_memory_gib", word="GIB",
    takes=MEMORY_GIB,
)
SOLD_AS = Option(
    "sold_as", str, "proven, or any: also what may not be sold this way", asked.DEFAULT_SOLD_AS, FLEET,
    field="sold_as", word="NAME",
)
CURRENT = Option(
    "current", Path, "Fleet of today (.csv, .json): change it least.", panel=FLEET,
    field="current", word="FILE",
)
STAY_WITHIN = Option(
    "stay_within", float, "How much more --current may cost",
    f"{100 * asked.DEFAULT_STAY_WITHIN:g}%", FLEET, field="stay_within", word="SHARE",
    takes=share("give a fraction such as 2% or 0.02", most=10),
)
CONFIG = Option(
    "config", Path, "A model's config.json: estimate every GPU.",
    panel=MODELS, field="config", word="FILE",
    variable="MELANGE_CLOUD_MODEL_CONFIG",  # MELANGE_CLOUD_CONFIG is the settings file
)
PRECISION = Option(
    "precision", str, "bf16, fp16 or fp8", "the model's own", MODELS, field="precision", word="NAME"
)
ENGINE = Option(
    "engine", str, "vllm, sglang, tensorrt-llm, or mean of the three",
    asked.DEFAULT_ENGINE, MODELS, field="engine", word="NAME",
)
ERA = Option(
    "era", str, "Engine era; see `profiles list`", asked.DEFAULT_ERA, MODELS, field="era", word="NAME"
)
API_SERVERS = Option(
    "api_servers", int,
    "HTTP server processes per replica",
    f"{asked.DEFAULT_API_SERVERS}", MODELS, field="api_servers", word="N",
)
TENSOR_PARALLEL = Option(
    "tensor_parallel", int, "GPUs per replica", "the fewest that fit", MODELS, names=("--tp",), word="N"
)
OFFLINE = Option(
    "offline", bool, "No network: cached prices, else shipped ones.", panel=PRICES
)
SHEET = Option(
    "prices", Path, "Your price sheet (CSV); outranks all others.", panel=PRICES, field="prices", word="FILE"
)
REFRESH = Option("refresh", bool, "Query the clouds even if the cache is fresh.", panel=PRICES)
OLDEST = Option("max_age", str, "How old a cached price may be", MAX_AGE, PRICES, word="AGE")
REQUIRE_FRESH = Option("require_fresh", bool, "Exit 5 if prices are older than --max-age.", panel=PRICES)
LONGEST = Option(
    "deadline", str, "Time for all queries of clouds", DEADLINE, PRICES, word="TIME"
)
ACCEPT_ODD_PRICES = Option(
    "accept_odd_prices", bool, "Accept prices five times off those elsewhere.", panel=PRICES,
    field="accept_odd_prices",
)
HOURS_PER_MONTH = Option(
    "hours_per_month", float, "Hours in a billed month", f"{asked.DEFAULT_HOURS_PER_MONTH:g}", PRICES,
    field="hours_per_month", word="HOURS", takes=MONTH_HOURS,
)
SOLVER = Option(
    "solver", str, "auto, glpk, cbc or highs", asked.DEFAULT_SOLVER, HOW, field="solver", word="NAME"
)
TIME_LIMIT = Option(
    "time_limit", int,
    f"Whole seconds per solve; without it until the plan is proven, and up to {asked.FIGURE_LIMIT_S} s for every other "
    "figure.",
    panel=HOW, field="time_limit_s", word="SECONDS", takes=WHOLE_SECONDS,
)
OUT = Option(
    "out", Path, "Write to a file: .txt, .json, .csv or .md.", panel=OUTPUT,
    names=("--output", "-o", "--out"), word="FILE",
)
FORMAT = Option(
    "format_", Format, "table, json, csv or markdown", "that of --output, else table", OUTPUT,
    names=("--format", "-f"), word="NAME",
)
FORCE = Option("force", bool, "Overwrite the file of --output if it exists.", panel=OUTPUT)
QUIET = Option(
    "quiet", bool, "No notes or progress on stderr; warnings stay.", panel=OUTPUT,
    names=("--quiet", "-q"),
)
EXPLAIN = Option(
    "explain", bool, "Explain the fleet, its limits and runner-up.", panel=OUTPUT
)
ALTERNATIVES = Option(
    "alternatives", int, "Number of alternatives to explain",
    f"{asked.DEFAULT_ALTERNATIVES}", OUTPUT, field="alternatives", word="N",
)
COMPARE_PURCHASES = Option(
    "compare_purchases", bool,
    "Also compare commitments: total, break-even.",
    panel=OUTPUT, field="compare_purchases",
)
COMPARE_SPOT = Option(
    "compare_spot", bool, "As --compare-purchases, with spot.", panel=OUTPUT,
    field="compare_spot",
)
AGAINST = Option(
    "against", str, "Your region today, to compare the others with.",
    panel=OUTPUT, field="against", word="REGION",
)
FULL = Option("full", bool, "Show the whole page, not the first screen.", panel=OUTPUT)
SHOW = Option(
    "show", str, f"Also a section: {one_of([*PlanSection])}.", panel=OUTPUT,
    many=True, word="SECTION", read=_sections,
)
BRIEF = Option("brief", bool, "JSON of the first screen alone.", panel=OUTPUT)
ALL_ROWS = Option("all_rows", bool, "Every region in the comparison.", panel=OUTPUT)

QUESTION = (
    REGION, WORKLOAD, RATE, MODEL, PURCHASE, PROVIDER, HEADROOM, MEAN_RATE, CACHED_INPUT, ROUTER, TPOT_MS, TTFT_MS,
    E2E_MS, P99_TPOT_MS, PESSIMISTIC, DROP_UNSERVABLE, GPU, SPARE, MAX_GPUS, MAX_INSTANCES, MAX_VCPUS,
    MIN_HOST_MEMORY_GIB, SOLD_AS, CONFIG, PRECISION, ENGINE, ERA, API_SERVERS, OFFLINE, SHEET, REFRESH, OLDEST,
    REQUIRE_FRESH, LONGEST, ACCEPT_ODD_PRICES, SOLVER, TIME_LIMIT, HOURS_PER_MONTH,
)
"""The options that ask a question, those of ``sensitivity`` too; as in help, the most used of a panel first."""

ONE_ANSWER = (
    CURRENT, STAY_WITHIN, OUT, FORMAT, FORCE, FULL, SHOW, BRIEF, EXPLAIN, ALTERNATIVES, AGAINST, COMPARE_PURCHASES,
    COMPARE_SPOT, ALL_ROWS,
)
"""The options about the one answer of ``plan``."""
# fmt: on

Provider = Annotated[str | None, PROVIDER()]
"""The aliases are for commands whose signature is written by hand: ``def show(model: Model = None)``."""
Regions = Annotated[list[str] | None, REGION()]
AllRegions = Annotated[list[str] | None, REGION(default="all")]
Model = Annotated[str | None, MODEL()]
ConfigFile = Annotated[Path | None, CONFIG()]
OnlyModel = Annotated[str | None, MODEL("Only this model; see `profiles list`", default="all")]
Precision = Annotated[str | None, PRECISION()]
Era = Annotated[str | None, ERA()]
Engine = Annotated[str | None, ENGINE()]
TpotMs = Annotated[float | None, TPOT_MS(default="no target")]
P99TpotMs = Annotated[float | None, P99_TPOT_MS()]
TtftMs = Annotated[float | None, TTFT_MS()]
E2eMs = Annotated[float | None, E2E_MS()]
ApiServers = Annotated[int | None, API_SERVERS()]
CachedInput = Annotated[float | None, CACHED_INPUT(default="none")]
GpuNames = Annotated[list[str], GPU(f"{one_of(GPUS)}, repeatable; or all.")]
TensorParallel = Annotated[int | None, TENSOR_PARALLEL(min=1)]
OnlyGpus = Annotated[list[str] | None, GPU("Only these GPUs, such as H100; repeatable.")]
Purchase = Annotated[str | None, PURCHASE()]
Purchases = Annotated[list[str] | None, PURCHASE(f"{one_of(PURCHASES)}; repeatable", default="all")]
USUAL_PURCHASES = tuple(purchase for purchase in PURCHASES if purchase != "spot")
"""What is listed unless asked for: a spot price is one moment's."""
UsualPurchases = Annotated[list[str] | None, PURCHASE(f"{one_of(PURCHASES)}; repeatable", default="all but spot")]
Sheet = Annotated[Path | None, SHEET()]
OddPrices = Annotated[bool, ACCEPT_ODD_PRICES()]
Offline = Annotated[bool, OFFLINE()]
OfflineAnyway = Annotated[bool, OFFLINE("Never touch the network (the default here; --refresh queries the clouds).")]
Refresh = Annotated[bool, REFRESH()]
MaxAge = Annotated[str, OLDEST(default="")]
"""To be used with ``= MAX_AGE``, which Typer shows as the default; so too Deadline, with DEADLINE or BULK_DEADLINE."""
RequireFresh = Annotated[bool, REQUIRE_FRESH()]
Deadline = Annotated[str, LONGEST(default="")]
Solver = Annotated[str, SOLVER(default="")]
TimeLimit = Annotated[int | None, TIME_LIMIT("Whole seconds per solve.")]
AnyFormat = Annotated[Format | None, FORMAT()]
Out = Annotated[Path | None, OUT("Write to this file; its suffix decides the format.")]
Force = Annotated[bool, FORCE()]
