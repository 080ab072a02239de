"""1,000 plans of one sweep against 1,000 separate plans in one process, as a ratio measured in this run.

Run by hand: ``python -m tests.benchmarks.sweeps``. Ends with 1 where the limit is missed. Of the separate plans a
sample is made, spread over the same rates, and multiplied up: each costs about the same.
"""

import sys
from statistics import fmean
from time import perf_counter

from melange_cloud import planner
from melange_cloud.domain import Stretch
from melange_cloud.market.policy import PricePolicy
from melange_cloud.planner import Question
from melange_cloud.planner.sweep.sensitivity import sensitivity

PLANS = 1000
SAMPLE = 25
LOW, HIGH = 1.0, 32.0
LIMIT = 0.1


def question(rate: float | None = None) -> Question:
    return Question(regions=("us-east-1",), peak_requests_per_s=rate, trust=PricePolicy(offline=True))


def at_points(stretches: tuple[Stretch, ...], points: list[float]) -> list[Stretch | None]:
    """The stretch that holds each point; None outside. Points and stretches rise."""
    found: list[Stretch | None] = []
    at = 0
    for point in points:
        while at < len(stretches) - 1 and point > stretches[at].high:
            at += 1
        inside = bool(stretches) and stretches[at].low <= point <= stretches[at].high
        found.append(stretches[at] if inside else None)
    return found


def main() -> int:
    rates = [LOW + (HIGH - LOW) * at / (PLANS - 1) for at in range(PLANS)]
    planner.answer(question(10.0))  # imports and files, which both ways need once
    begin = perf_counter()
    sweep = sensitivity(question(), "rate", LOW, HIGH).sweep
    swept = at_points(sweep.stretches, rates)
    sweep_s = perf_counter() - begin

    sampled = rates[:: PLANS // SAMPLE]
    seconds = []
    for rate in sampled:
        begin = perf_counter()
        plan = planner.answer(question(rate))
        seconds.append(perf_counter() - begin)
        stretch = swept[rates.index(rate)]
        expected = plan.regions[0].fleet_usd_per_hour
        found = None if stretch is None else stretch.fleet_usd_per_hour(rate)
        if found is None or expected is None or abs(found - expected) > 1e-6:
            print(f"at {rate:g} requests/s the sweep says {found} USD/h and the plan {expected}")
            return 1
    plans_s = fmean(seconds) * PLANS
    ratio = sweep_s / plans_s
    print(
        f"{PLANS} plans of a sweep / {PLANS} plans: {ratio:.4f} (limit {LIMIT}; {sweep_s:.1f} s / {plans_s:.0f} s, the "
        f"latter from {len(sampled)}; {len(sweep.stretches)} different fleets)"
    )
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
