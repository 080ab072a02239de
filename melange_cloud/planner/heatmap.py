"""T/$ by request size, or by latency target, at one region's prices: gathers, prices replicas, evaluates, ranks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from melange_cloud import catalog, profiles
from melange_cloud.domain import FRONT_END, GPUS, IneligibleType, Kind, MaxTput, Offer, PlanBasis, Region, Slo
from melange_cloud.domain.heatmap import HeatCell, HeatMap, ReplicaPrice, Yield
from melange_cloud.domain.question import DEFAULT_CACHED_INPUT, DEFAULT_TPOT_MS, HEATMAP_REGION
from melange_cloud.errors import BadInput, PricesUnavailable
from melange_cloud.inputs.quantities import latency_target_ms
from melange_cloud.market.markets import Market, OnFetch, open_market, snapshot_notice
from melange_cloud.planner.eligibility import eligible_offers, rules_of
from melange_cloud.planner.obstacles import grouped_reasons
from melange_cloud.planner.question import Question
from melange_cloud.planner.resolve import ResolvedQuestion, resolve
from melange_cloud.planner.user_measurements import imports_at
from melange_cloud.profiles import import_notices

INPUT_TOKENS = (25, 100, 250, 500, 1000, 2000, 4000, 8000, 12000, 16000)
OUTPUT_TOKENS = (25, 100, 250, 500, 1000, 2000)
"""The sizes of a heat map: the upper bucket edges of the paper (arXiv 2404.14527)."""

TPOT_TARGETS_MS = (20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 200.0)
"""The targets of a size seen over TPOT: the paper's 40 to 160, and others that users of today's GPUs ask for."""

LONGEST_TOKENS = 10_000_000

_MANY = frozenset("*?[")
_SHAPING = ("model", "precision", "era", "engine", "purchase", "api_servers", "cached_input")


@dataclass(frozen=True, slots=True)
class TpotSweep:
    """One request size under several targets for the mean TPOT, ms; empty means TPOT_TARGETS_MS."""

    input_tokens: int
    output_tokens: int
    targets_ms: tuple[float, ...] = ()


def heat_map(
    question: Question,
    over: TpotSweep | None = None,
    *,
    now: datetime | None = None,
    on_fetch: OnFetch | None = None,
) -> HeatMap:
    """T/$ of every GPU that may enter a plan in the region.

    Args:
        question: read are region (one; none is HEATMAP_REGION), provider, model, precision, era, engine, tpot_ms
            (infinite asks for saturation), gpus, purchase, sold_as, min_host_memory_gib, config, prices,
            accept_odd_prices, trust, discounts, api_servers, cached_input.
        over: one size over targets; None is every size of INPUT_TOKENS x OUTPUT_TOKENS under one target.
        now: the time that price ages are counted to; None is the clock.
        on_fetch: called with (what is read, units done, units in all or None) while prices are fetched.

    Raises:
        BadInput, BadFile: the question or one of its files cannot be right.
        PricesUnavailable: no GPU has both a profile and a price here.
    """
    moment = datetime.now(UTC) if now is None else now
    targets_ms, defaulted = _targets(question.given.get("tpot_ms"), over)
    if not question.market.regions:
        defaulted.append("region")
    region, market = _market(question, moment, on_fetch)
    offers = market.offers[region]
    # The target is the map's own; a plan knows none that is infinite.
    asked = resolve(question.but(tpot_ms=None), market.machines)
    basis = asked.basis
    served = asked.basis.served
    config = None if served.config is None else Path(served.config)
    cached_input = question.traffic.cached_input or DEFAULT_CACHED_INPUT
    found, no_profile = profiles.load_profiles(
        served.model, served.precision, served.era, None, config, served.engine or None, cached_input
    )
    reasons = {str(key): reason for key, reason in no_profile.items()}
    eligible = eligible_offers(offers, set(found), reasons, rules_of(basis, asked.may_use, offers))
    entering, left_out = eligible.offers, eligible.left_out
    priced = _replica_prices(entering, sorted(eligible.kinds), market.ages)
    if not priced:
        raise PricesUnavailable(_why_empty(region, basis, left_out))
    usable = {kind: profile for kind, profile in found.items() if kind in priced}
    used = {price.instance_type for price in priced.values()}
    sizes = (
        [(over.input_tokens, over.output_tokens)]
        if over
        else [(input_tokens, output_tokens) for input_tokens in INPUT_TOKENS for output_tokens in OUTPUT_TOKENS]
    )
    slos = [Slo(tpot_ms=target_ms) for target_ms in targets_ms]
    cells = tuple(
        heat_cell(input_tokens, output_tokens, target_ms, usable, priced, basis.served.api_servers)
        for input_tokens, output_tokens in sizes
        for target_ms in targets_ms
    )
    return HeatMap(
        generated_at=moment,
        notices=(
            *snapshot_notice([offer for offer in entering if offer.instance_type.name in used], moment),
            *(f"{served.model}: {clause}" for clause in asked.choice.notes),
            *market.notes,
            *import_notices(
                imports_at([usable[kind] for kind in sorted(usable)], sizes, slos, basis.served.api_servers),
                basis.served.engine,
            ),
            *(note for _, profile in sorted(usable.items()) for note in profile.notes),
            *_front_end_notice(cells, basis.served.api_servers),
        ),
        defaulted=(*(name for name in _SHAPING if name in asked.defaulted), *defaulted),
        provider=region.provider,
        region=region.name,
        place=region.place,
        model=basis.served.model,
        precision=basis.served.precision,
        era=basis.served.era,
        engine=basis.served.engine,
        purchase=basis.fleet.purchase,
        tpot_ms=None if over else _none_if_infinite(targets_ms[0]),
        over="tpot" if over else "size",
        gpus=_order(question.fleet.gpus or (), {kind.gpu for kind in usable}),
        missing=_missing(asked, offers, {kind.gpu for kind in usable}, reasons, left_out),
        prices=tuple(priced[kind] for kind in sorted(priced)),
        cells=cells,
        api_servers=basis.served.api_servers,
        cached_input=cached_input,
        left_out=tuple(sorted(left_out, key=lambda item: item.instance_type)),
    )


def heat_cell(
    input_tokens: int,
    output_tokens: int,
    tpot_ms: float,
    found: Mapping[Kind, profiles.Profile],
    priced: Mapping[Kind, ReplicaPrice],
    api_servers: int = profiles.DEFAULT_API_SERVERS,
) -> HeatCell:
    """One size under one target (infinite: none): each GPU at the degree with most T/$, of equals the smaller."""
    best: dict[str, Yield] = {}
    refused: dict[str, str] = {}
    for kind, profile in sorted(found.items()):
        slo = Slo(tpot_ms=tpot_ms)
        served = profiles.served_max_tput(profile, (input_tokens, output_tokens), slo, api_servers=api_servers)
        if not isinstance(served, MaxTput):
            refused.setdefault(kind.gpu, served.reason)
            continue
        tokens_per_s = served.requests_per_s * (input_tokens + output_tokens)
        here = Yield(
            gpu=kind.gpu,
            tensor_parallel=kind.tensor_parallel,
            requests_per_s=served.requests_per_s,
            tokens_per_s=tokens_per_s,
            tokens_per_s_per_usd_per_hour=tokens_per_s / priced[kind].usd_per_replica_hour,
            grade=served.grade,
            error=served.error,
            error_down=served.error_down,
            origin=served.origin,
            limited_by=served.limited_by,
        )
        if kind.gpu not in best or here.lead_over(best[kind.gpu]) > 0:
            best[kind.gpu] = here
    return HeatCell(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        tpot_ms=_none_if_infinite(tpot_ms),
        ranked=tuple(sorted(best.values(), key=lambda one: (-one.tokens_per_s_per_usd_per_hour, one.gpu))),
        refused={gpu: reason for gpu, reason in refused.items() if gpu not in best},
    )


def _front_end_notice(cells: Iterable[HeatCell], api_servers: int) -> tuple[str, ...]:
    """How many of the figures are those of the front end; none where none is."""
    figures = [one for cell in cells for one in cell.ranked]
    limited = [one for one in figures if one.limited_by == FRONT_END]
    if not limited:
        return ()
    servers = f"{api_servers} API server{'' if api_servers == 1 else 's'} per replica"
    gpus = ", ".join(gpu for gpu in GPUS if any(one.gpu == gpu for one in limited))
    return (
        f"the HTTP front end ({servers}) limits {len(limited)} of {len(figures)} figures, on {gpus}; "
        "--api-servers sets how many servers there are",
    )


def _targets(tpot_ms: float | None, over: TpotSweep | None) -> tuple[tuple[float, ...], list[str]]:
    """The targets, and what of them was not set."""
    if over is not None:
        for name, tokens in (("input", over.input_tokens), ("output", over.output_tokens)):
            if not 1 <= tokens <= LONGEST_TOKENS:
                raise BadInput(f"--size: {tokens} {name} tokens; give 1 to {LONGEST_TOKENS:,}, such as 64x64")
        targets = over.targets_ms or TPOT_TARGETS_MS
        defaulted = [] if over.targets_ms else ["tpot_ms"]
    else:
        targets, defaulted = ((DEFAULT_TPOT_MS,), ["tpot_ms"]) if tpot_ms is None else ((tpot_ms,), [])
    for target in targets:
        latency_target_ms("--tpot-ms", target, may_be_none=True)
    return tuple(sorted(set(targets))), defaulted


def _market(question: Question, moment: datetime, on_fetch: OnFetch | None) -> tuple[Region, Market]:
    """The region, and what is sold there by the order of trust."""
    words = question.market.regions or (HEATMAP_REGION,)
    if len(words) > 1 or _MANY & set(words[0]) or words[0].strip().lower() == "all":
        # Before any cloud is queried for all of them.
        raise BadInput(f"--region {', '.join(words)}: a heat map is of one region; name it, such as {HEATMAP_REGION}")
    market = open_market(question.but(regions=words).of_prices, moment, on_fetch)
    if len(market.regions) > 1:
        names = ", ".join(f"{region.provider}:{region.name}" for region in market.regions)
        raise BadInput(f"--region {words[0]}: a heat map is of one region, these are {names}")
    return market.regions[0], market


def _replica_prices(
    offers: Sequence[Offer], kinds: Iterable[Kind], ages: Mapping[catalog.OfferKey, str]
) -> dict[Kind, ReplicaPrice]:
    """The cheapest offer per replica of each kind; of equals the smaller instance, then the first by name."""
    cheapest: dict[Kind, ReplicaPrice] = {}
    for kind in kinds:
        hosting = [
            (offer.usd_per_instance_hour / replicas, replicas, offer.instance_type.name, offer)
            for offer in offers
            if (replicas := offer.instance_type.replicas_per_instance(kind)) > 0
        ]
        if hosting:
            usd_per_hour, replicas, name, offer = min(hosting, key=lambda entry: entry[:3])
            cheapest[kind] = ReplicaPrice(
                gpu=kind.gpu,
                tensor_parallel=kind.tensor_parallel,
                instance_type=name,
                replicas_per_instance=replicas,
                usd_per_instance_hour=offer.usd_per_instance_hour,
                usd_per_replica_hour=usd_per_hour,
                price=offer.provenance(ages[catalog.key_of(offer)]),
            )
    return cheapest


def _order(words: Sequence[str], gpus: set[str]) -> tuple[str, ...]:
    """The GPUs as they were requested, which says who is compared with whom; else in the order of GPUS."""
    asked = [part.strip().partition(":")[0].lower() for word in words for part in word.split(",")]
    order = {gpu: asked.index(gpu.lower()) if gpu.lower() in asked else GPUS.index(gpu) for gpu in GPUS}
    return tuple(sorted(gpus, key=lambda gpu: order[gpu]))


def _missing(
    asked: ResolvedQuestion,
    offers: Iterable[Offer],
    gpus: set[str],
    no_profile: Mapping[str, str],
    left_out: Iterable[IneligibleType],
) -> dict[str, str]:
    """Why a GPU that may be used is not on the map."""
    reason_of = {item.instance_type: item.reason for item in left_out}
    here: dict[str, str] = {}
    for offer in offers:
        if offer.instance_type.name in reason_of:
            here[offer.instance_type.gpu] = f"{offer.instance_type.name}: {reason_of[offer.instance_type.name]}"
    may_use = GPUS if asked.may_use is None else {kind.gpu for kind in asked.may_use}
    no_price = f"no {asked.basis.fleet.purchase.replace('_', ' ')} price here"
    return {gpu: no_profile.get(gpu) or here.get(gpu) or no_price for gpu in GPUS if gpu in may_use and gpu not in gpus}


def _why_empty(region: Region, basis: PlanBasis, left_out: Sequence[IneligibleType]) -> str:
    where = f"{region.provider} {region.name}"
    if not left_out:
        return f"no data: {where} has no {basis.fleet.purchase} price of a requested GPU"
    return f"no GPU in {where} may enter a plan of {basis.served.model}: {grouped_reasons(left_out)}"


def _none_if_infinite(target_ms: float) -> float | None:
    return None if math.isinf(target_ms) else target_ms
