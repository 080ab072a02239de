"""Offers, MaxTput figures and buckets become a Problem: plain numbers, with everything that cannot serve set aside.

What is left out is never dropped in silence: each instance type that has a price and may not enter comes back with its
reason, and a workload that no GPU here can serve is refused with bucket, GPU, reason and share of the traffic.
"""

from collections.abc import Mapping, Sequence

from melange_cloud import catalog
from melange_cloud.domain import (
    GPUS,
    PROVIDERS,
    Bucket,
    MaxTputTable,
    Offer,
    OfferNumbers,
    Problem,
    charged_rates,
)
from melange_cloud.inputs.suggestions import one_of
from melange_cloud.planner.eligibility import EligibilityRules, eligible_offers
from melange_cloud.planner.needless import prune, without_needless_degrees
from melange_cloud.planner.obstacles import (
    cannot_serve,
    may_serve,
    split_by_service,
    unserved_row,
    why_no_candidate,
    why_nothing_serves,
)
from melange_cloud.planner.posed_problem import PosedProblem, coarser_of, row_of_bucket, with_both_limits


def _why_no_price(provider: str, asked: frozenset[str]) -> str:
    """Why no GPU that was asked for has a price: the cloud is not known to have any, or this region has no price."""
    sellers = {(machine.gpu, machine.provider) for machine in catalog.load_instance_types().values()}
    if not asked or provider not in PROVIDERS or any((gpu, provider) in sellers for gpu in asked):
        return "no price here for the GPUs asked for"
    gpus = sorted(asked, key=GPUS.index)
    others = sorted({seller for gpu, seller in sellers if gpu in asked})
    elsewhere = f" (sold by {one_of(others)})" if others else ""
    return f"no known instance type of {provider} has {one_of(gpus)}{elsewhere}"


def pose(
    offers: Sequence[Offer],
    max_tput: MaxTputTable,
    no_profile: Mapping[str, str],
    buckets: Sequence[Bucket],
    planned_requests_per_s: float,
    rules: EligibilityRules,
) -> PosedProblem:
    """Pose one region's question.

    Args:
        offers: of one region and one purchase.
        max_tput: for every bucket and every kind that has a profile.
        no_profile: GPU -> why it has no profile for this model and precision.
        buckets: with traffic; shares sum to 1.
        planned_requests_per_s: peak rate with headroom, requests/s.
        rules: what may enter.
    """
    row_of = row_of_bucket(buckets, rules.router)
    eligible = eligible_offers(offers, {kind for _, kind in max_tput}, no_profile, rules)
    candidates, left_out, kinds_here = eligible.offers, list(eligible.left_out), sorted(eligible.kinds)
    useful, refused_kinds = split_by_service(kinds_here, max_tput, buckets, row_of)
    unknown = frozenset(kind for kind in refused_kinds if may_serve(kind, max_tput, buckets, row_of))
    useful = without_needless_degrees(useful, candidates, max_tput, buckets)
    entering: list[Offer] = []
    for offer in candidates:
        if any(offer.instance_type.replicas_per_instance(kind) for kind in useful):
            entering.append(offer)
        else:
            left_out.append(cannot_serve(offer, refused_kinds, unknown))
    left_out.sort(key=lambda item: item.instance_type)

    def refused(reason: str, *, no_data: bool = False) -> PosedProblem:
        return PosedProblem(None, reason, no_data, tuple(left_out), refused_kinds, unknown)

    if not offers:
        return refused("no price here for this purchase", no_data=True)
    if all(item.code == "gpu_not_asked" for item in left_out) and not candidates:
        asked = frozenset() if rules.may_use is None else frozenset(kind.gpu for kind in rules.may_use)
        return refused(_why_no_price(offers[0].instance_type.provider, asked), no_data=True)
    if not candidates:
        return refused(why_no_candidate(left_out))
    if not entering:
        return refused(why_nothing_serves(refused_kinds, candidates), no_data=bool(unknown))
    unserved = unserved_row(useful, max_tput, buckets, row_of)
    if unserved is not None:
        return refused(unserved, no_data=any(may_serve(kind, max_tput, buckets, row_of) for kind in kinds_here))
    numbers = [
        OfferNumbers(
            name=offer.instance_type.name,
            gpu=offer.instance_type.gpu,
            gpu_count=offer.instance_type.gpu_count,
            vcpus=offer.instance_type.vcpus,
            quota_family=offer.instance_type.quota_family,
            usd_per_instance_hour=offer.usd_per_instance_hour,
        )
        for offer in entering
    ]
    planned = {bucket.name: planned_requests_per_s * bucket.share for bucket in buckets}
    problem = Problem(
        offers=tuple(prune(numbers, rules.quotas)),
        kinds=tuple(useful),
        planned_requests_per_s=planned,
        row_of_bucket=row_of,
        max_tput_requests_per_s=charged_rates(max_tput, useful, planned, row_of),
        quotas=rules.quotas,
        spare=rules.spare,
    )
    every_offer = tuple(sorted(numbers, key=lambda offer: offer.name))
    coarser = coarser_of(problem, max_tput, buckets, rules.router)
    both_limits = with_both_limits(problem, max_tput)
    return PosedProblem(problem, "", False, tuple(left_out), refused_kinds, unknown, every_offer, coarser, both_limits)
