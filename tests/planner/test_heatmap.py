"""T/$ recomputed from the price list and the profiles, and the rules that a heat map shares with a plan."""

import math

import pytest

from melange_cloud import catalog, profiles
from melange_cloud.domain import MaxTput, Slo
from melange_cloud.errors import BadFile, BadInput, PricesUnavailable
from melange_cloud.planner.heatmap import INPUT_TOKENS, OUTPUT_TOKENS, TPOT_TARGETS_MS, TpotSweep, heat_map
from melange_cloud.planner.question import Question
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from tests.estimates_by_hand import HandReplica, HandServer
from tests.questions import NOW, OFFLINE, ask


def mapped(over=None, regions=("us-east-1",), **more):
    return heat_map(Question(regions=regions, trust=OFFLINE, **more), over, now=NOW)


def replica_requests_per_s(profile: profiles.Profile, input_tokens: int, output_tokens: int) -> float:
    """Of a replica behind one HTTP front end within 80 ms; 0 if it serves none. Estimates are worked out by hand."""
    alone = profile.max_tput(input_tokens, output_tokens, Slo(tpot_ms=80.0))
    estimate = profile.estimate if isinstance(profile, PinnedProfile) else profile
    if alone == estimate.max_tput(input_tokens, output_tokens, Slo(tpot_ms=80.0)):
        by_hand = HandReplica("llama-3.1-8b", profile.kind.gpu, profile.kind.tensor_parallel)
        return min(HandServer(by_hand).served(input_tokens, output_tokens, 80.0))
    # Near a measured size what was measured has its part.
    served = profiles.served_max_tput(profile, (input_tokens, output_tokens), Slo(tpot_ms=80.0))
    assert isinstance(served, MaxTput)
    return served.requests_per_s


def test_t_per_dollar_is_tokens_over_the_cheapest_price_per_replica():
    shown = mapped(tpot_ms=80.0, min_host_memory_gib=0.0, sold_as="any")
    offers = catalog.load_snapshot("on_demand").offers_in("aws", "us-east-1", "on_demand")
    found, _ = profiles.load_profiles("llama-3.1-8b")
    assert shown.gpus == ("L4", "A10G", "A100-40GB", "A100-80GB", "H100")
    usd_per_replica_hour = {
        kind: min(
            offer.usd_per_instance_hour / (offer.instance_type.gpu_count // kind.tensor_parallel)
            for offer in offers
            if offer.instance_type.gpu == kind.gpu and offer.instance_type.gpu_count >= kind.tensor_parallel
        )
        for kind in found
    }
    for cell in shown.cells:
        tokens = cell.input_tokens + cell.output_tokens
        for one in cell.ranked:
            best = max(
                replica_requests_per_s(profile, cell.input_tokens, cell.output_tokens)
                * tokens
                / usd_per_replica_hour[kind]
                for kind, profile in found.items()
                if kind.gpu == one.gpu
            )
            assert one.tokens_per_s_per_usd_per_hour == pytest.approx(best, rel=1e-4)


def test_the_map_has_every_bucket_edge_of_the_paper_best_first():
    shown = mapped()
    assert [(cell.input_tokens, cell.output_tokens) for cell in shown.cells] == [
        (input_tokens, output_tokens) for input_tokens in INPUT_TOKENS for output_tokens in OUTPUT_TOKENS
    ]
    for cell in shown.cells:
        figures = [one.tokens_per_s_per_usd_per_hour for one in cell.ranked]
        assert figures == sorted(figures, reverse=True)
        assert {one.gpu for one in cell.ranked} | set(cell.refused) == set(shown.gpus)


def test_defaults_are_named():
    assert mapped(regions=()).defaulted == (
        "model",
        "precision",
        "era",
        "engine",
        "purchase",
        "api_servers",
        "cached_input",
        "tpot_ms",
        "region",
    )
    shown = mapped(model="llama-2-7b", era="vllm-0.2.7", precision="fp16", purchase="on_demand", tpot_ms=math.inf)
    assert shown.defaulted == ()
    assert shown.tpot_ms is None
    assert shown.notices == ("SNAPSHOT PRICES, NOT LIVE - AWS list of 2026-07-20, 125 days old",)


def test_an_offer_enters_by_the_rules_of_a_plan():
    strict, free = mapped(gpus=("A10G",)), mapped(gpus=("A10G",), min_host_memory_gib=0.0)
    assert strict.prices[0].instance_type == "g5.2xlarge"
    assert free.prices[0].instance_type == "g5.xlarge"
    assert ("g5.xlarge", "host_memory") in {(item.instance_type, item.code) for item in strict.left_out}
    plan = ask()
    left_out = {item.instance_type for item in plan.regions[0].left_out if item.code in ("host_memory", "sold_as")}
    assert left_out == {item.instance_type for item in mapped().left_out}


def test_a_size_beyond_the_reach_is_refused_by_every_gpu():
    shown = mapped(model="llama-2-7b")
    beyond = next(cell for cell in shown.cells if cell.input_tokens == 16000)
    assert beyond.ranked == ()
    assert set(beyond.refused) == set(shown.gpus)


def test_over_targets_a_looser_one_never_serves_less():
    shown = mapped(TpotSweep(64, 64))
    assert [cell.tpot_ms for cell in shown.cells] == list(TPOT_TARGETS_MS)
    for gpu in shown.gpus:
        rates = [served.tokens_per_s_per_usd_per_hour for cell in shown.cells if (served := cell.of(gpu))]
        assert rates == sorted(rates)
    own = mapped(TpotSweep(64, 64, (math.inf, 80.0, 80.0)))
    assert [cell.tpot_ms for cell in own.cells] == [80.0, None]
    assert "tpot_ms" not in own.defaulted


def test_gpus_stand_as_they_were_asked_for():
    assert mapped(gpus=("H100", "L4")).gpus == ("H100", "L4")
    assert mapped(gpus=("a10g,l4",)).gpus == ("A10G", "L4")
    assert {(price.gpu, price.tensor_parallel) for price in mapped(gpus=("L4:2", "H100")).prices} >= {("L4", 2)}
    assert ("L4", 1) not in {(price.gpu, price.tensor_parallel) for price in mapped(gpus=("L4:2",)).prices}


def test_a_gpu_that_is_not_on_the_map_says_why():
    shown = mapped(gpus=("A10G", "H100"), regions=("us-central1",))
    assert shown.gpus == ("H100",)
    assert shown.missing == {"A10G": "no on demand price here"}
    assert mapped(precision="fp8").missing["A10G"] == "A10G does not support fp8"


def test_the_users_sheet_outranks_the_snapshot(tmp_path):
    sheet = tmp_path / "ours.csv"
    sheet.write_text(
        "provider,region,instance_type,purchase,usd_per_hour,as_of_to\naws,us-east-1,g5.2xlarge,on_demand,0.606,2026-11-01\n"
    )
    ours, theirs = mapped(gpus=("A10G:1",), prices=sheet), mapped(gpus=("A10G:1",))
    assert ours.prices[0].price.origin == "user"
    # 25 + 25 tokens alone: 1 / (0.0217 + 24 x 0.0000214) = 45 requests/s.
    assert ours.notices == (
        "the HTTP front end (1 API server per replica) limits 1 of 60 figures, on A10G; "
        "--api-servers sets how many servers there are",
    )
    for mine, listed in zip(ours.cells, theirs.cells, strict=True):
        assert mine.ranked[0].lead_over(listed.ranked[0]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        ({"tpot_ms": 0.0}, BadInput, "--tpot-ms 0"),
        ({"tpot_ms": math.nan}, BadInput, "--tpot-ms nan"),
        ({"over": TpotSweep(0, 64)}, BadInput, "0 input tokens"),
        ({"over": TpotSweep(64, 64, (-1.0,))}, BadInput, "--tpot-ms -1"),
        ({"regions": ("us-*",)}, BadInput, "--region us-*: a heat map is of one region"),
        ({"regions": ("us-east-1", "us-west-2")}, BadInput, "a heat map is of one region"),
        ({"regions": ("all",)}, BadInput, "a heat map is of one region"),
        ({"regions": ("nowhere",)}, BadInput, "unknown region 'nowhere'"),
        ({"gpus": ("T4",)}, BadInput, "--gpu T4"),
        ({"model": "gpt"}, BadInput, "--model gpt: not supported; known are llama-3.1-8b"),
        ({"gpus": ("A10G",), "regions": ("us-central1",)}, PricesUnavailable, "gcp us-central1"),
        ({"gpus": ("A10G",), "precision": "fp8"}, PricesUnavailable, "A10G does not support fp8"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(more, error, says):
    with pytest.raises(error) as raised:
        mapped(**more)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_broken_sheet_is_refused_with_its_line(tmp_path):
    sheet = tmp_path / "ours.csv"
    sheet.write_text("provider,region,instance_type,purchase,usd_per_hour\naws,us-east-1,g5.2xlarge,on_demand,-1\n")
    with pytest.raises(BadFile, match="line 2"):
        mapped(prices=sheet)


def test_a_replica_over_several_gpus_pays_for_them():
    shown = mapped(model="llama-3.1-70b", gpus=("H100",))
    assert {price.instance_type for price in shown.prices} == {"p5.48xlarge"}
    assert {8 // price.tensor_parallel for price in shown.prices} == {p.replicas_per_instance for p in shown.prices}
    assert min(price.tensor_parallel for price in shown.prices) > 1
    for price in shown.prices:
        assert price.usd_per_replica_hour == pytest.approx(price.usd_per_instance_hour * price.tensor_parallel / 8)
