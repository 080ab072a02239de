"""Small problems, written out and random, and the slow way to answer them."""

from collections.abc import Mapping
from itertools import product
from math import ceil, inf

from hypothesis import strategies as st

from melange_cloud.domain import Kind, OfferNumbers, Problem, Quotas

A10G, A100 = Kind("A10G", 1), Kind("A100-80GB", 1)
H100X4 = Kind("H100", 4)
L4 = Kind("L4", 1)

TOY_MAX_TPUT = {A10G: ((2, 1), (5, 2)), A100: ((20, 20), (40, 20))}
TOY_SHARES = ((0.2, 0.1), (0.5, 0.2))


def row_of(router: str, bucket: str) -> str:
    return {"oracle": bucket, "prompt": bucket.partition("_")[0], "plain": "all"}[router]


def toy(router: str = "oracle", requests_per_s: float = 30.0, spare: int = 0, quotas: Quotas = Quotas()) -> Problem:  # noqa: B008
    """The paper's toy input: two GPUs sold one by one, four buckets."""
    cells = [(i, j, f"in{i}_out{j}") for i in (0, 1) for j in (0, 1)]
    return Problem(
        offers=(
            OfferNumbers("A100-80GB", "A100-80GB", 1, 12, "gcp:A2", 3.67),
            OfferNumbers("A10G", "A10G", 1, 4, "aws:G", 1.01),
        ),
        kinds=(A100, A10G),
        planned_requests_per_s={name: TOY_SHARES[i][j] * requests_per_s for i, j, name in cells},
        row_of_bucket={name: row_of(router, name) for _, _, name in cells},
        max_tput_requests_per_s={(name, k): t[i][j] for i, j, name in cells for k, t in TOY_MAX_TPUT.items()},
        quotas=quotas,
        spare=spare,
    )


def one_row(offers: tuple[OfferNumbers, ...], loads: dict[Kind, float], **fields: object) -> Problem:
    """A plain problem whose whole traffic keeps ``loads`` replicas of each kind busy."""
    return Problem(
        offers=tuple(sorted(offers, key=lambda offer: offer.name)),
        kinds=tuple(sorted(loads)),
        planned_requests_per_s={"all_of_it": 1.0},
        row_of_bucket={"all_of_it": "all"},
        max_tput_requests_per_s={("all_of_it", kind): 1.0 / load for kind, load in loads.items()},
        **fields,  # type: ignore[arg-type]
    )


@st.composite
def problems(
    draw: st.DrawFn,
    router: str | None = None,
    quotas: bool | None = None,
    spare: int | None = None,
    servable: bool = False,
) -> Problem:
    """At most two kinds, three offers, four buckets and a handful of replicas; any router, quota and spare."""
    kinds = tuple(sorted(draw(st.sets(st.sampled_from((A10G, H100X4, Kind("H100", 2), L4)), min_size=1, max_size=2))))
    offers = []
    for number in range(draw(st.integers(1, 3))):
        kind = kinds[number % len(kinds)]
        count = draw(st.sampled_from([n for n in (1, 2, 4, 8) if n >= kind.tensor_parallel]))
        usd = draw(st.integers(30, 900)) * count / 100
        offers.append(
            OfferNumbers(f"{kind.gpu.lower()}.{number}", kind.gpu, count, count * 4, f"aws:{kind.gpu[0]}", usd)
        )
    kinds = tuple(kind for kind in kinds if any(offer.replicas_per_instance(kind) for offer in offers))
    buckets = [f"in{i}_out{j}" for i in (0, 1) for j in (0, 1)][: draw(st.integers(1, 4))]
    router = router or draw(st.sampled_from(("plain", "prompt", "oracle")))
    max_tput = {}
    for bucket in buckets:
        for kind in kinds:
            if servable or kind == kinds[0] or draw(st.booleans()):
                max_tput[bucket, kind] = draw(st.integers(10, 80)) / 10
    limited = draw(st.booleans()) if quotas is None else quotas
    offered_gpus = sorted({offer.gpu for offer in offers})
    few = st.integers(0, 12)
    return Problem(
        offers=tuple(sorted(offers, key=lambda offer: offer.name)),
        kinds=kinds,
        planned_requests_per_s={bucket: draw(st.integers(1, 400)) / 100 for bucket in buckets},
        row_of_bucket={bucket: row_of(router, bucket) for bucket in buckets},
        max_tput_requests_per_s=max_tput,
        quotas=Quotas(
            draw(st.dictionaries(st.sampled_from(offered_gpus), few, max_size=2)),
            draw(st.dictionaries(st.sampled_from([offer.name for offer in offers]), few, max_size=2)),
            draw(st.dictionaries(st.sampled_from(sorted({o.quota_family for o in offers})), st.integers(0, 60))),
        )
        if limited
        else Quotas(),
        spare=draw(st.integers(0, 1)) if spare is None else spare,
    )


def brute_force_usd_per_hour(problem: Problem, tolerance: float) -> float:
    """The cheapest of all fleets that could be meant, by trying every one; inf where none will do.

    ``tolerance`` is the fraction by which a kind may be over-full (negative: must stay below full).
    """
    loads = problem.load_of_rows()
    pairs = [(o, k) for o in problem.offers for k in problem.kinds if o.replicas_per_instance(k)]
    ranges = []
    for offer, kind in pairs:
        alone = sum(load for (_, k), load in loads.items() if k == kind)
        ranges.append(range(ceil(alone / offer.replicas_per_instance(kind) + 1e-3) + problem.spare + 1))
    cheapest = inf
    for counts in product(*ranges):
        usd = sum(offer.usd_per_instance_hour * count for (offer, _), count in zip(pairs, counts, strict=True))
        if usd < cheapest and _within_quotas(problem, pairs, counts):
            room = {}
            for kind in problem.kinds:
                held = [o.replicas_per_instance(kind) * n for (o, k), n in zip(pairs, counts, strict=True) if k == kind]
                one = [
                    o.replicas_per_instance(kind) for (o, k), n in zip(pairs, counts, strict=True) if k == kind and n
                ]
                room[kind] = (sum(held) - problem.spare * max(one, default=0)) * (1 + tolerance)
            if _holds(problem, loads, room):
                cheapest = usd
    return cheapest


def _within_quotas(problem: Problem, pairs: list[tuple[OfferNumbers, Kind]], counts: tuple[int, ...]) -> bool:
    fleet = [(offer, count) for (offer, _), count in zip(pairs, counts, strict=True)]
    quotas = problem.quotas
    return (
        all(sum(o.gpu_count * n for o, n in fleet if o.gpu == g) <= most for g, most in quotas.max_gpus.items())
        and all(sum(n for o, n in fleet if o.name == name) <= most for name, most in quotas.max_instances.items())
        and all(sum(o.vcpus * n for o, n in fleet if o.quota_family == f) <= m for f, m in quotas.max_vcpus.items())
    )


def _holds(problem: Problem, loads: Mapping[tuple[str, Kind], float], room: dict[Kind, float]) -> bool:
    """Whether at most two kinds can share the rows: the first takes the rows that suit it best until it is full."""
    first, *others = problem.kinds
    second = others[0] if others else None
    rest_on_second = 0.0
    room_first = room[first]
    both = []
    for row in problem.rows:
        on_first, on_second = loads.get((row, first)), loads.get((row, second)) if second else None
        if on_first is None and on_second is None:
            return False
        if on_second is None:
            room_first -= on_first
        elif on_first is None or room[first] <= 0:
            rest_on_second += on_second
        else:
            both.append((on_first / on_second, on_first, on_second))
    if room_first < 0 or (room[first] <= 0 and any((row, second) not in loads for row in problem.rows)):
        return False
    for _, on_first, on_second in sorted(both):
        part = min(1.0, room_first / on_first)
        room_first -= part * on_first
        rest_on_second += (1 - part) * on_second
    return rest_on_second <= (room[second] if second else 0)
