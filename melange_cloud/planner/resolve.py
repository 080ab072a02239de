"""A question becomes the basis of a plan, part by part: defaults filled in and named, impossible values refused."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import Field, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from melange_cloud import profiles, workload
from melange_cloud.domain import PURCHASES, InstanceType, Kind, Workload
from melange_cloud.domain.question import (
    DEFAULT_CACHED_INPUT,
    DEFAULT_ENGINE,
    DEFAULT_SPARE,
    DEFAULT_SPOT_SPARE,
    HOST_MEMORY_BESIDE_WEIGHTS_GIB,
    AnswerDetail,
    Bounds,
    Calculation,
    FleetRules,
    PlanBasis,
    PlannedTraffic,
    ServedModel,
)
from melange_cloud.errors import BadInput
from melange_cloud.inputs.purchase_names import purchase_named
from melange_cloud.inputs.quantities import latency_target_ms, positive
from melange_cloud.planner.gpus_and_quotas import gpu_quota, gpus_asked_for, quota
from melange_cloud.planner.planned_rate import default_rate, doubts_of, rate_of
from melange_cloud.planner.question import PARTS, Question, fields_of, known_word

LEAST_HOURS_OF_A_MONTH = 672.0
"""Those of February; with fewer, the fleet runs a part of the month."""

LEAST_REQUESTS_PER_S = 1e-6
"""One request in eleven days."""

MOST_REQUESTS_PER_S = 1e6
"""Beyond this the counts of instances outgrow the solvers' tolerances (they are relative to 1e6 or so)."""

Part = TypeVar("Part")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ResolvedQuestion:
    """The basis of a plan with what is needed to make it, all of it checked.

    Attributes:
        basis: what the plan is made for.
        defaulted: keywords of Question that were not set and shape the answer.
        workload: the traffic, bucket by bucket.
        may_use: the kinds that ``--gpu`` leaves; None is all.
        notes: what must be said of the workload.
        choice: whose profiles are requested.
        detail: what the answer contains in addition to the fleet.
    """

    basis: PlanBasis
    defaulted: tuple[str, ...]
    workload: Workload
    may_use: frozenset[Kind] | None
    notes: tuple[str, ...]
    choice: profiles.ModelSelection
    detail: AnswerDetail


def refuse_impossible(question: Question) -> None:
    """Refuse whatever cannot be right about a question's own values, together, before any price is fetched.

    Raises:
        BadInput: as ``resolve`` and ``purchase_of`` raise it; several faults are a line each.
    """
    faults: list[BadInput] = []

    def tried(check: Callable[[], Result]) -> Result | None:
        try:
            return check()
        except BadInput as fault:
            faults.append(fault)
            return None

    served = tried(lambda: _served(question))
    if served is None:
        tried(lambda: workload.load_workload_file(question.traffic.workload))
    else:
        tried(lambda: _traffic(question, served[1].era))
    for check in (
        lambda: _checked(question.targets),
        lambda: _calculation(question),
        lambda: _detail(question),
        lambda: gpus_asked_for(question.fleet.gpus or ()),
        lambda: gpu_quota(question.fleet.max_gpus),
        lambda: _checked(question.fleet),
    ):
        tried(check)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise BadInput("\n".join(map(str, faults)))


def resolve(question: Question, machines: Collection[InstanceType]) -> ResolvedQuestion:
    """Fill in the defaults and check every value.

    Args:
        question: what was set.
        machines: the instance types that quotas may name.

    Raises:
        BadInput: a value that cannot be right; the message names the option and the cure.
        BadFile: a workload file with faults.
    """
    served, choice = _served(question)
    traffic, load, doubts = _traffic(question, choice.era)
    targets, calculation, detail = _checked(question.targets), _calculation(question), _detail(question)
    fleet, may_use = _fleet(question, choice, machines)
    return ResolvedQuestion(
        basis=PlanBasis(served, traffic, targets, fleet, calculation),
        defaulted=tuple(_defaulted(question, served)),
        workload=load,
        may_use=may_use,
        # `workloads show` lists what is odd about a shipped trace; what a user's file leaves open is said here.
        notes=() if load.name in workload.list_workloads() else (*load.notes, *doubts),
        choice=choice,
        detail=detail,
    )


def _defaulted(question: Question, served: ServedModel) -> Iterator[str]:
    """The keywords that were not set and shape the answer."""
    for part in PARTS.values():
        for one in fields_of(part):
            if not one.metadata.get("named") or one.name in question.given or part is AnswerDetail:
                continue
            if one.name == "model" and served.config is not None:
                continue
            if one.name == "engine" and served.engine != DEFAULT_ENGINE:
                continue  # the era has no other, or nothing is estimated
            if one.name == "cached_input" and not profiles.load_eras()[served.era].prefix_cache:
                continue
            if one.name == "api_servers" and profiles.no_front_end(served.era, served.precision):
                continue
            yield one.name


def _option(one: "Field[Any]") -> str:
    return one.metadata.get("option") or "--" + one.name.replace("_", "-")


def _checked(part: Part) -> Part:
    """A part whose values are what their fields' metadata allows; words as the known ones, numbers as floats."""
    normal: dict[str, float | str] = {}
    for one in fields(part):  # type: ignore[arg-type]
        value = getattr(part, one.name)
        if value is None:
            continue
        bounds: Bounds | None = one.metadata.get("bounds")
        if bounds is not None and not bounds.least <= value <= bounds.most:
            shown = f"{value:g}" if isinstance(value, float) else f"{value}"
            raise BadInput(f"{_option(one)} {shown}: {bounds.cure}")
        if one.metadata.get("target_ms"):
            normal[one.name] = latency_target_ms(_option(one), value)
        elif "one_of" in one.metadata:
            words = one.metadata["one_of"]
            known = purchase_named if words is PURCHASES else partial(known_word, known=words)
            normal[one.name] = known(_option(one), value)
        elif isinstance(one.default, float):
            normal[one.name] = float(value)
    return replace(part, **normal)  # type: ignore[type-var]


def _served(question: Question) -> tuple[ServedModel, profiles.ModelSelection]:
    """The model and how it is served, and whose profiles that asks for."""
    served, precision = question.served, question.served.precision or None
    if served.config is None:
        choice = profiles.choose(served.model, precision, served.era)
    else:
        choice = profiles.choose_config(Path(served.config), question.given.get("model"), precision, served.era)
    if "api_servers" in question.given:
        check_api_servers(served.api_servers, choice.era, choice.precision)
    engine = profiles.resolve_engine(served.engine, profiles.find_era(choice.era))
    if choice.all_measured and "engine" not in question.given:
        engine = ""
    return replace(served, model=choice.model, precision=choice.precision, era=choice.era, engine=engine), choice


def _traffic(question: Question, era: str) -> tuple[PlannedTraffic, Workload, tuple[str, ...]]:
    """The rates to plan for, the workload that they are of, and what its own rates leave open.

    Args:
        era: engine era of the profiles.
    """
    asked = _checked(question.traffic)
    held = workload.load_workload_file(asked.workload)
    load, rate_is_set = held.workload, asked.peak_requests_per_s is not None
    if asked.peak_requests_per_s is None:
        rate = default_rate(held, workload_is_default="workload" not in question.given)
    else:
        rate = rate_of(asked.peak_requests_per_s, held)
    peak = positive("--rate", rate.requests_per_s, LEAST_REQUESTS_PER_S)
    mean = rate.mean_requests_per_s
    if asked.mean_requests_per_s is not None:
        mean = positive("--mean-rate", asked.mean_requests_per_s, LEAST_REQUESTS_PER_S)
    if mean is not None and mean > peak:
        whose = "" if rate_is_set else " (the default: set yours)"
        raise BadInput(
            f"--mean-rate {mean:g} is above --rate {peak:g}{whose}: the busiest hour cannot be below the mean"
        )
    planned = peak * (1 + asked.headroom)
    if planned > MOST_REQUESTS_PER_S:
        raise BadInput(
            f"--rate {peak:g}: planned {planned:g} requests/s, more than the {MOST_REQUESTS_PER_S:,.0f} that can be "
            "solved exactly; plan a part of the traffic and multiply"
        )
    cached_input, source = _cached_input(asked.cached_input, held, era)
    traffic = PlannedTraffic(
        workload=load.name,
        workload_title=load.title,
        mean_input_tokens=load.mean_input_tokens,
        mean_output_tokens=load.mean_output_tokens,
        peak_requests_per_s=peak,
        mean_requests_per_s=mean,
        headroom=asked.headroom,
        planned_requests_per_s=planned,
        rate_source=rate.words,
        rate_window_s=None if rate.arrivals is None else rate.arrivals.window_s,
        rate_windows=None if rate.arrivals is None else rate.arrivals.windows,
        peak_window_starts_at=rate.peak_window_starts_at,
        cached_input=cached_input,
        cached_input_source=source,
    )
    return traffic, load, doubts_of(rate)


def _cached_input(given: float | None, held: workload.WorkloadFile, era: str) -> tuple[float, str]:
    """The share of the input tokens that comes from the prefix cache, and whose log says so."""
    if given is not None:
        check_cached_input(given, era)
        return float(given), ""
    if held.cached_input_share and profiles.load_eras()[era].prefix_cache:
        return held.cached_input_share, f"the log of {held.workload.name}"
    return DEFAULT_CACHED_INPUT, ""


def _fleet(
    question: Question, choice: profiles.ModelSelection, machines: Collection[InstanceType]
) -> tuple[FleetRules, frozenset[Kind] | None]:
    """The rules for a fleet, and the kinds that they leave."""
    fleet = _checked(question.fleet)
    hours = question.calculation.hours_per_month
    if "purchase" in question.given and fleet.purchase.startswith("commit_") and hours < LEAST_HOURS_OF_A_MONTH:
        raise BadInput(
            f"--hours-per-month {hours:g}: a commitment is billed for every hour, used or not: give "
            f"{LEAST_HOURS_OF_A_MONTH:g} to 744, or see --compare-purchases"
        )
    gpus, may_use = gpus_asked_for(fleet.gpus or ())
    filled = replace(
        fleet,
        gpus=gpus,
        spare=fleet.spare if "spare" in question.given else default_spare(fleet.purchase),
        max_gpus=gpu_quota(fleet.max_gpus),
        max_instances=quota("--max-instances", fleet.max_instances, {machine.name for machine in machines}),
        max_vcpus=quota("--max-vcpus", fleet.max_vcpus, {machine.quota_family for machine in machines}),
        host_memory_floor_gib=_host_memory_floor_gib(choice)
        if fleet.min_host_memory_gib is None
        else fleet.min_host_memory_gib,
    )
    return filled, may_use


def _calculation(question: Question) -> Calculation:
    checked = _checked(question.calculation)
    return replace(checked, solver=checked.solver.strip().lower())


def _detail(question: Question) -> AnswerDetail:
    """What the answer contains in addition to the fleet."""
    if "stay_within" in question.given and question.detail.current is None:
        raise BadInput("--stay-within needs --current FILE: the fleet that runs today")
    return _checked(question.detail)


def _host_memory_floor_gib(choice: profiles.ModelSelection) -> float:
    if choice.weight_gib is None:
        raise BadInput(
            f"--model {choice.model}: its weights are not in your profiles: give --min-host-memory-gib, such as the "
            f"weights + {HOST_MEMORY_BESIDE_WEIGHTS_GIB:g} GiB"
        )
    return choice.weight_gib + HOST_MEMORY_BESIDE_WEIGHTS_GIB


def default_spare(purchase: str) -> int:
    """Instances kept in reserve unless set: at least one on spot, which is taken back with minutes' notice."""
    return DEFAULT_SPOT_SPARE if purchase == "spot" else DEFAULT_SPARE


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


def check_cached_input(share: float, era: str) -> None:
    """Refuse a share of cached input where engines have no prefix cache.

    Raises:
        BadInput: the share is above 0 in such an era.
    """
    if share > 0 and not profiles.load_eras()[era].prefix_cache:
        raise BadInput(
            f"--cached-input {100 * share:g}%: engines of era {era} have no prefix cache; leave the option out"
        )


__all__ = [
    "ResolvedQuestion",
    "check_api_servers",
    "check_cached_input",
    "default_spare",
    "refuse_impossible",
    "resolve",
]
