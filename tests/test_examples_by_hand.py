"""Three totals of examples/, worked out from the files of prices, constants and traffic in plain arithmetic.

Nothing of the package takes part in what is expected: ``estimates_by_hand`` computes what a replica does from its
description, files are read with Python's own json and tomllib, and every fleet that costs less than the answer is
tried. One size of each example is worked out by hand, as a check of the arithmetic.

A size costs a replica 1 / MaxTput seconds. MaxTput lies on the line between the last operating point within the target
and the first beyond it; where none lies beyond, it is the last point's rate. The load of the traffic on a kind adds up
requests/s x share x seconds: so many replicas it keeps busy. With the default router all sizes go to all replicas in
the same proportion, so a fleet serves the traffic if its replicas / load add up to 1 or more over its kinds.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests import examples
from tests.estimates_by_hand import HandReplica, HandServer, rate

ROOT = Path(__file__).resolve().parent.parent

# pricing/on_demand.csv, aws us-east-1, source aws-karpenter, as of 2026-07-20: GPU, GPUs, USD/h. Without p5.4xlarge:
# a price is listed, but it is not known whether it is sold on demand.
LIST: dict[str, tuple[str, int, float]] = {
    "g5.xlarge": ("A10G", 1, 1.006),
    "g5.2xlarge": ("A10G", 1, 1.212),
    "g5.4xlarge": ("A10G", 1, 1.624),
    "g5.8xlarge": ("A10G", 1, 2.448),
    "g5.16xlarge": ("A10G", 1, 4.096),
    "g5.12xlarge": ("A10G", 4, 5.672),
    "g5.24xlarge": ("A10G", 4, 8.144),
    "g5.48xlarge": ("A10G", 8, 16.288),
    "g6.xlarge": ("L4", 1, 0.8048),
    "g6.2xlarge": ("L4", 1, 0.9776),
    "g6.4xlarge": ("L4", 1, 1.3232),
    "g6.8xlarge": ("L4", 1, 2.0144),
    "g6.16xlarge": ("L4", 1, 3.3968),
    "gr6.4xlarge": ("L4", 1, 1.5392),
    "gr6.8xlarge": ("L4", 1, 2.4464),
    "g6.12xlarge": ("L4", 4, 4.6016),
    "g6.24xlarge": ("L4", 4, 6.6752),
    "g6.48xlarge": ("L4", 8, 13.3504),
    "p4d.24xlarge": ("A100-40GB", 8, 21.957642),
    "p4de.24xlarge": ("A100-80GB", 8, 27.44705),
    "p5.48xlarge": ("H100", 8, 55.04),
}
# 8B in 16 bits: 15.0 GiB of weights, and 8 GiB of host memory besides; these have 16 GiB (pricing/instance_types.csv).
TOO_SMALL_FOR_8B = ("g5.xlarge", "g6.xlarge")

Kind = tuple[str, int]
Sizes = list[tuple[float, float, float]]
Counts = dict[tuple[str, int], int]


@dataclass(frozen=True)
class StepTimes:
    """What a step takes, ms: reading the weights and multiplying a token, every request, every step, a prompt."""

    read: float
    product: float
    each: float
    step: float
    prompt: float

    def point(self, n: int, input_tokens: float, output_tokens: float) -> tuple[float, float]:
        """Mean TPOT (ms) and requests/s of n in flight, where a prompt goes into one step of the others."""
        begun = n / (output_tokens - 1 + 1 + (n - 1) / n / 2)
        decode = begun * (output_tokens - 1)
        seen = 1 + (n - 1) / n * decode
        return (
            self.with_prompts(seen, seen + input_tokens, (n - 1) / n * begun),
            1000 * begun / self.with_prompts(decode, (n - 1) / n * decode + input_tokens, begun),
        )

    def with_prompts(self, decode: float, tokens: float, prompts: float) -> float:
        """A step in which so many decode, and which has so many tokens where a prompt is in it."""
        alone, together = (math.hypot(self.read, self.product * each) for each in (decode, tokens))
        return alone + decode * self.each + self.step + prompts * (together - alone + self.prompt)


def load(replica: HandReplica, sizes: Sizes, requests_per_s: float, target_ms: float) -> float:
    """The replicas of a kind that the traffic keeps busy: their GPUs, or their HTTP servers if these are busier."""
    of_gpus = of_servers = 0.0
    for input_tokens, output_tokens, share in sizes:
        engine, server = HandServer(replica).served(input_tokens, output_tokens, target_ms)
        of_gpus += requests_per_s * share / engine if engine else math.inf
        of_servers += requests_per_s * share / server if server else math.inf
    return max(of_gpus, of_servers)


def conversation() -> Sizes:
    """(mean input tokens, mean output tokens, share) of the shipped traffic."""
    text = (ROOT / "profiles" / "workloads" / "conversation.json").read_text(encoding="utf-8")
    return [(b["mean_input_tokens"], b["mean_output_tokens"], b["share"]) for b in json.loads(text)["buckets"]]


def fleets(usd_per_hour: dict[tuple[str, int], float], below: float) -> Iterator[Counts]:
    """Every fleet that costs less; an instance of a type is given to one degree."""
    most = [range(math.ceil(below / price - 1e-9)) for price in usd_per_hour.values()]
    for counts in product(*most):
        if math.fsum(n * price for n, price in zip(counts, usd_per_hour.values(), strict=True)) < below - 1e-6:
            yield dict(zip(usd_per_hour, counts, strict=True))


def served(counts: Counts, gpus: dict[str, tuple[str, int, float]], loads: dict[Kind, float], spare: int = 0) -> float:
    """The part of the traffic that a fleet can serve; with a spare, each kind does without its largest instance."""
    replicas: dict[Kind, int] = {}
    largest: dict[Kind, int] = {}
    for (name, degree), count in counts.items():
        gpu, gpu_count, _ = gpus[name]
        if count:
            each = gpu_count // degree
            replicas[gpu, degree] = replicas.get((gpu, degree), 0) + count * each
            largest[gpu, degree] = max(largest.get((gpu, degree), 0), each)
    return sum((replicas[kind] - spare * largest[kind]) / loads[kind] for kind in replicas)


def cheapest_of_each(types: dict[str, tuple[str, int, float]], below: float) -> dict[tuple[str, int], float]:
    """Of the types with the same GPUs the cheapest, at each degree that fits, if one alone costs no more."""
    found = {}
    for name, (gpu, gpu_count, price) in types.items():
        alike = [other for other in types.values() if other[:2] == (gpu, gpu_count)]
        if price == min(other[2] for other in alike) and price <= below:
            found.update({(name, degree): price for degree in (1, 2, 4, 8) if degree <= gpu_count})
    return found


Check = Callable[[str, float, dict[str, int]], None]


@pytest.fixture
def is_the_answer(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Holds both the kept answer and what the command says now to a fleet and its cost."""
    monkeypatch.chdir(ROOT)

    def check(name: str, usd_per_hour: float, instances: dict[str, int]) -> None:
        folder = examples.EXAMPLES / name
        kept: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        for document in (kept, examples.summary(examples.run(folder))):
            (region,) = document["regions"]
            assert region["instances"] == instances
            assert region["usd_per_hour"] == pytest.approx(usd_per_hour, abs=1e-6)
            assert region["usd_per_month"] == pytest.approx(usd_per_hour * 730, abs=1e-3)

    return check


def test_own_prices_one_gpu_with_a_spare(is_the_answer: Check) -> None:
    """9 g5.2xlarge at 0.97 = 8.73 USD/h for a peak of 25 requests/s and 20 % headroom, mean TPOT at most 80 ms."""
    # prices.csv of the example, over the list.
    types = {**LIST, "g5.2xlarge": ("A10G", 1, 0.97), "g6.2xlarge": ("L4", 1, 0.7821)}
    types = {name: of for name, of in types.items() if name not in TOO_SMALL_FOR_8B}
    # histogram.csv of the example: the mean of the whole numbers from 101 to 500 is 300.5, and so on.
    inputs, outputs = (50.5, 300.5, 1250.5, 3000.5), (13, 63, 175.5, 375.5)
    requests = ((120, 340, 410, 90), (60, 220, 380, 160), (15, 90, 140, 75), (5, 20, 30, 10))
    sizes = [
        (i, o, n / 2165) for i, row in zip(inputs, requests, strict=True) for o, n in zip(outputs, row, strict=True)
    ]
    planned = 25 * 1.2

    # A request of 1,250.5 + 175.5 tokens on A10G, 600 GB/s and 70 TFLOP/s. In ms: reading 16.0605 - 1.0507 GB of
    # weights at 0.879 takes 28.4601; a token's products with 6.9796e9 parameters at 0.786 0.253711; of each that
    # decodes the cache, 1,338.25 x 131,072 bytes at 0.834, 0.350534, choosing a token 0.0158 x 1.28256 = 0.020264 and
    # the output head's 0.5253e9 parameters 0.019096: 0.389894; every step 4; of a prompt attention at 0.4 14.6403, with
    # 0.3 and 0.0191 on top 14.9594. Cache: 22.1 x 0.9 GiB - 0.15 - 0.4743 for scores - 14.957 of weights hold 35,292
    # tokens, and 1,250.5 + 0.85 x 175.5 are 88 blocks of 16: 25.07 fit. So the target lies between 16 and 25 in flight.
    times = StepTimes(read=28.4601, product=0.253711, each=0.389894, step=4, prompt=14.9594)
    fewer, most = (times.point(n, 1250.5, 175.5) for n in (16, 25))
    assert (fewer, most) == (pytest.approx((65.253, 1.35747), rel=1e-4), pytest.approx((85.178, 1.63471), rel=1e-4))
    by_hand = 1.35747 + (1.63471 - 1.35747) * (80 - 65.253) / (85.178 - 65.253)
    a10g = HandReplica("llama-3.1-8b", "A10G")
    assert rate(a10g.points(1250.5, 175.5), 80) == pytest.approx(by_hand, rel=1e-4)

    loads = {
        (gpu, degree): load(HandReplica("llama-3.1-8b", gpu, degree), sizes, planned, 80)
        for gpu in ("A10G", "L4")
        for degree in (1, 2, 4)
    }
    # 7.73 replicas of A10G are busy: 8 instances carry the peak, and the 9th is the spare.
    assert math.ceil(loads["A10G", 1]) + 1 == 9
    # Eight GPUs or an A100 cost more than the answer by themselves.
    rentable = cheapest_of_each(types, 9 * 0.97)
    assert rentable.keys() == {
        ("g5.2xlarge", 1),
        *(("g5.12xlarge", degree) for degree in (1, 2, 4)),
        ("g6.2xlarge", 1),
        *(("g6.12xlarge", degree) for degree in (1, 2, 4)),
    }
    assert served({("g5.2xlarge", 1): 9}, types, loads, spare=1) >= 1
    assert max(served(counts, types, loads, spare=1) for counts in fleets(rentable, 9 * 0.97)) < 1
    is_the_answer("own-prices-and-traffic", 9 * 0.97, {"g5.2xlarge tp1": 9})


def test_conversations_a_mix_of_two_gpus(is_the_answer: Check) -> None:
    """8 g5.2xlarge at 1.212 and a g6.2xlarge at 0.9776 = 10.6736 USD/h for 10 requests/s, TPOT at most 100 ms."""
    types = {name: of for name, of in LIST.items() if name not in TOO_SMALL_FOR_8B}
    planned, cost = 10 * 1.2, 8 * 1.212 + 0.9776
    assert cost == pytest.approx(10.6736, abs=1e-9)

    # The largest part of the traffic, 26.4 % of it, has 1,093.36 + 407.71 tokens in the mean. On L4, 300 GB/s and 121
    # TFLOP/s, in ms: reading the weights at 0.839 takes 59.6339, a token's products at 0.384 0.300430; of each that
    # decodes the cache of 1,297.21 tokens at 0.84 0.674715, choosing 0.0317 x 1.28256 = 0.040657, 0.022613: 0.737985;
    # every step 2; of a prompt attention at 0.3 8.63291, with 0.3 and 0.0226 on top 8.95552. Its cache holds 34,555
    # tokens: 23 requests of 90 blocks, which all keep the target.
    common = max(conversation(), key=lambda size: size[2])
    assert common == pytest.approx((1093.3574, 407.7133, 0.26371), rel=1e-5)
    times = StepTimes(read=59.6339, product=0.300430, each=0.737985, step=2, prompt=8.95552)
    tpot_ms, by_hand = times.point(23, 1093.3574, 407.7133)
    assert tpot_ms == pytest.approx(94.551, rel=1e-4)
    l4 = HandReplica("llama-3.1-8b", "L4")
    assert rate(l4.points(*common[:2]), 100) == pytest.approx(by_hand, rel=1e-4)

    loads = {
        (gpu, degree): load(HandReplica("llama-3.1-8b", gpu, degree), conversation(), planned, 100)
        for gpu in ("A10G", "L4")
        for degree in (1, 2, 4)
    }
    # 8.15 A10G or 14.39 L4: 8 / 8.15 + 1 / 14.39 = 0.982 + 0.070 = 1.052. Eight A10G alone are 0.982, nine cost 10.91;
    # seven and two L4 are 0.998; an A100 or eight GPUs cost more than the answer by themselves.
    mix: Counts = {("g5.2xlarge", 1): 8, ("g6.2xlarge", 1): 1}
    assert served(mix, types, loads) == pytest.approx(1.0516, abs=5e-4)
    rentable = cheapest_of_each(types, cost)
    assert {name for name, _ in rentable} == {"g5.2xlarge", "g5.12xlarge", "g6.2xlarge", "g6.12xlarge"}
    assert max(served(counts, types, loads) for counts in fleets(rentable, cost)) < 1
    is_the_answer("conversation-us-east-1", cost, {"g5.2xlarge tp1": 8, "g6.2xlarge tp1": 1})


def test_70b_on_eight_gpus_a_replica(is_the_answer: Check) -> None:
    """2 p4d.24xlarge at 21.957642, each one replica on 8 A100-40GB = 43.915284 USD/h for 6 requests/s within 80 ms."""
    planned, cost = 6 * 1.2, 2 * 21.957642

    # The same size of 1,093.36 + 407.71 tokens on 8 A100-40GB, 1,555 GB/s and 312 TFLOP/s each. In ms: reading
    # 141.107 - 2.101 GB at 0.91 takes 12.2793, a token's products with 68.4524e9 parameters at 0.728 0.0753429; of each
    # that decodes 1,297.21 x 327,680 bytes of cache at 0.798 / (1 + 0.612 x 3) 0.121435, 160 all-reduces of 28,672
    # bytes at 308 GB/s 0.0148945, choosing 8 x 0.00421 x 1.28256 = 0.0431966 and 0.0011564: 0.180683; every step 2.06,
    # 80 x 0.0192 of kernels and 160 x 0.0109 of all-reduces: 5.34; of a prompt attention at 0.516 1.21658, 1,093.36 x
    # 0.0148945 of all-reduces, 0.289 and 0.0012: 17.7918. So the target lies between 128 and 256 in flight.
    times = StepTimes(read=12.2793, product=0.0753429, each=0.180683, step=5.34, prompt=17.7918)
    fewer, most = (times.point(n, 1093.3574, 407.7133) for n in (128, 256))
    assert (fewer, most) == (pytest.approx((73.5316, 4.25229), rel=1e-4), pytest.approx((135.024, 4.63798), rel=1e-4))
    by_hand = 4.25229 + (4.63798 - 4.25229) * (80 - 73.5316) / (135.024 - 73.5316)
    common = max(conversation(), key=lambda size: size[2])
    on_a100 = HandReplica("llama-3.1-70b", "A100-40GB", 8)
    assert rate(on_a100.points(*common[:2]), 80) == pytest.approx(by_hand, rel=1e-4)

    # 131 GiB of weights fit on 8 A100-40GB, 4 or 8 A100-80GB, 8 A10G or 8 L4; the p5 costs more by itself.
    gpus = ("L4", "A10G", "A100-40GB", "A100-80GB")
    kinds = [HandReplica("llama-3.1-70b", gpu, degree) for gpu in gpus for degree in (1, 2, 4, 8)]
    loads = {(each.gpu, each.degree): load(each, conversation(), planned, 80) for each in kinds if each.fits}
    assert loads.keys() == {("L4", 8), ("A10G", 8), ("A100-40GB", 8), ("A100-80GB", 4), ("A100-80GB", 8)}
    assert loads["L4", 8] == math.inf  # its lightest load takes 80.13 ms a token at 14,050 + 39 tokens
    assert 1 < loads["A100-40GB", 8] < 2
    # So one p4d is too little and two are enough. Of what else costs less, one p4de and one g5.48xlarge serve most.
    rentable = {
        (name, degree): price
        for name, (gpu, gpu_count, price) in LIST.items()
        for degree in (4, 8)
        if (gpu, degree) in loads and gpu_count == 8 and price < cost
    }
    assert {name for name, _ in rentable} == {"p4d.24xlarge", "p4de.24xlarge", "g5.48xlarge", "g6.48xlarge"}
    most_served = max(fleets(rentable, cost), key=lambda counts: served(counts, LIST, loads))
    assert {key for key, count in most_served.items() if count} == {("p4de.24xlarge", 4), ("g5.48xlarge", 8)}
    assert served(most_served, LIST, loads) < 1
    is_the_answer("70b-tensor-parallel", cost, {"p4d.24xlarge tp8": 2})
