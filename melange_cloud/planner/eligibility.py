"""What may enter a plan: the rules of the question, laid over the offers of a region."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from melange_cloud.domain import IneligibleType, Kind, Offer, PlanBasis, Quotas


@dataclass(frozen=True, slots=True)
class EligibilityRules:
    """What may enter and what the router knows.

    Attributes:
        router: ``plain``, ``prompt`` or ``oracle``.
        sold_as_any: let in offers whose purchase is not proven possible.
        host_memory_floor_gib: the least memory of an instance, GiB.
        may_use: the requested kinds; None is any.
        quotas: upper limits.
        spare: 0 or 1.
    """

    router: str
    sold_as_any: bool
    host_memory_floor_gib: float
    may_use: frozenset[Kind] | None
    quotas: Quotas
    spare: int

    def kinds_of(self, profiled: Collection[Kind]) -> frozenset[Kind]:
        """The requested kinds that have a profile."""
        return frozenset(profiled) if self.may_use is None else frozenset(profiled) & self.may_use

    def asks_for(self, gpu: str) -> bool:
        """Whether the GPU is requested, at any degree."""
        return self.may_use is None or any(kind.gpu == gpu for kind in self.may_use)


@dataclass(frozen=True, slots=True)
class EligibleOffers:
    """The offers that may enter a plan, and the instance types that may not.

    Attributes:
        offers: in the order in which they were given.
        left_out: the others, each with its reason.
        kinds: the requested ones that some offer hosts.
    """

    offers: tuple[Offer, ...]
    left_out: tuple[IneligibleType, ...]
    kinds: frozenset[Kind]


def rules_of(basis: PlanBasis, may_use: frozenset[Kind] | None, offers: Collection[Offer]) -> EligibilityRules:
    """What may enter one region's plan, and what the router knows.

    Args:
        offers: of the region, whose quotas count.
    """
    fleet = basis.fleet
    return EligibilityRules(
        router=fleet.router,
        sold_as_any=fleet.sold_as == "any",
        host_memory_floor_gib=fleet.host_memory_floor_gib,
        may_use=may_use,
        quotas=_quotas_of(basis, offers),
        spare=fleet.spare,
    )


def _quotas_of(basis: PlanBasis, offers: Collection[Offer]) -> Quotas:
    """The quotas that touch one of the offers."""
    machines = [offer.instance_type for offer in offers]

    def touching(limits: Mapping[str, int], names: set[str]) -> dict[str, int]:
        return {name: limit for name, limit in limits.items() if name in names}

    return Quotas(
        max_gpus=touching(basis.fleet.max_gpus, {machine.gpu for machine in machines}),
        max_instances=touching(basis.fleet.max_instances, {machine.name for machine in machines}),
        max_vcpus=touching(basis.fleet.max_vcpus, {machine.quota_family for machine in machines}),
    )


def eligible_offers(
    offers: Iterable[Offer], profiled: Collection[Kind], no_profile: Mapping[str, str], rules: EligibilityRules
) -> EligibleOffers:
    """Which offers may enter a plan; whether a kind that they host can serve the traffic is decided elsewhere.

    Args:
        profiled: the kinds that have a profile.
        no_profile: GPU or kind -> why it has none.
    """
    kinds = rules.kinds_of(profiled)
    gpus = {kind.gpu for kind in kinds}
    entering: list[Offer] = []
    left_out: list[IneligibleType] = []
    for offer in offers:
        refusal = _refusal(offer, gpus, no_profile, rules)
        if refusal is None:
            entering.append(offer)
        else:
            left_out.append(refusal)
    hosted = frozenset(
        kind for kind in kinds if any(offer.instance_type.replicas_per_instance(kind) for offer in entering)
    )
    return EligibleOffers(tuple(entering), tuple(left_out), hosted)


def _refusal(
    offer: Offer, profiled_gpus: Collection[str], no_profile: Mapping[str, str], rules: EligibilityRules
) -> IneligibleType | None:
    """Why an offer may not enter a plan; None if it may."""
    machine = offer.instance_type
    if not rules.asks_for(machine.gpu):
        return IneligibleType(machine.name, f"{machine.gpu} not requested (--gpu)", "gpu_not_asked")
    if offer.sold_as == "unknown" and not rules.sold_as_any:
        bought = offer.purchase.replace("_", "-")
        return IneligibleType(machine.name, f"listed, but {bought} availability is unconfirmed", "sold_as")
    if offer.sold_as == "capacity_block" and not rules.sold_as_any:
        return IneligibleType(machine.name, "sold by Capacity Block only", "sold_as")
    if machine.gpu not in profiled_gpus:
        return IneligibleType(machine.name, _why_no_profile(machine.gpu, no_profile, rules), "no_profile")
    if machine.memory_gib < rules.host_memory_floor_gib:
        # One text for all sizes, so that a table can name the types together.
        return IneligibleType(machine.name, f"host memory < {rules.host_memory_floor_gib:.3g} GiB", "host_memory")
    return None


def _why_no_profile(gpu: str, no_profile: Mapping[str, str], rules: EligibilityRules) -> str:
    """Why a GPU has no profile; where degrees were requested, why the largest of them has none."""
    kinds = sorted(kind for kind in rules.may_use or () if kind.gpu == gpu and str(kind) in no_profile)
    if gpu not in no_profile and kinds:
        return f"{kinds[-1]}: {no_profile[str(kinds[-1])]}"
    return f"{gpu}: {no_profile.get(gpu, f'no profile for {gpu}')}"
