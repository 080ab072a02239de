"""Three totals of examples/, worked out from the files of prices, profiles and traffic in plain arithmetic.

Nothing of the package takes part in what is expected: files are read with Python's own csv and json, and every fleet
that costs less than the answer is tried. One size of each example is worked out by hand, as a check of the arithmetic.

A size costs a replica 1 / MaxTput seconds. On a size of the grid, MaxTput lies on the line between the last operating
point within the target and the first beyond it; where none lies beyond, it is the last point's rate. Between sizes of
the grid, 1 / MaxTput lies on a line in the input and in the output tokens. The load of the traffic on a kind adds up
requests/s x share x seconds: so many replicas it keeps busy. With the default router all sizes go to all replicas in
the same proportion, so a fleet serves the traffic if its replicas / load add up to 1 or more over its kinds.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest

from tests import examples

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
Points = dict[tuple[int, int], list[tuple[float, float]]]
Counts = dict[tuple[str, int], int]


def points(model: str, kind: Kind) -> Points:
    """(input, output) tokens -> (mean TPOT in ms, requests/s) at rising load, of a shipped profile."""
    gpu, degree = kind
    found: Points = {}
    with (ROOT / "profiles" / "throughput" / "2025" / model / "bf16" / f"{gpu}.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            if row["tensor_parallel"] == str(degree):
                size = int(row["input_tokens"]), int(row["output_tokens"])
                found.setdefault(size, []).append((float(row["tpot_ms"]), float(row["requests_per_s"])))
    return {size: sorted(by_load) for size, by_load in found.items()}


def rate(by_load: list[tuple[float, float]], target_ms: float) -> float:
    """MaxTput at a size of the grid, requests/s."""
    for (tpot_ms, low), (next_ms, high) in pairwise(by_load):
        if tpot_ms <= target_ms < next_ms and high > low:
            return low + (high - low) * (target_ms - tpot_ms) / (next_ms - tpot_ms)
    return max((requests_per_s for tpot_ms, requests_per_s in by_load if tpot_ms <= target_ms), default=0.0)


def around(grid: Iterable[int], tokens: float) -> list[tuple[int, float]]:
    """The lines of the grid next to a number of tokens, with their weights; below the first it is the first."""
    lines = sorted(grid)
    if tokens <= lines[0]:
        return [(lines[0], 1.0)]
    low, high = next(pair for pair in pairwise(lines) if pair[0] < tokens <= pair[1])
    part = (tokens - low) / (high - low)
    return [(low, 1 - part), (high, part)]


def seconds(of: Points, input_tokens: float, output_tokens: float, target_ms: float) -> float:
    """What a request costs a replica: 1 / MaxTput; infinite where a size about it misses the target."""
    total = 0.0
    for output_line, part in around({size[1] for size in of}, output_tokens):
        for input_line, share in around({size[0] for size in of if size[1] == output_line}, input_tokens):
            if part * share > 0:
                requests_per_s = rate(of[input_line, output_line], target_ms)
                total += part * share / requests_per_s if requests_per_s else math.inf
    return total


def load(model: str, kind: Kind, sizes: Sizes, requests_per_s: float, target_ms: float) -> float:
    """The replicas of a kind that the traffic keeps busy: their GPUs, or their HTTP servers if these are busier."""
    of = points(model, kind)
    of_gpus = sum(requests_per_s * share * seconds(of, i, o, target_ms) for i, o, share in sizes)
    # What a server takes for a request: front_end in profiles/calibration.toml, of H100, 2025, fp16.
    of_servers = sum(requests_per_s * share * (0.0217 + (o - 1) * 2.14e-05) for _, o, share in sizes)
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
    """11 g5.2xlarge at 0.97 = 10.67 USD/h for a peak of 25 requests/s and 20 % headroom, mean TPOT at most 80 ms."""
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

    # A request of 1,250.5 + 175.5 tokens on A10G lies between 1,000 and 2,000 input tokens, a quarter of the way, and
    # between 100 and 250 output tokens, half of the way. Points within 80 ms and beyond, of A10G.csv:
    #   1,000 + 100: 1.3354/s at 54.917 ms, 1.8208/s at 81.056 ms: 1.3354 + 0.4854 x 25.083 / 26.139 = 1.80119/s
    #   2,000 + 100: 0.88947/s at 76.047 ms, 1.0304/s at 107.89 ms: 0.88947 + 0.14093 x 3.953 / 31.843 = 0.90697/s
    #   1,000 + 250: 1.2834/s at 66.51 ms, the last; 2,000 + 250: 0.66755/s at 67.384 ms, the last
    of_100 = 0.7495 / 1.80119 + 0.2505 / 0.90697
    of_250 = 0.7495 / 1.2834 + 0.2505 / 0.66755
    by_hand = of_100 * 74.5 / 150 + of_250 * 75.5 / 150
    assert seconds(points("llama-3.1-8b", ("A10G", 1)), 1250.5, 175.5, 80) == pytest.approx(by_hand, rel=1e-5)

    loads = {
        (gpu, degree): load("llama-3.1-8b", (gpu, degree), sizes, planned, 80)
        for gpu in ("A10G", "L4")
        for degree in (1, 2, 4)
    }
    # 9.87 replicas of A10G are busy: 10 instances carry the peak, and the 11th is the spare.
    assert math.ceil(loads["A10G", 1]) + 1 == 11
    # Eight GPUs or an A100 cost more than the answer by themselves.
    rentable = cheapest_of_each(types, 11 * 0.97)
    assert rentable.keys() == {
        ("g5.2xlarge", 1),
        *(("g5.12xlarge", degree) for degree in (1, 2, 4)),
        ("g6.2xlarge", 1),
        *(("g6.12xlarge", degree) for degree in (1, 2, 4)),
    }
    assert served({("g5.2xlarge", 1): 11}, types, loads, spare=1) >= 1
    assert max(served(counts, types, loads, spare=1) for counts in fleets(rentable, 11 * 0.97)) < 1
    is_the_answer("own-prices-and-traffic", 11 * 0.97, {"g5.2xlarge tp1": 11})


def test_conversations_a_mix_of_two_gpus(is_the_answer: Check) -> None:
    """9 g5.2xlarge at 1.212 and 2 g6.2xlarge at 0.9776 = 12.8632 USD/h for 10 requests/s, TPOT at most 100 ms."""
    types = {name: of for name, of in LIST.items() if name not in TOO_SMALL_FOR_8B}
    planned, cost = 10 * 1.2, 9 * 1.212 + 2 * 0.9776
    assert cost == pytest.approx(12.8632, abs=1e-9)

    # The largest part of the traffic, 26.4 % of it, has 1,093.36 + 407.71 tokens in the mean. On L4, within 100 ms:
    #   1,000 + 250: 0.82999/s at 99.767 ms, the last
    #   1,000 + 500: 0.41095/s at 86.97 ms, the last; 2,000 + 500: 0.22381/s at 87.973 ms, the last
    #   2,000 + 250: 0.34293/s at 90.332 ms, 0.44633/s at 104.31 ms: 0.34293 + 0.1034 x 9.668 / 13.978 = 0.41445/s
    of_250 = 0.90664 / 0.82999 + 0.09336 / 0.41445
    of_500 = 0.90664 / 0.41095 + 0.09336 / 0.22381
    by_hand = of_250 * (500 - 407.7133) / 250 + of_500 * (407.7133 - 250) / 250
    common = max(conversation(), key=lambda size: size[2])
    assert common == pytest.approx((1093.3574, 407.7133, 0.26371), rel=1e-5)
    assert seconds(points("llama-3.1-8b", ("L4", 1)), *common[:2], 100) == pytest.approx(by_hand, rel=1e-5)

    loads = {
        (gpu, degree): load("llama-3.1-8b", (gpu, degree), conversation(), planned, 100)
        for gpu in ("A10G", "L4")
        for degree in (1, 2, 4)
    }
    # 10.15 A10G or 16.54 L4: 9 / 10.15 + 2 / 16.54 = 0.887 + 0.121 = 1.008. One A10G for an L4 costs 0.23 more, one
    # L4 fewer leaves 0.947; 11 A10G cost 13.33, and an A100 or eight GPUs more than the answer by themselves.
    mix: Counts = {("g5.2xlarge", 1): 9, ("g6.2xlarge", 1): 2}
    assert served(mix, types, loads) == pytest.approx(1.008, abs=5e-4)
    rentable = cheapest_of_each(types, cost)
    assert {name for name, _ in rentable} == {"g5.2xlarge", "g5.12xlarge", "g6.2xlarge", "g6.12xlarge"}
    assert max(served(counts, types, loads) for counts in fleets(rentable, cost)) < 1
    is_the_answer("conversation-us-east-1", cost, {"g5.2xlarge tp1": 9, "g6.2xlarge tp1": 2})


def test_70b_on_eight_gpus_a_replica(is_the_answer: Check) -> None:
    """2 p4d.24xlarge at 21.957642, each one replica on 8 A100-40GB = 43.915284 USD/h for 6 requests/s within 80 ms."""
    planned, cost = 6 * 1.2, 2 * 21.957642

    # The same size of 1,093.36 + 407.71 tokens on 8 A100-40GB, within 80 ms:
    #   1,000 + 250: 5.1538/s at 49.128 ms, 5.9957/s at 84.806 ms: 5.1538 + 0.8419 x 30.872 / 35.678 = 5.88229/s
    #   2,000 + 250: 3.2294/s at 77.742 ms, 3.5363/s at 143.08 ms: 3.2294 + 0.3069 x 2.258 / 65.338 = 3.24001/s
    #   1,000 + 500: 3.9377/s at 64.799 ms, 4.3211/s at 118.31 ms: 3.9377 + 0.3834 x 15.201 / 53.511 = 4.04661/s
    #   2,000 + 500: 2.2198/s at 57.118 ms, 2.5386/s at 100.27 ms: 2.2198 + 0.3188 x 22.882 / 43.152 = 2.38885/s
    of_250 = 0.90664 / 5.88229 + 0.09336 / 3.24001
    of_500 = 0.90664 / 4.04661 + 0.09336 / 2.38885
    by_hand = of_250 * (500 - 407.7133) / 250 + of_500 * (407.7133 - 250) / 250
    on_a100 = points("llama-3.1-70b", ("A100-40GB", 8))
    common = max(conversation(), key=lambda size: size[2])
    assert seconds(on_a100, *common[:2], 80) == pytest.approx(by_hand, rel=1e-5)

    # 131 GiB of weights fit on 8 A100-40GB, 4 or 8 A100-80GB, 8 A10G or 8 L4; the p5 costs more by itself. On A100-80GB
    # two sizes are measured, which count instead of the estimate up to twice and half of them: what lies there is taken
    # to cost nothing, which no measurement can beat.
    measured = {4: (1000, 1000), 8: (5000, 500)}
    kinds = [("A100-40GB", 8), ("A100-80GB", 4), ("A100-80GB", 8), ("A10G", 8), ("L4", 8)]
    least: dict[Kind, float] = {}
    for gpu, degree in kinds:
        pin = measured[degree] if gpu == "A100-80GB" else None
        estimated = [
            size for size in conversation() if pin is None or not all(0.5 <= size[at] / pin[at] <= 2 for at in (0, 1))
        ]
        least[gpu, degree] = load("llama-3.1-70b", (gpu, degree), estimated, planned, 80)
    assert least["L4", 8] == math.inf  # its lightest load takes 80.4 ms a token at 1,000 + 250 tokens
    assert 1 < least["A100-40GB", 8] < 2
    # So one p4d is too little and two are enough. Of what else costs less, one p4de and one g5.48xlarge serve most.
    rentable = {
        (name, degree): price
        for name, (gpu, gpu_count, price) in LIST.items()
        for degree in (4, 8)
        if (gpu, degree) in least and gpu_count == 8 and price < cost
    }
    assert {name for name, _ in rentable} == {"p4d.24xlarge", "p4de.24xlarge", "g5.48xlarge", "g6.48xlarge"}
    most = max(fleets(rentable, cost), key=lambda counts: served(counts, LIST, least))
    assert {key for key, count in most.items() if count} == {("p4de.24xlarge", 4), ("g5.48xlarge", 8)}
    assert served(most, LIST, least) < 1
    is_the_answer("70b-tensor-parallel", cost, {"p4d.24xlarge tp8": 2})
