"""GcpPrices with Google's own clients against 127.0.0.1: what becomes an offer, what is left out, and why."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from melange_cloud.clouds.gcp import GcpPatience, GcpPrices
from melange_cloud.domain import InstanceType
from tests.clouds.gcp_recorded import (
    MACHINES,
    MACHINES_PATH,
    PURCHASES,
    SKUS_PATH,
    expected_prices,
    read_json,
    sku,
    skus,
)
from tests.clouds.loopback import Loopback, Reply, by_path

QUICK = GcpPatience(answer_s=120, give_up_s=120, first_wait_s=0.01, longest_wait_s=0.02)
RECORDED_AT = datetime(2026, 8, 1, tzinfo=UTC)


def machine_pages(request):
    first, second = read_json("machine_types.json")
    return Reply(second if request.query.get("pageToken") == ["page-2"] else first)


@pytest.fixture
def fetch(monkeypatch):
    """Ask a server that holds these SKUs (the recorded ones by default) and, with ``project``, the machine types."""

    def ask(listed=None, regions=("us-central1",), purchases=("on_demand",), machines=MACHINES, pages=None, **options):
        answers: dict[str, Any] = {
            SKUS_PATH: Reply({"skus": skus() if listed is None else listed}),
            MACHINES_PATH: machine_pages,
        }
        if pages is not None:
            answers[MACHINES_PATH] = Reply(pages)
        with Loopback(by_path(answers)) as server:
            monkeypatch.setenv("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", server.url)
            monkeypatch.setenv("MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT", server.url)
            found = GcpPrices(patience=QUICK, **options).fetch(regions, purchases, machines)
            ask.requests = server.requests  # type: ignore[attr-defined]
        return found

    return ask


def prices(fetched):
    return {(one.region, one.instance_type.name, one.purchase): one.usd_per_instance_hour for one in fetched.offers}


def reasons(fetched):
    return {pair.instance_type: pair.reason for pair in fetched.excluded}


def without(description, listed=None):
    """The recorded SKUs without those whose text holds this."""
    found = [one for one in (listed or skus()) if description not in one["description"]]
    assert len(found) < len(listed or skus())
    return found


def test_recorded_answers_give_row_for_row_the_known_figures(fetch):
    fetched = fetch(regions=("europe-west4", "us-central1"), purchases=PURCHASES)
    found = {key: usd for key, usd in prices(fetched).items() if key[0] == "us-central1" or key[2] == "on_demand"}
    assert found.keys() == expected_prices().keys()
    assert found == pytest.approx(expected_prices(), abs=2.1e-6)
    assert not fetched.problems


@pytest.mark.parametrize(
    ("name", "usd_per_hour"),
    [
        ("g2-standard-4", 0.706832),
        ("a2-highgpu-1g", 3.673385),
        ("a2-ultragpu-1g", 5.068798),
        ("a3-highgpu-8g", 88.49),
        ("a3-megagpu-8g", 92.871804),
    ],
)
def test_headline_prices_of_us_central1(fetch, name, usd_per_hour):
    assert prices(fetch())["us-central1", name, "on_demand"] == pytest.approx(usd_per_hour, abs=1.1e-6)


def test_an_offer_says_what_it_is(fetch):
    fetched = fetch(purchases=PURCHASES, now=lambda: RECORDED_AT)
    said = {
        one.purchase: (one.sold_as, one.contract) for one in fetched.offers if one.instance_type.name == "a2-highgpu-1g"
    }
    assert said == {
        "on_demand": ("on_demand", ""),
        "spot": ("spot", ""),
        "commit_1y": ("commitment", "CUD 1y"),
        "commit_3y": ("commitment", "CUD 3y"),
    }
    assert {(one.origin, one.as_of_from, one.as_of_to) for one in fetched.offers} == {
        ("live", date(2026, 8, 1), date(2026, 8, 1))
    }
    assert all(one.usd_per_instance_hour == one.list_usd_per_instance_hour for one in fetched.offers)


def test_lookalikes_change_nothing(fetch):
    assert prices(fetch(skus() + skus("lookalikes.json"), purchases=PURCHASES)) == prices(fetch(purchases=PURCHASES))


@pytest.mark.parametrize("wording", ["80GB Mega", "Mega 80GB", "80GB Plus"])
def test_h100_mega_by_any_name_costs_the_same(fetch, wording):
    renamed = [{**one, "description": one["description"].replace("80GB Plus", wording)} for one in skus()]
    assert prices(fetch(renamed)) == prices(fetch())


def test_a_renamed_gpu_gives_no_price_and_the_new_name_is_shown(fetch):
    renamed = [{**one, "description": one["description"].replace("80GB Plus", "80GB Ultra")} for one in skus()]
    fetched = fetch(renamed)
    assert ("us-central1", "a3-megagpu-8g", "on_demand") not in prices(fetched)
    assert (
        "Nvidia H100 80GB Ultra GPU running in Americas"
        in reasons(fetch(renamed, project="a-project"))["a3-megagpu-8g"]
    )


@pytest.mark.parametrize(
    ("part", "text", "lost"),
    [
        ("A2 vCPU", "A2 Instance Core running", {"a2-highgpu-1g", "a2-megagpu-16g", "a2-ultragpu-8g"}),
        ("A2 memory", "A2 Instance Ram running", {"a2-highgpu-1g", "a2-megagpu-16g", "a2-ultragpu-8g"}),
        ("local SSD", "SSD backed Local Storage", {"a2-ultragpu-1g", "a3-highgpu-8g", "a3-megagpu-8g"}),
        ("G2 memory", "G2 Instance Ram running", {"g2-standard-4", "g2-standard-96"}),
    ],
)
def test_a_missing_part_is_no_price_and_says_which(fetch, part, text, lost):
    fetched = fetch(without(text))
    gone = {name for _, name, _ in prices(fetch()).keys() - prices(fetched).keys()}
    assert lost <= gone
    assert all(f"no on_demand price: no SKU for {part}" in reasons(fetched)[name] for name in gone)
    left = prices(fetched)
    assert left == {key: usd for key, usd in prices(fetch()).items() if key in left}


def test_bundled_local_ssd_is_in_the_price(fetch):
    free = [
        {**one, "serviceRegions": ["nowhere1"]} if one["description"] == "SSD backed Local Storage" else one
        for one in skus()
    ]
    assert {"a2-ultragpu-1g", "a3-highgpu-8g"} <= reasons(fetch(free)).keys()
    assert prices(fetch(free))["us-central1", "a2-highgpu-1g", "on_demand"] == pytest.approx(3.673385)


def test_a3_mega_takes_a3plus_hosts_where_listed_and_never_half_of_them(fetch):
    core = sku("A3Plus Instance Core running in Americas", "CPU", nanos=20000000, sku_id="PLUS-CORE")
    ram = sku("A3Plus Instance Ram running in Americas", "RAM", nanos=1000000, unit="GiBy.h", sku_id="PLUS-RAM")
    host = 208 * 0.02 + 1872 * 0.001
    both = prices(fetch([*skus(), core, ram]))
    assert both["us-central1", "a3-megagpu-8g", "on_demand"] == pytest.approx(
        host + 8 * 10.344276 + 6000 * 0.08 / 730, abs=2e-6
    )
    assert both["us-central1", "a3-highgpu-8g", "on_demand"] == pytest.approx(88.49, abs=2e-6)
    assert "no SKU for A3Plus memory" in reasons(fetch([*skus(), core]))["a3-megagpu-8g"]


def test_small_a3_is_spot_only(fetch):
    fetched = fetch(purchases=("on_demand", "spot", "commit_1y"))
    for name in ("a3-highgpu-1g", "a3-highgpu-2g", "a3-highgpu-4g"):
        assert [key for key in prices(fetched) if key[1] == name] == [("us-central1", name, "spot")]
        assert reasons(fetched)[name] == "not sold on demand: only as Spot, Flex-start or with a reservation"


def test_a_commitment_that_google_does_not_sell_is_left_out_and_said(fetch):
    fetched = fetch(purchases=("on_demand", "commit_1y"))
    assert reasons(fetched)["a2-ultragpu-1g"] == "no commit_1y price: no SKU for A100 80GB GPU"
    assert [key[2] for key in prices(fetched) if key[1] == "a2-ultragpu-1g"] == ["on_demand"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"currency": "EUR"}, "is priced in 'EUR', not in USD"),
        ({"unit": "min"}, "is priced per 'min'"),
        ({"nanos": 0}, "has the price 0"),
    ],
)
def test_a_refused_sku_is_named_and_what_it_touches_is_not_complete(fetch, change, said):
    bad = sku(sku_id="BAD-1", **change)
    fetched = fetch([*without("Nvidia L4 GPU running"), bad], purchases=("on_demand", "spot"))
    assert not [key for key in prices(fetched) if key[1].startswith("g2-") and key[2] == "on_demand"]
    (problem,) = map(str, fetched.problems)
    assert "SKU BAD-1" in problem
    assert said in problem
    assert "us-central1" in problem
    assert "\n" not in problem
    assert fetched.complete == {("us-central1", "spot")}
    assert "SKU BAD-1" in reasons(fetched)["g2-standard-4"]


def test_two_skus_for_one_part_are_an_error_that_names_both(fetch):
    fetched = fetch([*skus(), sku(sku_id="TWIN-1", nanos=200000000)])
    (problem,) = map(str, fetched.problems)
    assert "TWIN-1" in problem
    assert "R000-0000-0003" in problem
    assert not [key for key in prices(fetched) if key[1].startswith("g2-")]
    assert ("us-central1", "a2-highgpu-1g", "on_demand") in prices(fetched)
    assert not fetched.complete


def test_only_what_google_lists_is_complete(fetch):
    """The recorded europe-west4 has no spot SKU: nothing that could replace an older spot price."""
    fetched = fetch(regions=("europe-west4", "us-central1"), purchases=("on_demand", "spot"))
    assert fetched.complete == {
        ("europe-west4", "on_demand"),
        ("us-central1", "on_demand"),
        ("us-central1", "spot"),
    }


def test_an_unknown_region_is_said_and_not_complete(fetch):
    fetched = fetch(regions=("us-central1", "us-centrall1"))
    assert fetched.complete == {("us-central1", "on_demand")}
    (problem,) = fetched.problems
    assert "'us-centrall1'" in problem.what
    assert problem.cure == "check its name"


def test_without_a_project_every_region_with_all_parts_has_the_type(fetch):
    fetched = fetch(regions=None)
    assert {region for region, _, _ in prices(fetched)} == {"us-central1", "us-east1", "us-west1", "europe-west4"}
    assert ("asia-east1", "on_demand") in fetched.complete
    assert [request.path for request in fetch.requests] == [SKUS_PATH]


def test_known_types_keep_machines_out_that_do_not_exist(fetch):
    fetched = fetch(regions=("us-central1", "us-west1"), known_types={"us-central1": {"g2-standard-4"}})
    assert prices(fetched).keys() == {("us-central1", "g2-standard-4", "on_demand")}
    assert {pair.reason for pair in fetched.excluded if pair.region == "us-west1"} == {
        "the price list has it, but the machine type does not exist in this region"
    }


def test_machine_types_by_zone_out_of_order_and_mostly_empty(fetch):
    fetched = fetch(regions=None, project="a-project", known_types={"us-west1": {"g2-standard-4"}})
    types = {}
    for region, name, _ in prices(fetched):
        types.setdefault(region, set()).add(name.partition("-")[0])
    assert types == {"us-central1": {"a2", "a3", "g2"}, "us-east1": {"g2"}, "europe-west4": {"a2", "a3", "g2"}}
    assert not fetched.problems
    asked = [request for request in fetch.requests if request.path == MACHINES_PATH]
    assert [request.query.get("pageToken") for request in asked] == [None, ["page-2"]]
    assert all("filter" in request.query for request in asked)


def test_a_project_may_come_from_the_environment(fetch, monkeypatch):
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another")
    monkeypatch.setenv("MELANGE_CLOUD_GCP_PROJECT", "a-project")
    assert {region for region, _, _ in prices(fetch(regions=None))} == {"us-central1", "us-east1", "europe-west4"}


def test_an_unknown_machine_type_with_our_gpu_is_left_out_and_said(fetch):
    left = reasons(fetch(project="a-project"))
    assert left["a3-novelgpu-2g"] == "a machine type that melange-cloud does not know yet"
    assert left["a3-edgegpu-8g"] == "a3-edgegpu is not generally orderable"
    assert not {"a4-highgpu-8g", "g1-small"} & left.keys()


def test_a_shape_of_unknown_parts_is_left_out_and_said(fetch):
    novel = InstanceType("gcp", "a3-novelgpu-2g", "H100", 2, 52, 468.0, "gcp:A3")
    aws = InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16.0, "aws:G")
    fetched = fetch(project="a-project", machines=(novel, aws))
    assert not fetched.offers
    assert reasons(fetched)["a3-novelgpu-2g"] == "melange-cloud does not know which parts make up its price"


def test_a_type_that_exists_without_any_price_is_said(fetch):
    left = reasons(fetch(without("Nvidia L4 GPU"), project="a-project"))
    assert left["g2-standard-4"] == "no on_demand price: no SKU for L4 GPU"


def test_a_zone_that_google_could_not_ask_proves_nothing(fetch):
    pages = {
        "items": {"zones/us-west1-a": {"warning": {"code": "UNREACHABLE", "message": "zone is down"}}},
        "unreachables": ["zones/us-east1-b"],
    }
    found = prices(fetch(regions=None, project="a-project", pages=pages))
    assert {region for region, _, _ in found} == {"us-west1", "us-east1"}


def test_offers_and_exclusions_are_sorted_and_repeatable(fetch):
    once = fetch(regions=None, purchases=PURCHASES, project="a-project", now=lambda: RECORDED_AT)
    again = fetch(skus()[::-1], regions=None, purchases=PURCHASES, project="a-project", now=lambda: RECORDED_AT)
    assert once == again
    keys = [(one.region, one.instance_type.name) for one in once.offers]
    assert keys == sorted(keys)
