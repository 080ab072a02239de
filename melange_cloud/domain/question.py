"""The parts of a question, which are carried into the answer, with the default of each value.

A part is the same record before and after the planner has filled it in: the caller sets some values, the others have
defaults, and the planner computes those that are ``derived``. The metadata of a field say which values are valid
(``within``, ``one_of``, ``target_ms``). Checks, ``defaulted`` in an answer, its JSON and the JSON's schema all follow
from them. Names and help texts of options are in ``cli/options.py``: a new option is a field here and a line there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.domain.gpu_kinds import PURCHASES, ROUTERS
from melange_cloud.domain.throughput import Slo

DEFAULT_MODEL = "llama-3.1-8b"
DEFAULT_ERA = "2025"
"""Today's engines."""
DEFAULT_ENGINE = MEAN_OF_ENGINES
DEFAULT_API_SERVERS = 1
"""vLLM's own default for ``--api-server-count``."""
DEFAULT_WORKLOAD = "conversation"
DEFAULT_PEAK_REQUESTS_PER_S = 10.0
"""Used if the question and the workload have no rate: an example, like the default workload."""
DEFAULT_HEADROOM = 0.2
DEFAULT_CACHED_INPUT = 0.0
"""Unless the question or the workload's log says otherwise, every prompt is computed in full."""
DEFAULT_TPOT_MS = 100.0
DEFAULT_ROUTER = "plain"
DEFAULT_PURCHASE = "on_demand"
DEFAULT_SOLD_AS = "proven"
DEFAULT_SPARE, DEFAULT_SPOT_SPARE = 0, 1
"""Spare instances on spot, which can be withdrawn at a few minutes' notice."""
HOST_MEMORY_BESIDE_WEIGHTS_GIB = 8.0
"""Host memory that loading a model needs on top of its weights: runtime, page cache, pinned buffers."""
HEATMAP_REGION = "us-east-1"
DEFAULT_SOLVER = "auto"
FIGURE_LIMIT_S = 10
"""Seconds for each of the many figures next to the plan (a router, a changed question, an end of the errors); those
not proven by then are marked."""
DEFAULT_HOURS_PER_MONTH = 730.0
DEFAULT_ALTERNATIVES, MOST_ALTERNATIVES = 3, 20
DEFAULT_STAY_WITHIN = 0.02

MOST_GIB = 1_000_000
MOST_SECONDS = 31_536_000
"""A year."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and largest valid value, and the message for any other."""

    least: float
    most: float
    cure: str


def default(value: Any, **metadata: object) -> Any:
    """A field with a default that shapes the answer; the answer says so if it is not set."""
    return field(default=value, metadata={"named": True, **metadata})


def within(value: Any, least: float, most: float, cure: str, **metadata: object) -> Any:
    """A number with limits; its default, if it has one, shapes the answer."""
    return field(default=value, metadata={"named": value is not None, "bounds": Bounds(least, most, cure), **metadata})


def target_ms(value: float | None) -> Any:
    """A latency target, ms."""
    return field(default=value, metadata={"named": value is not None, "target_ms": True})


def one_of(value: str, words: tuple[str, ...]) -> Any:
    """A word; ``-`` and ``_`` are the same."""
    return default(value, one_of=words)


def derived(value: Any = ...) -> Any:
    """A value that the planner computes; a question cannot set it."""
    return field(metadata={"derived": True}) if value is ... else field(default=value, metadata={"derived": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """What is served, and which throughput profiles to use.

    Attributes:
        model: model; see ``melange-cloud profiles list``.
        era: engine era of the profiles.
        engine: the serving engine of that era: vllm, sglang or tensorrt-llm; ``mean`` is the mean of the three. Some
            eras have only one engine. Empty if every profile is the user's own measurement.
        precision: precision of the weights; empty in a question: the model's own.
        config: the config.json from which the profiles are estimated; ``model`` is then its name. None if they are not
            estimated.
        pessimistic: whether the plan uses the low end of every profile, MaxTput x (1 - error_down). That then holds for
            every figure of the region except error_bars.
        api_servers: HTTP server processes of each replica (vLLM's ``--api-server-count``), which limit its requests/s.
    """

    model: str = default(DEFAULT_MODEL)
    era: str = default(DEFAULT_ERA)
    engine: str = default(DEFAULT_ENGINE)
    precision: str = default("")
    config: str | None = None
    pessimistic: bool = False
    api_servers: int = default(DEFAULT_API_SERVERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficQuestion:
    """The traffic to plan for, as given.

    Attributes:
        workload: a shipped name, or the path of a workload file or histogram.
        peak_requests_per_s: the busiest hour's rate, requests/s; or ``mean``, ``p95``, ``peak`` or another quantile
            (``p99.5``) of the workload's own arrivals, which then also give the mean rate. By default ``peak`` if a
            workload with arrivals is chosen, else DEFAULT_PEAK_REQUESTS_PER_S.
        mean_requests_per_s: the month's mean rate, requests/s; the divisor of $/1M tokens.
        headroom: fraction added to the peak rate.
        cached_input: share of all input tokens that comes from the engine's prefix cache, 0 to 1: less prompt work, the
            same memory. By default the share in the workload's log, else DEFAULT_CACHED_INPUT.
        drop_unservable: plan without the buckets that no GPU can serve, instead of refusing.
    """

    workload: str = default(DEFAULT_WORKLOAD)
    peak_requests_per_s: float | str | None = default(None)
    mean_requests_per_s: float | None = None
    headroom: float = within(DEFAULT_HEADROOM, 0, 10, "give a fraction from 0 to 10, such as 0.2 for 20 %")
    cached_input: float | None = within(None, 0, 1, "give a share of the input tokens, such as 60% or 0.6", named=True)
    drop_unservable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTraffic:
    """The traffic that a plan is made for.

    Attributes:
        workload: the shipped name of the workload, or the path of the user's file.
        workload_title: what it is, for people (``Azure 2023 conversations, 19,366 requests``).
        mean_input_tokens: mean input tokens per request, of the part that is planned for.
        mean_output_tokens: mean output tokens per request, of the part that is planned for.
        peak_requests_per_s: rate of the busiest hour, requests/s.
        mean_requests_per_s: mean rate of the month, requests/s; None if unknown.
        headroom: fraction added to the peak rate.
        planned_requests_per_s: peak_requests_per_s x (1 + headroom), of the part that is planned for, requests/s.
        rate_source: which of the workload's own arrivals were used; empty if the rates were given as numbers.
        rate_window_s: length of the windows in which those arrivals were counted, s; None for rates given as numbers.
        rate_windows: how many whole windows there were, gaps left out; None for rates given as numbers.
        peak_window_starts_at: when the busiest of them began, UTC; None if the rate is not their peak, or the source
            has no dates.
        cached_input: share of all input tokens that comes from the engine's prefix cache, 0 to 1.
        cached_input_source: the log from which the share comes; empty if it was given, or if nothing is cached.
        served_requests_share: part of the traffic's requests that is planned for; below 1 if sizes that no GPU can
            serve were dropped. Mean sizes, planned rate and million_tokens_per_month are for this part.
        served_tokens_share: the same for tokens.
    """

    workload: str
    workload_title: str
    mean_input_tokens: float
    mean_output_tokens: float
    peak_requests_per_s: float
    mean_requests_per_s: float | None
    headroom: float
    planned_requests_per_s: float
    rate_source: str = ""
    rate_window_s: int | None = None
    rate_windows: int | None = None
    peak_window_starts_at: datetime | None = None
    cached_input: float = DEFAULT_CACHED_INPUT
    cached_input_source: str = ""
    served_requests_share: float = 1.0
    served_tokens_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTargets:
    """The latency targets, ms; None means no target.

    Attributes:
        tpot_ms: target: mean time per output token after the first, ms.
        p99_tpot_ms: target: 99th percentile of TPOT over requests, ms; None if not set.
        ttft_ms: target: mean time to the first token, ms, without queueing; None if not set.
        e2e_ms: target: mean time from request to last token, ms; None if not set.
    """

    tpot_ms: float = target_ms(DEFAULT_TPOT_MS)
    p99_tpot_ms: float | None = target_ms(None)
    ttft_ms: float | None = target_ms(None)
    e2e_ms: float | None = target_ms(None)

    @property
    def slo(self) -> Slo:
        """All targets, infinite if none is set."""
        further = (math.inf if ms is None else ms for ms in (self.p99_tpot_ms, self.ttft_ms, self.e2e_ms))
        return Slo(self.tpot_ms, *further)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRules:
    """Which fleets may be rented, and how they are used.

    Attributes:
        router: what the router knows about a request: plain nothing, prompt the input length, oracle both lengths.
        purchase: how instances are bought.
        sold_as: ``proven``: only types that can really be bought this way; ``any``: everything that has a price.
        gpus: only these, as ``L4`` or ``H100:2`` (GPU at one degree of tensor parallelism); None is all.
        spare: 1 if the fleet must survive losing any one instance, else 0; on spot the default is 1.
        max_gpus: quota of GPUs per region, by GPU.
        max_instances: quota of instances per region, by instance type.
        max_vcpus: quota of vCPUs per region, by provider:family.
        min_host_memory_gib: requested floor of an instance's memory, GiB; None if the rule (weights + 8 GiB)
            applies.
        host_memory_floor_gib: applied floor of an instance's memory, GiB.
    """

    router: str = one_of(DEFAULT_ROUTER, ROUTERS)
    purchase: str = one_of(DEFAULT_PURCHASE, PURCHASES)
    sold_as: str = one_of(DEFAULT_SOLD_AS, ("proven", "any"))
    gpus: tuple[str, ...] | None = None
    spare: int = within(DEFAULT_SPARE, 0, 1, "give 0, or 1 for a fleet that survives losing any one instance")
    max_gpus: Mapping[str, int] = field(default_factory=dict)
    max_instances: Mapping[str, int] = field(default_factory=dict)
    max_vcpus: Mapping[str, int] = field(default_factory=dict)
    min_host_memory_gib: float | None = within(None, 0, MOST_GIB, f"give 0 to {MOST_GIB:,} GiB", named=True)
    host_memory_floor_gib: float = derived(0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """The solver, its time limit, and the length of a month.

    Attributes:
        hours_per_month: hours in a billed month.
        solver: auto, glpk, cbc or highs.
        time_limit_s: limit per solve, whole seconds; None for no limit.
    """

    hours_per_month: float = within(
        DEFAULT_HOURS_PER_MONTH, 1, 744, "a month has 672 to 744 hours (730 on average); give 1 to 744"
    )
    solver: str = default(DEFAULT_SOLVER)
    time_limit_s: int | None = within(
        None, 1, MOST_SECONDS, f"whole seconds, at least 1 and at most {MOST_SECONDS:,}", option="--time-limit"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDetail:
    """What the answer contains in addition to the cheapest fleet.

    Attributes:
        explain: explain the fleet, which takes many solves; None explains it for a single region only.
        alternatives: how many of the next-cheapest fleets of other kinds the explanation lists.
        current: a file with today's fleet; the plan then changes it as little as possible.
        stay_within: by what fraction the plan may then cost more than the cheapest fleet.
        compare_purchases: also answer the question on demand and under every commitment; on spot where that is the
            question's own purchase.
        compare_spot: the same, and on spot.
    """

    explain: bool | None = False
    alternatives: int = within(DEFAULT_ALTERNATIVES, 1, MOST_ALTERNATIVES, f"give 1 to {MOST_ALTERNATIVES}")
    current: str | None = None
    stay_within: float = within(DEFAULT_STAY_WITHIN, 0, 10, "give a fraction of 0 or more, such as 2%")
    compare_purchases: bool = False
    compare_spot: bool = False

    @property
    def compares_purchases(self) -> bool:
        """Whether the question is answered under several purchases."""
        return self.compare_purchases or self.compare_spot


@dataclass(frozen=True, slots=True)
class PlanBasis:
    """The question that a plan answers, with its defaults filled in.

    Its JSON (``request``) has the values of all parts as keys of one object.
    """

    served: ServedModel = field(metadata={"flat": True})
    traffic: PlannedTraffic = field(metadata={"flat": True})
    targets: LatencyTargets = field(metadata={"flat": True})
    fleet: FleetRules = field(metadata={"flat": True})
    calculation: Calculation = field(metadata={"flat": True})
