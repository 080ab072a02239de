"""The quick core against the way around it, as ratios measured in this run.

Run by hand: ``python -m tests.benchmarks.quick_core``. Ends with 1 where a limit is missed.

- counted: the least cost on the staircase, built and asked, against Pyomo, an LP file and glpsol on the same questions.
- asked: the same, where the staircase is built already.
- rows: a solve whose rows ask for a replica only where one is missing, against one with all rows, for an oracle's 400
  buckets, by GLPK and by HiGHS.
"""

import random
import sys
from time import perf_counter

from melange_cloud.domain import Kind, OfferNumbers, Problem
from melange_cloud.domain.money import equal_within
from melange_cloud.solver import solve
from melange_cloud.solver.model import create_model
from melange_cloud.solver.programs.find import programs_for
from melange_cloud.solver.programs.run import run
from melange_cloud.solver.staircase import staircase_of
from tests.solver.problems import one_row

QUESTIONS = 60
BUCKETS = 400
COUNTED_LIMIT, ASKED_LIMIT, ROWS_LIMIT = 0.1, 0.05, 0.7

OFFERS = (
    OfferNumbers("g5.12xlarge", "A10G", 4, 48, "aws:G", 5.672),
    OfferNumbers("g5.2xlarge", "A10G", 1, 8, "aws:G", 1.212),
    OfferNumbers("g6.12xlarge", "L4", 4, 48, "aws:G", 4.6016),
    OfferNumbers("g6.2xlarge", "L4", 1, 8, "aws:G", 0.9776),
    OfferNumbers("p4d.24xlarge", "A100-40GB", 8, 96, "aws:P", 21.957642),
    OfferNumbers("p5.48xlarge", "H100", 8, 192, "aws:P", 55.04),
)
SPEEDS = {
    Kind("A100-40GB", 1): 3.6,
    Kind("A10G", 1): 1.0,
    Kind("A10G", 2): 2.2,
    Kind("H100", 1): 9.0,
    Kind("L4", 1): 0.7,
    Kind("L4", 2): 1.5,
}


def plain(dice: random.Random) -> Problem:
    """Up to 200 replicas of the A10G."""
    size = 10 ** dice.uniform(0, 2.3)
    return one_row(OFFERS, {kind: size * dice.uniform(0.9, 1.1) / speed for kind, speed in SPEEDS.items()})


def oracle(dice: random.Random) -> Problem:
    """Buckets at which the GPUs differ in strength."""
    names = [f"b{number:03}" for number in range(BUCKETS)]
    return Problem(
        offers=OFFERS,
        kinds=tuple(sorted(SPEEDS)),
        planned_requests_per_s={name: dice.uniform(0.1, 1.0) for name in names},
        row_of_bucket={name: name for name in names},
        max_tput_requests_per_s={
            (n, kind): speed * dice.uniform(4, 9) for n in names for kind, speed in SPEEDS.items()
        },
    )


def measured(name: str, short_s: float, long_s: float, limit: float) -> bool:
    """Prints a ratio; whether it keeps its limit."""
    print(f"{name}: {short_s / long_s:.4f} (limit {limit}; {1000 * short_s:.2f} ms / {1000 * long_s:.1f} ms)")
    return short_s / long_s <= limit


def main() -> int:
    dice = random.Random(7)  # noqa: S311
    solve(plain(dice), solver="glpk")  # imports, which both ways need once
    counted_s = asked_s = solved_s = 0.0
    for _ in range(QUESTIONS):
        problem = plain(dice)
        begin = perf_counter()
        staircase = staircase_of(problem)
        step = None if staircase is None else staircase.cheapest()
        built = perf_counter()
        again = None if staircase is None else staircase.cheapest()
        asked = perf_counter()
        (glpk,) = programs_for("glpk")
        ending = run(glpk, create_model(problem), 60)
        solved = perf_counter()
        if step is None or again != step or ending.objective is None:
            print("no answer")
            return 1
        if abs(step.fleet_usd_per_hour - ending.objective) > equal_within(step.fleet_usd_per_hour):
            print(f"counted {step.fleet_usd_per_hour} USD/h and solved {ending.objective}")
            return 1
        counted_s, asked_s, solved_s = counted_s + built - begin, asked_s + asked - built, solved_s + solved - asked
    kept = [
        measured("counted / solved", counted_s / QUESTIONS, solved_s / QUESTIONS, COUNTED_LIMIT),
        measured("asked / solved", asked_s / QUESTIONS, solved_s / QUESTIONS, ASKED_LIMIT),
    ]
    problem = oracle(dice)
    for name in ("glpk", "highs"):
        (program,) = programs_for(name)
        seconds = {}
        for rows, kinds in (("some", ()), ("all", problem.kinds)):
            model = create_model(problem, to_be_rented=kinds)
            begin = perf_counter()
            run(program, model, 60)
            seconds[rows] = perf_counter() - begin
        kept.append(measured(f"without / with all rows, {name}", seconds["some"], seconds["all"], ROWS_LIMIT))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
