"""The staircase against trying every bundle, against the solvers, and against itself on every way that leads there."""

import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, OfferNumbers, Quotas, Status
from melange_cloud.domain.money import equal_within
from melange_cloud.solver import find_programs, solve, verify
from melange_cloud.solver.covering import NodeBudgetSpent
from melange_cloud.solver.staircase import NODE_BUDGET, Staircase, staircase_of
from tests.properties import examples
from tests.solver.problems import A10G, H100X4, L4, brute_force_usd_per_hour, one_row, problems, toy

KINDS = (A10G, L4, Kind("H100", 1), Kind("H100", 2), H100X4)
SIZES = (1, 2, 3, 4, 8)


def some_offers(dice, most, cents=(30, 900)):
    """Offers of up to three GPUs; prices now and then in proportion to the GPUs, so that bundles tie."""
    offers = []
    for number in range(dice.randint(1, most)):
        gpu = dice.choice(("A10G", "L4", "H100"))
        size = dice.choice(SIZES)
        each = dice.choice((dice.randint(*cents), 100))
        offers.append(OfferNumbers(f"{gpu.lower()}.{number}", gpu, size, 4 * size, f"aws:{gpu}", each * size / 100))
    return tuple(sorted(offers, key=lambda offer: offer.name))


def by_trying_all(offers, loads, demand, spare):
    """The least cost in cents of any bundle that holds ``demand``, in exact arithmetic; inf where none does."""
    pairs = [(o, k) for o in offers for k in loads if o.replicas_per_instance(k)]
    most = [ceil(demand * loads[k] / o.replicas_per_instance(k)) + spare for o, k in pairs]
    cents = [round(100 * o.usd_per_instance_hour) for o, _ in pairs]
    cheapest = inf
    for counts in product(*(range(each + 1) for each in most)):
        spent = sum(map(int.__mul__, cents, counts))
        if spent >= cheapest:
            continue
        usable = dict.fromkeys(loads, 0)
        largest = dict.fromkeys(loads, 0)
        for (offer, kind), count in zip(pairs, counts, strict=True):
            if count:
                usable[kind] += offer.replicas_per_instance(kind) * count
                largest[kind] = max(largest[kind], offer.replicas_per_instance(kind))
        if sum((usable[k] - spare * largest[k]) / loads[k] for k in loads) >= demand:
            cheapest = spent
    return cheapest


def test_thousands_of_random_questions_are_answered_as_by_trying_all():
    """Loads are tenths and demands fifths, so that many demands lie exactly on a step."""
    dice = random.Random(20261127)  # noqa: S311
    answered = 0
    for _ in range(2500):
        offers = some_offers(dice, 3)
        loads = {kind: Fraction(dice.randint(1, 30), 10) for kind in dice.sample(KINDS, dice.randint(1, 3))}
        spare = dice.choice((0, 0, 1))
        demand = Fraction(dice.randint(1, 8), 5)
        step = Staircase(offers, {k: float(load) for k, load in loads.items()}, spare).cheapest(float(demand))
        expected = by_trying_all(offers, loads, demand, spare)
        if step is None:
            assert expected == inf
            continue
        answered += 1
        price = {offer.name: round(100 * offer.usd_per_instance_hour) for offer in offers}
        assert sum(price[name] * count for (name, _), count in step.instances.items()) == expected
        assert step.fleet_nano_usd_per_hour == expected * 10**7
        assert sum(held / loads[kind] for kind, held in step.replicas.items()) >= demand
        assert all(count > 0 for count in step.instances.values())
    assert answered > 1000


@settings(max_examples=examples(200))
@given(problems(router="plain", quotas=False))
def test_brute_force_of_the_solvers_tests_agrees(problem):
    staircase = staircase_of(problem)
    if staircase is None:
        assert brute_force_usd_per_hour(problem, 0.0) == inf
        return
    cost = staircase.cheapest().fleet_usd_per_hour
    assert brute_force_usd_per_hour(problem, 1e-6) <= cost + 1e-9
    assert cost <= brute_force_usd_per_hour(problem, -1e-6) + 1e-9


@pytest.mark.parametrize("solver", sorted(set(find_programs()) & {"glpk", "highs"}))
def test_hundreds_of_larger_questions_are_answered_as_by_a_solver(solver):
    """Up to six offers and five kinds, from a thousandth of a replica to thousands."""
    dice = random.Random(solver)  # noqa: S311
    for _ in range(150):
        kinds = dice.sample(KINDS, dice.randint(1, 5))
        size = 10 ** dice.uniform(-3, 3)
        problem = one_row(
            some_offers(dice, 6, (37, 2000)), {kind: size * dice.uniform(0.5, 3) for kind in kinds},
            spare=dice.choice((0, 0, 0, 1)),
        )  # fmt: skip
        staircase = staircase_of(problem)
        solution = solve(problem, solver=solver)
        if staircase is None:
            assert solution.status is Status.INFEASIBLE
            continue
        step = staircase.cheapest()
        assert solution.status is Status.OPTIMAL
        assert abs(step.fleet_usd_per_hour - solution.fleet_usd_per_hour) <= equal_within(solution.fleet_usd_per_hour)
        shares = {("all", kind): held / staircase.loads[kind] / step.capacity for kind, held in step.replicas.items()}
        fleet = replace(
            solution, instances=step.instances, shares=shares, fleet_usd_per_hour=step.fleet_usd_per_hour,
            fleet_lower_bound_usd_per_hour=step.fleet_usd_per_hour,
        )  # fmt: skip
        assert verify(problem, fleet) == []


@st.composite
def staircases(draw):
    dice = random.Random(draw(st.integers(0, 10**6)))  # noqa: S311
    loads = {kind: dice.uniform(0.2, 40) for kind in dice.sample(KINDS, dice.randint(1, 4))}
    gpus = {kind.gpu for kind in loads}
    offers = [offer for offer in some_offers(dice, 6) if offer.gpu in gpus]
    gpu = next(iter(sorted(gpus)))
    offers.append(OfferNumbers("z.sure", gpu, 8, 32, "aws:Z", dice.randint(300, 9000) / 100))
    return Staircase(offers, loads, dice.choice((0, 0, 1)))


@settings(max_examples=examples(60))
@given(staircases(), st.floats(0.01, 1), st.floats(1, 4), st.data())
def test_steps_are_all_there_are(staircase, low, times, data):
    high = low * times
    treads = staircase.steps(low, high)
    assert treads[0].low == low
    assert treads[-1].high == high
    assert all(one.high == other.low for one, other in pairwise(treads))
    costs = [tread.step.fleet_nano_usd_per_hour for tread in treads]
    assert costs == sorted(costs)
    for demand in data.draw(st.lists(st.floats(low, high), max_size=20)):
        tread = next(tread for tread in treads if demand <= tread.high)
        assert staircase.cheapest(demand).fleet_nano_usd_per_hour == tread.step.fleet_nano_usd_per_hour
    for tread in treads:
        assert staircase.cheapest(tread.high).fleet_nano_usd_per_hour == tread.step.fleet_nano_usd_per_hour
        if tread.high < high:
            assert tread.high == pytest.approx(tread.step.capacity)


@settings(max_examples=examples(60))
@given(staircases(), st.floats(0.02, 0.5), st.data())
def test_along_a_quantity_every_change_is_found(staircase, error, data):
    """One kind's throughput alone, and all of them by their own errors, as a comparison of regions asks."""
    kinds = sorted(staircase.loads)
    moving = data.draw(st.sampled_from([*([kind] for kind in kinds), kinds]))
    errors = {kind: error / (1 + at) for at, kind in enumerate(moving)}

    def loads_at(at):
        return {kind: load / (1 + at * errors.get(kind, 0.0)) for kind, load in staircase.loads.items()}

    treads = staircase.along(loads_at, -1.0, 1.0)
    assert (treads[0].low, treads[-1].high) == (-1.0, 1.0)
    assert all(one.high == other.low for one, other in pairwise(treads))
    costs = [tread.step.fleet_nano_usd_per_hour for tread in treads]
    assert costs == sorted(costs, reverse=True)
    for at in data.draw(st.lists(st.floats(-1, 1), max_size=20)):
        near = {t.step.fleet_nano_usd_per_hour for t in treads if t.low - 1e-9 <= at <= t.high + 1e-9}
        assert staircase.with_loads(loads_at(at)).cheapest().fleet_nano_usd_per_hour in near


def test_an_exact_demand_needs_no_further_instance_and_a_little_more_does():
    g5 = OfferNumbers("g5.xlarge", "A10G", 1, 4, "aws:G", 1.006)
    staircase = Staircase([g5], {A10G: 0.1 * 30})
    assert staircase.cheapest().instances == {("g5.xlarge", A10G): 3}
    assert staircase.cheapest(1 + 1e-11).instances == {("g5.xlarge", A10G): 3}
    assert staircase.cheapest(1 + 1e-9).instances == {("g5.xlarge", A10G): 4}


@pytest.mark.parametrize("load", [1e-12, 1e-9, 0.001])
@pytest.mark.parametrize(("spare", "expected"), [(0, 1.006), (1, 2.012)])
def test_the_smallest_traffic_is_never_served_by_nothing(load, spare, expected):
    g5 = OfferNumbers("g5.xlarge", "A10G", 1, 4, "aws:G", 1.006)
    g6 = OfferNumbers("g6.12xlarge", "L4", 4, 48, "aws:G", 4.6)
    step = Staircase([g5, g6], {A10G: load, L4: load / 2}, spare).cheapest()
    assert step.fleet_usd_per_hour == expected


@pytest.mark.parametrize("replicas", [100_000, 999_990, 10**9])
def test_huge_demands_are_counted_exactly(replicas):
    g5, big = OfferNumbers("g5.xlarge", "A10G", 1, 4, "aws:G", 1.0), OfferNumbers("g5.48", "A10G", 8, 192, "aws:G", 7.6)
    p5 = OfferNumbers("p5.48xlarge", "H100", 8, 192, "aws:P", 55.04)
    step = Staircase([g5, big, p5], {A10G: replicas + 0.5, H100X4: replicas / 3}).cheapest()
    eights, ones = divmod(replicas + 1, 8)
    assert step.fleet_nano_usd_per_hour == eights * 7_600_000_000 + min(ones * 10**9, 7_600_000_000)


def test_of_equal_bundles_one_kind_comes_first_then_the_fewest_instances():
    one, four = OfferNumbers("a.one", "A10G", 1, 4, "aws:G", 1.0), OfferNumbers("a.four", "A10G", 4, 16, "aws:G", 4.0)
    other = OfferNumbers("l.two", "L4", 2, 8, "aws:G", 2.0)
    step = Staircase([one, four, other], {A10G: 6.0, L4: 6.0}).cheapest()
    assert step.instances == {("a.four", A10G): 1, ("a.one", A10G): 2}
    step = Staircase([one, other], {A10G: 6.0, L4: 6.0}).cheapest()
    assert step.instances == {("l.two", L4): 3}


def test_two_kinds_that_cost_the_same_at_a_huge_demand_are_given_up_and_not_guessed():
    one, other = OfferNumbers("a", "A10G", 3, 4, "aws:G", 3.0), OfferNumbers("b", "L4", 7, 4, "aws:G", 7.0)
    with pytest.raises(NodeBudgetSpent):
        Staircase([one, other], {A10G: NODE_BUDGET * 9.0 + 1.1, L4: (NODE_BUDGET * 9.0 + 1.1) * (1 - 1e-12)}).cheapest()


def test_where_it_is_not_exact_there_is_none():
    assert staircase_of(toy("oracle")) is None
    assert staircase_of(toy("plain", quotas=Quotas(max_gpus={"A10G": 99}))) is None
    assert staircase_of(toy("plain", requests_per_s=0.0)) is None
    assert staircase_of(replace(toy("plain"), offers=())) is None
    assert staircase_of(toy("plain")).cheapest().fleet_usd_per_hour == solve(toy("plain")).fleet_usd_per_hour


@pytest.mark.parametrize("number", [0.0, -1.0, inf, float("nan")])
def test_numbers_that_cannot_be_are_refused(number):
    g5 = OfferNumbers("g5.xlarge", "A10G", 1, 4, "aws:G", 1.006)
    with pytest.raises(ValueError, match="demand"):
        Staircase([g5], {A10G: 1.0}).cheapest(number)
    with pytest.raises(ValueError, match="load"):
        Staircase([g5], {A10G: number})
