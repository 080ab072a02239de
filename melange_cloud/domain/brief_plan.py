"""What the first screen of a plan holds, as data. Field names are those of the JSON that ``--brief`` prints."""

from dataclasses import dataclass, field
from datetime import datetime

from melange_cloud.domain.comparison import Confidence, RegionName
from melange_cloud.domain.decision import Decision
from melange_cloud.domain.explanation import CurrentFleet
from melange_cloud.domain.fleet import QuotaNeed
from melange_cloud.domain.fleet_context import ProfileSwing
from melange_cloud.domain.offers import Availability
from melange_cloud.domain.problem import Status


@dataclass(frozen=True, slots=True)
class BriefLine:
    """One line of a fleet.

    Attributes:
        instances: how many.
        usd_per_instance_hour: price of one instance, USD/h.
        usd_per_month: price of all its instances in a month, USD.
        requests_share: the part of all requests that it serves: the weight to give a load balancer.
        availability: how its instances can be had; whether any are free today is not known.
        quota: the account quota that its instances together draw on, not checked; None where none is known.
    """

    instance_type: str
    gpu: str
    gpu_count: int
    tensor_parallel: int
    instances: int
    usd_per_instance_hour: float = field(metadata={"key": "usd_per_hour_each"})
    usd_per_month: float
    requests_share: float
    availability: Availability
    quota: QuotaNeed | None


@dataclass(frozen=True, slots=True)
class BriefRegion:
    """The answer for one region, without what explains it.

    Attributes:
        usd_per_month: cost of the fleet in a month, USD; None without one.
        usd_per_month_range: cost, USD/month, if the GPUs are [faster, slower] by their stated errors; None: no fleet
            serves the load there, or none was found in time.
        with_spare_usd_per_month: cost of the cheapest fleet that survives losing any one instance, USD/month; None
            where there is none, or it was not found in time.
        obligation_usd: of a commitment, what is signed in all, USD, used or not; None where nothing is signed.
        sure: of several regions, how certain it is that this one costs more than the cheapest, or of the cheapest, that
            no other costs less; None where there is nothing to compare.
        gap: (cost - bound) / cost; None where either is unknown.
        is_one_machine: whether the fleet is a single instance, so that nothing serves while it is down.
        fleet: what is rented; empty without a fleet.
        worth_deciding: changed questions that deserve a decision, the most important first.
        measure_first: the profile whose error moves the cost most; None where none does.
        current: the fleet that runs today, where it was given.
    """

    region_name: RegionName = field(metadata={"flat": True})
    place: str
    status: Status
    reason: str
    usd_per_month: float | None
    usd_per_month_range: tuple[float | None, float | None]
    with_spare_usd_per_month: float | None
    obligation_usd: float | None
    sure: Confidence | None
    gap: float | None
    is_one_machine: bool
    fleet: tuple[BriefLine, ...]
    worth_deciding: tuple[Decision, ...]
    measure_first: ProfileSwing | None
    current: CurrentFleet | None


@dataclass(frozen=True, slots=True)
class BriefQuestion:
    """The question in the figures that shape the answer most.

    Attributes:
        workload: name of the traffic's sizes.
        peak_requests_per_s: requests/s in the busiest hour, without headroom.
        headroom: fraction added to it.
        p99_tpot_ms: target for the 99th percentile of TPOT, ms; None if there is none.
        ttft_ms: target for the mean time to the first token, ms; None if there is none.
        e2e_ms: target for the mean time from request to last token, ms; None if there is none.
        spare: 1 if the fleet survives losing any one instance, else 0.
        router: what the load balancer knows of a request.
        hours_per_month: hours in a billed month.
    """

    model: str
    precision: str
    workload: str
    mean_input_tokens: float
    mean_output_tokens: float
    peak_requests_per_s: float
    headroom: float
    tpot_ms: float
    p99_tpot_ms: float | None
    ttft_ms: float | None
    e2e_ms: float | None
    router: str
    purchase: str
    spare: int
    hours_per_month: float


@dataclass(frozen=True, slots=True)
class BriefPlan:
    """One screen of a plan.

    Attributes:
        generated_at: when the plan was made, UTC.
        notices: sentences that must be shown with the answer; the banners first.
        more_notices: how many further sentences the whole answer has, which warn of nothing.
        defaulted: names of the fields of the question that the user did not set.
        question: what was asked.
        regions: one answer per region, cheapest first; regions without a fleet last, by name.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    more_notices: int = field(metadata={"schema": {"minimum": 0}})
    defaulted: tuple[str, ...]
    question: BriefQuestion = field(metadata={"key": "request"})
    regions: tuple[BriefRegion, ...]
