"""How sure an order of regions is: every verdict is checked by solving both sides again, with another solver."""

import csv
from dataclasses import replace
from datetime import date
from math import inf

import pytest

import melange_cloud
from melange_cloud import catalog, solver
from melange_cloud.domain import Confidence, MaxTput, OrderBasis, Status, UnservableSize
from melange_cloud.market.markets import open_market
from melange_cloud.planner.max_tput_table import evaluate
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.ranking.cost_order import Contender, CostComparer, compare, days_apart
from melange_cloud.planner.region_question import region_question
from melange_cloud.planner.resolve import resolve
from tests.questions import NOW, ask, question
from tests.report.plans import changed

PAIR = ("us-east-1", "us-central1")


class SolvedAgain:
    """One question with its pieces, to pose it again with other profiles and solve it with HiGHS."""

    def __init__(self, *regions, **asked):
        self.question = question(*regions, **asked)
        self.market = open_market(self.question.of_prices, NOW)
        self.asked = resolve(self.question, self.market.machines)
        self.evaluated = evaluate(self.asked.basis, self.asked.workload.buckets, self.market.every_offer)
        self.regions = {region.name: region for region in self.market.regions}

    def usd_per_month(self, region, off, spare=None):
        """What the region costs where each GPU or kind of ``off`` is off by that part of its error."""
        solving = ProblemSolver("auto", None)
        here = region_question(self.regions[region], self.asked, self.market, self.evaluated, solving)

        def part(kind):
            return off.get(kind.gpu, off.get(str(kind), 0))

        def moved(cell, part):
            """The engine off by its error; the front end only ever by its own towards less."""
            law_error = {"B": 0.2, "D": 0.5}[cell.front_end.grade]
            # Where the engine is not known, the front end may be that of the engine whose server needs the least.
            own = 1 + (part * cell.front_end.error_up if part > 0 else part * law_error)
            low = replace(cell.front_end, requests_per_s=own * cell.front_end_requests_per_s)
            down = cell.engine_error if cell.engine_error_down is None else cell.engine_error_down
            factor = 1 + part * (cell.engine_error if part > 0 else down)
            if factor <= 0.05:
                return UnservableSize("none")
            return replace(cell, engine_requests_per_s=cell.engine_requests_per_s * factor, front_end=low)

        table = {
            (bucket, kind): moved(cell, part(kind)) if isinstance(cell, MaxTput) else cell
            for (bucket, kind), cell in self.evaluated.stated.items()
        }
        posed = here.posed_with(table, **({} if spare is None else {"spare": spare}))
        if posed.problem is None:
            return inf
        return solver.solve(posed.problem, solver="highs").fleet_usd_per_hour * 730


GPUS = ("L4", "A10G", "A100-40GB", "A100-80GB", "H100")
PARTS = (-1, -0.7, -0.45, -0.2, 0.15, 0.4, 0.75, 1)


@pytest.mark.parametrize(
    ("regions", "asked"),
    [
        (PAIR, {"peak_requests_per_s": 16}),
        (PAIR, {"peak_requests_per_s": 20}),
        (PAIR, {"peak_requests_per_s": 36}),
        (("us-east-1", "europe-west4"), {"peak_requests_per_s": 55, "workload": "chat"}),
        (("eu-west-1", "us-west4"), {"peak_requests_per_s": 3, "workload": "document"}),
        (("us-west-2", "asia-southeast1"), {"peak_requests_per_s": 7}),
        # Near L4's latency floor: it may serve none of this.
        (PAIR, {"peak_requests_per_s": 4, "tpot_ms": 72, "workload": "chat", "gpus": ("L4",)}),
        (PAIR, {"peak_requests_per_s": 1, "tpot_ms": 68, "workload": "chat", "gpus": ("L4:1", "A10G", "A100-40GB")}),
    ],
)
def test_a_verdict_is_what_solving_again_gives(regions, asked):
    answer = ask(*regions, **asked)
    first, second = answer.regions
    difference = second.difference
    again = SolvedAgain(*regions, **asked)
    if difference.sure is Confidence.WITHIN_PROFILE_ERROR:
        turn = difference.turn
        off = dict.fromkeys(turn.moved or GPUS, turn.error_part) | dict.fromkeys(turn.opposed, -turn.error_part)
        ours, theirs = (again.usd_per_month(region.region, off) for region in (first, second))
        assert ours > theirs
        stated = turn.cheaper_usd_per_month, turn.dearer_usd_per_month
        assert tuple(inf if usd is None else usd for usd in stated) == pytest.approx((ours, theirs))
        return
    assert difference.basis is not None
    for moved in (GPUS, *((gpu,) for gpu in GPUS)):
        for part in PARTS if moved == GPUS else (-1, 0.5, 1):
            off = dict.fromkeys(moved, part)
            ours, theirs = (again.usd_per_month(region.region, off) for region in (first, second))
            assert ours <= theirs + 1e-3, (moved, part)
    fleets = [{line.gpu for line in region.allocations} for region in (first, second)]
    if (slower := fleets[0] - fleets[1]) and (faster := fleets[1] - fleets[0]):
        off = dict.fromkeys(slower, -1.0) | dict.fromkeys(faster, 1.0)
        ours, theirs = (again.usd_per_month(region.region, off) for region in (first, second))
        assert ours <= theirs + 1e-3, off
    spared = [again.usd_per_month(region.region, {}, spare=1) for region in (first, second)]
    assert (difference.sure is Confidence.TURNS_WITH_SPARE) is (spared[0] > spared[1])
    stated = difference.cheaper_with_spare_usd_per_month, difference.dearer_with_spare_usd_per_month
    assert stated == pytest.approx(tuple(spared))


def test_errors_of_gpus_that_only_one_side_has_may_be_opposed():
    """Two A100-40GB in us-central1 against A10G in us-east-1: 30 % slower there and 30 % faster here, it turns."""
    first, second = ask(*PAIR).regions
    assert ({line.gpu for line in first.allocations}, first.region) == ({"A100-40GB"}, "us-central1")
    assert (second.region, second.difference.sure) == ("us-east-1", Confidence.WITHIN_PROFILE_ERROR)
    turn = second.difference.turn
    assert (turn.moved, turn.error_part, turn.opposed) == (("A100-40GB",), -1, ("A10G",))
    again = SolvedAgain(*PAIR)
    ours, theirs = (again.usd_per_month(name, {"A100-40GB": -1, "A10G": 1}) for name in ("us-central1", "us-east-1"))
    assert (turn.cheaper_usd_per_month, turn.dearer_usd_per_month) == pytest.approx((ours, theirs))
    assert ours > theirs


def test_whole_instances_jump_so_common_errors_do_not_cancel():
    # 1.2 x the peak of 74.788 requests/s keep 11.868 A100-40GB busy (tests/estimates_by_hand.py): two p4d at 21.957642
    # USD/h are 74 % busy, and the 12 GPUs there, at 3.673385, are full. At 11.868 / 11 times the throughput 11 of them
    # are enough, and two p4d are still needed. The error of A100-40GB is 30 %. Their front ends slow
    # them by 0.3 %, and are far from what they take.
    asked = {"workload": "conversation-week", "peak_requests_per_s": "peak", "gpus": ("A100-40GB",)}
    aws, gcp = ask(*PAIR, **asked).regions
    assert aws.usd_per_month == pytest.approx(2 * 21.957642 * 730)
    assert gcp.usd_per_month == pytest.approx(12 * 3.673385 * 730)
    assert gcp.difference.sure is Confidence.WITHIN_PROFILE_ERROR
    assert 1 + 0.3 * gcp.difference.turn.error_part == pytest.approx(11.8677 / 11, abs=1e-4)
    assert gcp.difference.turn.dearer_usd_per_month == pytest.approx(11 * 3.673385 * 730)


@pytest.mark.parametrize("rate", [30, 36])
def test_a_saving_of_a_few_hundred_between_other_fleets_is_not_sure(rate):
    assert ask(*PAIR, peak_requests_per_s=rate).regions[1].difference.sure is Confidence.WITHIN_PROFILE_ERROR


def prices(path, rows):
    """A sheet that prices every type of us-east-1 and us-east-2 by ``rows``: region -> factor or own prices."""
    with path.open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(("provider", "region", "instance_type", "purchase", "usd_per_hour"))
        for region, of in rows.items():
            for offer in catalog.load_snapshot("on_demand").offers_in("aws", "us-east-1", "on_demand"):
                usd = of.get(offer.instance_type.name) if isinstance(of, dict) else of * offer.usd_per_instance_hour
                if usd:
                    sheet.writerow(("aws", region, offer.instance_type.name, "on_demand", f"{usd:.4f}"))
    return {"prices": path, "accept_odd_prices": True}


@pytest.mark.parametrize("router", ["plain", "prompt", "oracle"])
def test_the_same_machines_at_higher_prices_cost_more_for_all_profile_errors(tmp_path, router):
    sheet = prices(tmp_path / "sheet.csv", {"us-east-1": 1.0, "us-east-2": 1.003})
    first, second = ask("us-east-1", "us-east-2", router=router, gpus=("A10G", "L4"), **sheet).regions
    assert (first.region, second.region) == ("us-east-1", "us-east-2")
    assert (second.difference.sure, second.difference.basis) == (Confidence.CLEAR, OrderBasis.OFFERS)
    equal = prices(tmp_path / "sheet.csv", {"us-east-1": 1.0, "us-east-2": 1.0})
    assert ask("us-east-1", "us-east-2", gpus=("A10G",), **equal).regions[1].difference.sure is Confidence.EQUAL


def test_one_machine_that_is_cheaper_than_many_is_no_clear_winner(tmp_path):
    # 30 requests/s keep 1.32 of the 8 A100-40GB of a p4d busy, or 11.06 L4 (tests/estimates_by_hand.py): one p4d at 6
    # USD/h against 12 L4 at 0.9, whatever the profiles do. To survive its loss a second p4d is needed (13 L4 at the
    # list price of 0.9776 cost more), and one more L4.
    sheet = prices(tmp_path / "sheet.csv", {"us-east-1": {"p4d.24xlarge": 6.0}, "us-east-2": {"g6.2xlarge": 0.9}})
    asked = {"workload": "chat", "peak_requests_per_s": 25, "gpus": ("A100-40GB", "L4")}
    first, second = ask("us-east-1", "us-east-2", **asked, **sheet).regions
    assert first.instance_counts == {"p4d.24xlarge": 1}
    assert second.instance_counts == {"g6.2xlarge": 12}
    difference = second.difference
    assert (difference.sure, difference.basis) == (Confidence.TURNS_WITH_SPARE, OrderBasis.RANGES)
    assert difference.cheaper_with_spare_usd_per_month == pytest.approx(2 * 6.0 * 730)
    assert difference.dearer_with_spare_usd_per_month == pytest.approx(13 * 0.9 * 730)


def test_with_a_router_that_knows_sizes_only_offers_and_ranges_decide():
    for router in ("prompt", "oracle"):
        difference = ask(*PAIR, router=router, peak_requests_per_s=20).regions[1].difference
        assert difference.turn is None
        assert (difference.basis is None) is (difference.sure is Confidence.WITHIN_PROFILE_ERROR)
        assert difference.basis is not OrderBasis.EVERY_BREAK


@pytest.fixture(scope="module")
def sides():
    """us-east-1 and us-west-2 of one question, as contenders, with what decides between them."""
    again = SolvedAgain("us-east-1", "eu-west-1", gpus=("A10G",))
    solving = ProblemSolver("auto", None)
    plans = {region.region: region for region in melange_cloud.answer(again.question, now=NOW).regions}

    def contender(name, price_date=date(2026, 7, 20), **changes):
        region = again.regions[name]
        question = region_question(region, again.asked, again.market, again.evaluated, solving)
        lines = tuple(replace(line, price=replace(line.price, as_of_to=price_date)) for line in plans[name].allocations)
        return Contender(changed(plans[name], allocations=lines, **changes), question, 730.0)

    return contender, CostComparer(again.asked, again.evaluated, solving)


def test_a_fleet_that_was_not_searched_to_the_end_could_undercut(sides):
    contender, curves = sides
    cheap, dear = contender("us-east-1"), contender("eu-west-1")
    assert compare(cheap, dear, curves).sure is Confidence.CLEAR
    assert compare(dear, cheap, curves) == compare(cheap, dear, curves)
    usd = cheap.plan.fleet_usd_per_hour
    for bound, sure in (
        (None, Confidence.NOT_PROVEN),
        (usd - 0.1, Confidence.NOT_PROVEN),
        (usd + 0.01, Confidence.CLEAR),
    ):
        open_ = contender("eu-west-1", status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=bound)
        assert compare(cheap, open_, curves).sure is sure


def test_prices_that_are_far_apart_may_have_moved(sides):
    contender, curves = sides
    cheap, dear = contender("us-east-1"), contender("eu-west-1")
    assert dear.oldest_price == date(2026, 7, 20)
    for day, sure in ((date(2026, 4, 21), Confidence.CLEAR), (date(2026, 4, 20), Confidence.PRICES_APART)):
        assert days_apart(date(2026, 7, 20), day) == (90 if sure is Confidence.CLEAR else 91)
        assert compare(cheap, contender("eu-west-1", day), curves).sure is sure
