"""Offers and tensor parallel degrees that others make needless: without them no fleet gets more expensive."""

from collections.abc import Iterable, Sequence

from melange_cloud.domain import Bucket, Kind, MaxTputTable, Offer, OfferNumbers, Quotas, UnservableSize


def prune(offers: Iterable[OfferNumbers], quotas: Quotas) -> list[OfferNumbers]:
    """Drop offers that another of the same GPU makes needless: at least as many GPUs at no higher price.

    Never against an offer that a quota limits: when that one is used up, the more expensive one is left. Of two that
    are alike the first by name stays.
    """
    by_name = sorted(offers, key=lambda offer: offer.name)

    def limited(offer: OfferNumbers) -> bool:
        return (
            offer.name in quotas.max_instances or offer.gpu in quotas.max_gpus or offer.quota_family in quotas.max_vcpus
        )

    def dominates(other: OfferNumbers, offer: OfferNumbers) -> bool:
        if other.gpu != offer.gpu or limited(other):
            return False
        if other.gpu_count < offer.gpu_count or other.usd_per_instance_hour > offer.usd_per_instance_hour:
            return False
        alike = other.gpu_count == offer.gpu_count and other.usd_per_instance_hour == offer.usd_per_instance_hour
        return not alike or other.name < offer.name or limited(offer)

    return [offer for offer in by_name if not any(dominates(other, offer) for other in by_name if other is not offer)]


def without_needless_degrees(
    kinds: Sequence[Kind], offers: Iterable[Offer], max_tput: MaxTputTable, buckets: Sequence[Bucket]
) -> list[Kind]:
    """Drop a tensor parallel degree when a smaller one of the same GPU serves as much per GPU, size by size.

    As much both of what engines do and of what front ends take. Whatever fleet uses the larger degree, its instances
    given to the smaller one host (larger / smaller) times the replicas, which together carry at least the same and
    leave no less when an instance is lost. So the cost never rises, and of fleets that cost the same the one with the
    simpler replicas is found. Holds where the larger degree divides every instance's GPUs; others are kept.
    """

    def serves_no_more(kind: Kind, smaller: Kind) -> bool:
        for bucket in buckets:
            cell, smaller_cell = max_tput[bucket.name, kind], max_tput[bucket.name, smaller]
            if isinstance(cell, UnservableSize):
                continue
            if isinstance(smaller_cell, UnservableSize):
                return False
            times = kind.tensor_parallel / smaller.tensor_parallel
            if cell.engine_requests_per_s > times * smaller_cell.engine_requests_per_s:
                return False
            if cell.front_end_requests_per_s > times * smaller_cell.front_end_requests_per_s:
                return False
        return True

    counts: dict[str, set[int]] = {}
    for offer in offers:
        counts.setdefault(offer.instance_type.gpu, set()).add(offer.instance_type.gpu_count)

    def needless(kind: Kind) -> bool:
        whole = all(count % kind.tensor_parallel == 0 for count in counts[kind.gpu] if count >= kind.tensor_parallel)
        return whole and any(
            smaller.gpu == kind.gpu
            and smaller.tensor_parallel < kind.tensor_parallel
            and kind.tensor_parallel % smaller.tensor_parallel == 0
            and serves_no_more(kind, smaller)
            for smaller in kinds
        )

    return [kind for kind in kinds if not needless(kind)]
