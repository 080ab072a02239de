"""A question as it was asked becomes a Request: defaults filled in and named, impossible values refused.

A field that is None was not set. The defaults are those of ``domain.question``.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from melange_cloud import profiles, workload
from melange_cloud.catalog import Discount
from melange_cloud.domain import GPUS, PURCHASES, ROUTERS, InstanceType, Kind, Request, Workload
from melange_cloud.domain.question import (
    DEFAULT_ALTERNATIVES,
    DEFAULT_API_SERVERS,
    DEFAULT_HEADROOM,
    DEFAULT_HOURS_PER_MONTH,
    DEFAULT_MODEL,
    DEFAULT_PURCHASE,
    DEFAULT_ROUTER,
    DEFAULT_SOLD_AS,
    DEFAULT_SOLVER,
    DEFAULT_SPARE,
    DEFAULT_SPOT_SPARE,
    DEFAULT_STAY_WITHIN,
    DEFAULT_TPOT_MS,
    DEFAULT_WORKLOAD,
    HOST_MEMORY_BESIDE_WEIGHTS_GIB,
)
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_whole
from melange_cloud.inputs.quantities import latency_target_ms, positive
from melange_cloud.inputs.suggestions import close_matches
from melange_cloud.market.markets import PriceQuestion
from melange_cloud.market.policy import PricePolicy
from melange_cloud.planner.planned_rate import default_rate, rate_of

T = TypeVar("T")

LEAST_HOURS_OF_A_MONTH = 672.0
"""Those of February; with fewer, the fleet runs a part of the month."""
MOST_ALTERNATIVES = 20

LEAST_REQUESTS_PER_S = 1e-6
"""One request in eleven days."""

MOST_SECONDS = 31_536_000
MOST_GIB = 1_000_000

MOST_REQUESTS_PER_S = 1e6
"""Beyond this the counts of instances outgrow the solvers' tolerances (they are relative to 1e6 or so)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller may ask of the planner; None means "the default", and the answer will say so.

    Attributes:
        regions: names, globs, ``aws:NAME``, or ``all``.
        provider: ``aws`` or ``gcp``; None is both.
        model, precision, era: whose throughput profiles; see ``melange-cloud profiles list``.
        config: the config.json of a model; its profiles are estimated from it, and ``model`` is what to call it.
        workload: a shipped name, or the path of a workload file or histogram.
        peak_requests_per_s: the busiest hour's rate, requests/s; or ``mean``, ``p95``, ``peak`` or another quantile
            (``p99.5``) of the workload's own arrivals, whose mean is then the mean rate too. By default ``peak`` where
            a workload is chosen that tells its arrivals, else 10.
        mean_requests_per_s: the month's mean rate, requests/s; divides $/1M tokens.
        headroom: fraction added to the peak rate.
        tpot_ms: target for the mean time per output token, ms.
        p99_tpot_ms, ttft_ms, e2e_ms: further targets, ms: 99th percentile of TPOT over requests, mean time to the first
            token, mean time from request to last token.
        pessimistic: plan at the low end of every profile, MaxTput x (1 - error).
        router: what the load balancer knows: ``plain``, ``prompt`` or ``oracle``.
        gpus: restrict to these, as ``L4`` or ``H100:2`` (GPU at one degree of tensor parallelism).
        purchase: ``on_demand``, ``spot``, ``commit_1y`` or ``commit_3y``.
        sold_as: ``proven`` or ``any``.
        max_gpus, max_instances, max_vcpus: quotas per region.
        spare: 1 for a fleet that survives losing any one instance; None is 0, and 1 on spot.
        min_host_memory_gib: least memory of an instance, GiB; None is weights + 8.
        solver, time_limit_s: who solves, and for how many whole seconds at most per solve.
        hours_per_month: hours in a billed month.
        prices: the user's own price sheet.
        accept_odd_prices: take prices that are five times off the same type's in other regions.
        trust: whether clouds are asked, and how old a price may be; the default asks those there are credentials for.
        discounts: laid over all but the user's own sheet.
        drop_unservable: plan without the buckets that no GPU can serve, instead of refusing.
        explain: say why the fleet is what it is, which takes many solves; None says it of one region, not of several.
        alternatives: how many of the next-cheapest fleets that differ in kind the explanation lists.
        current: a file with the fleet that runs today; the plan then changes least against it.
        stay_within: by what fraction the plan may then cost more than the cheapest.
        compare_purchases: also answer the question under every other purchase.
        api_servers: HTTP server processes of each replica (vLLM's ``--api-server-count``).
    """

    regions: tuple[str, ...]
    provider: str | None = None
    model: str | None = None
    precision: str | None = None
    era: str | None = None
    config: Path | None = None
    workload: str | None = None
    peak_requests_per_s: float | str | None = None
    mean_requests_per_s: float | None = None
    headroom: float | None = None
    tpot_ms: float | None = None
    p99_tpot_ms: float | None = None
    ttft_ms: float | None = None
    e2e_ms: float | None = None
    pessimistic: bool = False
    router: str | None = None
    gpus: tuple[str, ...] = ()
    purchase: str | None = None
    sold_as: str | None = None
    max_gpus: Mapping[str, int] = field(default_factory=dict)
    max_instances: Mapping[str, int] = field(default_factory=dict)
    max_vcpus: Mapping[str, int] = field(default_factory=dict)
    spare: int | None = None
    min_host_memory_gib: float | None = None
    solver: str | None = None
    time_limit_s: int | None = None
    hours_per_month: float | None = None
    prices: Path | None = None
    accept_odd_prices: bool = False
    trust: PricePolicy = field(default_factory=PricePolicy)
    discounts: tuple[Discount, ...] = ()
    drop_unservable: bool = False
    explain: bool | None = False
    alternatives: int | None = None
    current: Path | None = None
    stay_within: float | None = None
    compare_purchases: bool = False
    api_servers: int | None = None

    def __post_init__(self) -> None:
        """One region may be given as a word, and the sheet as text, as notebooks do."""
        if isinstance(self.regions, str):
            object.__setattr__(self, "regions", (self.regions,))
        for name in ("prices", "current", "config"):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, Path(getattr(self, name)))

    @property
    def of_prices(self) -> PriceQuestion:
        """Which prices it needs.

        Raises:
            BadInput: the purchase is none.
        """
        return PriceQuestion(
            regions=self.regions,
            provider=self.provider,
            purchase=purchase_of(self),
            sheet=self.prices,
            accept_odd_prices=self.accept_odd_prices,
            trust=self.trust,
            discounts=self.discounts,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A Request with what is needed to answer it, all of it checked; those from ``explain`` on are the Question's.

    ``choice`` says whose profiles are asked for.
    """

    request: Request
    defaulted: tuple[str, ...]
    workload: Workload
    may_use: frozenset[Kind] | None
    notes: tuple[str, ...]
    choice: profiles.ModelSelection
    explain: bool | None
    alternatives: int
    current: Path | None
    stay_within: float


def resolve(question: Question, machines: Collection[InstanceType]) -> Asked:
    """Fill in the defaults and check every value.

    Args:
        question: what was set.
        machines: the instance types that quotas may name.

    Raises:
        BadInput: a value that cannot be right; the message names the option and the cure.
        BadFile: a workload file with faults.
    """
    defaulted: list[str] = []

    def chosen(name: str, value: T | None, default: T) -> T:
        if value is None:
            defaulted.append(name)
            return default
        return value

    if question.config is None:
        model, era = chosen("model", question.model, DEFAULT_MODEL), chosen("era", question.era, profiles.DEFAULT_ERA)
        choice = profiles.choose(model, question.precision, era)
    else:
        era = chosen("era", question.era, profiles.DEFAULT_ERA)
        choice = profiles.choose_config(question.config, question.model, question.precision, era)
    if question.precision is None:
        defaulted.append("precision")
    held = workload.load_workload_file(chosen("workload", question.workload, DEFAULT_WORKLOAD))
    traffic = held.workload
    if question.peak_requests_per_s is None:
        rate = default_rate(held, workload_is_default=question.workload is None)
        defaulted.append("peak_requests_per_s")
    else:
        rate = rate_of(question.peak_requests_per_s, held)
    peak = positive("--rate", rate.requests_per_s, LEAST_REQUESTS_PER_S)
    mean = rate.mean_requests_per_s
    if question.mean_requests_per_s is not None:
        mean = positive("--mean-rate", question.mean_requests_per_s, LEAST_REQUESTS_PER_S)
    if mean is not None and mean > peak:
        whose = " (the default: set yours)" if question.peak_requests_per_s is None else ""
        raise BadInput(
            f"--mean-rate {mean:g} is above --rate {peak:g}{whose}: the busiest hour cannot be below the mean"
        )
    headroom = chosen("headroom", question.headroom, DEFAULT_HEADROOM)
    if not 0 <= headroom <= 10:
        raise BadInput(f"--headroom {headroom:g}: give a fraction from 0 to 10, such as 0.2 for 20 %")
    planned = peak * (1 + headroom)
    if planned > MOST_REQUESTS_PER_S:
        raise BadInput(
            f"--rate {peak:g}: planned {planned:g} requests/s, more than the {MOST_REQUESTS_PER_S:,.0f} that can be "
            "solved exactly; plan a part of the traffic and multiply"
        )
    gpus, may_use = _gpus(question.gpus)
    floor = question.min_host_memory_gib
    if floor is None:
        defaulted.append("min_host_memory_gib")
    elif not 0 <= floor <= MOST_GIB:
        raise BadInput(f"--min-host-memory-gib {floor:g}: give 0 to {MOST_GIB:,} GiB")
    purchase = None if question.purchase is None else purchase_of(question)
    hours_per_month = _hours(chosen("hours_per_month", question.hours_per_month, DEFAULT_HOURS_PER_MONTH))
    if purchase is not None and purchase.startswith("commit_") and hours_per_month < LEAST_HOURS_OF_A_MONTH:
        raise BadInput(
            f"--hours-per-month {hours_per_month:g}: a commitment is billed for every hour, used or not: give "
            f"{LEAST_HOURS_OF_A_MONTH:g} to 744, or see --compare-purchases"
        )
    request = Request(
        model=choice.model,
        precision=choice.precision,
        era=choice.era,
        workload=traffic.name,
        workload_title=traffic.title,
        mean_input_tokens=traffic.mean_input_tokens,
        mean_output_tokens=traffic.mean_output_tokens,
        peak_requests_per_s=peak,
        mean_requests_per_s=mean,
        headroom=headroom,
        planned_requests_per_s=planned,
        tpot_ms=latency_target_ms("--tpot-ms", chosen("tpot_ms", question.tpot_ms, DEFAULT_TPOT_MS)),
        router=_one_of("--router", chosen("router", question.router, DEFAULT_ROUTER), ROUTERS),
        purchase=chosen("purchase", purchase, DEFAULT_PURCHASE),
        sold_as=_one_of("--sold-as", chosen("sold_as", question.sold_as, DEFAULT_SOLD_AS), ("proven", "any")),
        gpus=gpus,
        spare=_spare(chosen("spare", question.spare, default_spare(purchase_of(question)))),
        max_gpus=_quota("--max-gpus", question.max_gpus, GPUS),
        max_instances=_quota("--max-instances", question.max_instances, {machine.name for machine in machines}),
        max_vcpus=_quota("--max-vcpus", question.max_vcpus, {machine.quota_family for machine in machines}),
        min_host_memory_gib=floor,
        host_memory_floor_gib=_host_memory_floor_gib(choice) if floor is None else floor,
        hours_per_month=hours_per_month,
        solver=chosen("solver", question.solver, DEFAULT_SOLVER),
        time_limit_s=_time_limit(question.time_limit_s),
        p99_tpot_ms=_target("--p99-tpot-ms", question.p99_tpot_ms),
        ttft_ms=_target("--ttft-ms", question.ttft_ms),
        e2e_ms=_target("--e2e-ms", question.e2e_ms),
        pessimistic=question.pessimistic,
        rate_source=rate.words,
        config=None if question.config is None else str(question.config),
        api_servers=_api_servers(question.api_servers, choice, defaulted),
    )
    return Asked(
        request=request,
        defaulted=tuple(defaulted),
        workload=traffic,
        may_use=may_use,
        # What is odd about a shipped trace stands in `workloads show`; what a user's file left open must be said here.
        notes=() if traffic.name in workload.list_workloads() else traffic.notes,
        explain=question.explain,
        alternatives=_alternatives(question.alternatives),
        current=question.current,
        stay_within=_stay_within(question),
        choice=choice,
    )


def purchase_of(question: Question) -> str:
    """The purchase asked for, spelled as PURCHASES does."""
    return _one_of("--purchase", question.purchase or DEFAULT_PURCHASE, PURCHASES)


def _host_memory_floor_gib(choice: profiles.ModelSelection) -> float:
    if choice.weight_gib is None:
        raise BadInput(
            f"--model {choice.model}: its weights are not in your profiles: give --min-host-memory-gib, such as the "
            f"weights + {HOST_MEMORY_BESIDE_WEIGHTS_GIB:g} GiB"
        )
    return choice.weight_gib + HOST_MEMORY_BESIDE_WEIGHTS_GIB


def _target(option: str, ms: float | None) -> float | None:
    return None if ms is None else latency_target_ms(option, ms)


def _hours(hours: float) -> float:
    if not 1 <= hours <= 744:
        raise BadInput(f"--hours-per-month {hours:g}: a month has 672 to 744 hours (730 on average); give 1 to 744")
    return float(hours)


def _one_of(option: str, word: str, known: Iterable[str]) -> str:
    normal = word.lower().replace("-", "_")
    if normal not in known:
        raise BadInput(f"{option} {echoed(word)}: {close_matches(normal, known)}")
    return normal


def _alternatives(count: int | None) -> int:
    if count is None:
        return DEFAULT_ALTERNATIVES
    if not 1 <= count <= MOST_ALTERNATIVES:
        raise BadInput(f"--alternatives {count}: give 1 to {MOST_ALTERNATIVES}")
    return count


def _stay_within(question: Question) -> float:
    if question.stay_within is None:
        return DEFAULT_STAY_WITHIN
    if question.current is None:
        raise BadInput("--stay-within needs --current FILE: the fleet that runs today")
    if not 0 <= question.stay_within <= 10:
        raise BadInput(f"--stay-within {question.stay_within:g}: give a fraction of 0 or more, such as 2%")
    return question.stay_within


def default_spare(purchase: str) -> int:
    """Instances kept in reserve where nothing is asked: spot is taken back with minutes' notice, so one."""
    return DEFAULT_SPOT_SPARE if purchase == "spot" else DEFAULT_SPARE


def _spare(spare: int) -> int:
    if spare not in (0, 1):
        raise BadInput(f"--spare {spare}: 0, or 1 for a fleet that survives losing any one instance")
    return spare


def _api_servers(count: int | None, choice: profiles.ModelSelection, defaulted: list[str]) -> int:
    """Servers per replica; a default that shapes nothing is not named."""
    if count is not None:
        check_api_servers(count, choice.era, choice.precision)
        return count
    if not profiles.no_front_end(choice.era, choice.precision):
        defaulted.append("api_servers")
    return DEFAULT_API_SERVERS


def check_api_servers(count: int, era: str, precision: str) -> None:
    """Refuse a number of API servers that cannot be, or that would change nothing.

    Raises:
        BadInput: it is outside 1 to MOST_API_SERVERS, or above 1 where profiles hold the front end already.
    """
    if not 1 <= count <= profiles.MOST_API_SERVERS:
        raise BadInput(f"--api-servers {count}: give 1 to {profiles.MOST_API_SERVERS} server processes per replica")
    if count > 1 and profiles.no_front_end(era, precision):
        raise BadInput(
            f"--api-servers {count}: profiles of era {era} include the HTTP server, which ran in the engine's process; "
            "leave the option out"
        )


def _time_limit(seconds: int | None) -> int | None:
    if seconds is not None and not 1 <= seconds <= MOST_SECONDS:
        raise BadInput(f"--time-limit {seconds}: whole seconds, at least 1 and at most {MOST_SECONDS:,}")
    return seconds


def _gpus(words: Iterable[str]) -> tuple[tuple[str, ...] | None, frozenset[Kind] | None]:
    by_lower = {gpu.lower(): gpu for gpu in GPUS}
    shown: list[str] = []
    kinds: set[Kind] = set()
    for word in (part.strip() for text in words for part in text.split(",")):
        name, _, degree = word.partition(":")
        gpu = by_lower.get(name.lower())
        if gpu is None:
            raise BadInput(f"--gpu {echoed(word)}: {close_matches(name, GPUS)}")
        try:
            degrees = [parse_whole(degree, 1)] if degree else list(profiles.TENSOR_PARALLEL_DEGREES)
        except NotANumber:
            cure = f"after the colon comes the tensor parallel degree, such as {gpu}:2"
            raise BadInput(f"--gpu {echoed(word)}: {cure}") from None
        if not set(degrees) <= set(profiles.TENSOR_PARALLEL_DEGREES):
            known = ", ".join(str(tp) for tp in profiles.TENSOR_PARALLEL_DEGREES)
            raise BadInput(f"--gpu {echoed(word)}: tensor parallel degrees with profiles are {known}")
        kinds.update(Kind(gpu, tp) for tp in degrees)
        shown.append(f"{gpu}:{degrees[0]}" if degree else gpu)
    if not kinds:
        return None, None
    return tuple(sorted(set(shown))), frozenset(kinds)


def _quota(option: str, limits: Mapping[str, int], known: Iterable[str]) -> dict[str, int]:
    names = sorted(known)
    by_lower = {name.lower(): name for name in names}
    checked: dict[str, int] = {}
    for word, limit in limits.items():
        name = by_lower.get(word.lower())
        if name is None:
            raise BadInput(f"{option} {echoed(word)}={limit}: {close_matches(word, names)}")
        if limit < 0:
            raise BadInput(f"{option} {word}={limit}: a limit is 0 or more")
        checked[name] = limit
    return dict(sorted(checked.items()))


__all__ = ["Asked", "Question", "purchase_of", "resolve"]
