"""The order of trust, with the real SDKs against 127.0.0.1: what is used, what is said, and what is not asked for."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from melange_cloud import catalog, clouds
from melange_cloud.catalog import CachedPrices, Discount, QueryRecord, read_cache, store
from melange_cloud.clouds import CloudAnswer, PriceSources
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.clouds.aws.client import AwsClients, AwsPatience
from melange_cloud.clouds.gcp import GcpPatience, GcpPrices
from melange_cloud.domain import PURCHASES, Exclusion, InstanceType, Offer, Region
from melange_cloud.errors import BadInput, Finding, PricesUnavailable
from melange_cloud.market import gather
from melange_cloud.market.gather import PricePolicy
from tests.clouds.aws_cloud import FakeAws, product, recorded, recorded_spot, refusal
from tests.clouds.loopback import Loopback, Reply, in_turn
from tests.live import both_clouds

pytestmark = pytest.mark.usefixtures("cache")

OFFLINE, REFRESH = PricePolicy(offline=True), PricePolicy(refresh=True)
PROBE_S = "melange_cloud.clouds.credentials._ANSWER_S"
"""How long a metadata server may take to answer: long where a test needs its answer, however busy the machine is."""


def regions(*names):
    return [region for region in catalog.load_regions() if region.name in names]


EAST, CENTRAL = regions("us-east-1")[0], regions("us-central1")[0]
BOTH = [EAST, CENTRAL]


def quick(aws_read_s=120, **more):
    """Both clouds, asked once or until the third of a second is over; ``aws_read_s`` is for an AWS that hangs."""
    patience = AwsPatience(connect_s=120, read_s=aws_read_s, pricing_attempts=1, ec2_attempts=1)
    aws = AwsPrices(AwsClients(patience=patience))
    gcp = GcpPrices(patience=GcpPatience(answer_s=120, give_up_s=0.3, first_wait_s=0.01, longest_wait_s=0.02))
    return PriceSources({"aws": aws, "gcp": gcp, **more})


def origins(gathered, *where, purchase="on_demand"):
    return {
        offer.origin for region in where for offer in gathered.catalog.offers_in(region.provider, region.name, purchase)
    }


def price_of(gathered, name, region=EAST, purchase="on_demand"):
    found = [
        offer
        for offer in gathered.catalog.offers_in(region.provider, region.name, purchase)
        if offer.instance_type.name == name
    ]
    return found[0] if found else None


def put(usd_per_hour=0.5, age=timedelta(0), region="us-east-1", whole=True, name="g6.xlarge", clean=True):
    """Something in the cache, as if fetched ``age`` ago."""
    at = datetime.now(UTC) - age
    machine = catalog.load_instance_types()["aws", name]
    offer = Offer(
        machine, region, "on_demand", "on_demand", usd_per_hour, usd_per_hour, "live", "test", at.date(), at.date()
    )
    parts = [CachedPrices(region, "on_demand", at, whole, (offer,))]
    assert store("aws", parts, [QueryRecord(region, "on_demand", at, clean)], at) is None


# Live, then cached


def test_live_then_cached_without_a_call(serve):
    server = serve()
    live = gather.gather(BOTH, ["on_demand"])
    assert origins(live, EAST) == {"live"}
    assert origins(live, CENTRAL) == {"live"}
    assert live.notes == ()
    asked = len(server.requests)
    assert asked == 3  # one page of AWS's list, its offerings, one page of Google's: machine types need a project
    warm = gather.gather(BOTH, ["on_demand"])
    assert len(server.requests) == asked
    assert origins(warm, EAST, CENTRAL) == {"cached"}
    assert warm.notes == ()
    assert [replace(one, origin="live") for one in warm.catalog.offers_in("aws", "us-east-1", "on_demand")] == list(
        live.catalog.offers_in("aws", "us-east-1", "on_demand")
    )


def test_one_answer_of_google_serves_every_region_and_purchase(serve):
    server = serve()
    gather.gather([CENTRAL], ["on_demand"])
    asked = len(server.requests)
    west = regions("europe-west4")
    assert origins(gather.gather([CENTRAL], ["spot"]), CENTRAL, purchase="spot") == {"cached"}
    assert origins(gather.gather(west, ["on_demand"]), *west) == {"cached"}
    assert len(server.requests) == asked


def test_aws_commitments_come_with_on_demand_and_spot_does_not(serve):
    server = serve(both_clouds(FakeAws(recorded("gpu_products.json") + recorded("reserved_terms.json"))))
    gather.gather([EAST], ["on_demand"])
    asked = len(server.requests)
    gather.gather([EAST], ["commit_1y"])
    assert len(server.requests) == asked
    gather.gather([EAST], ["spot"])
    assert len(server.requests) > asked


def test_only_the_providers_and_regions_of_the_question_are_asked(serve):
    server = serve()
    gather.gather([EAST], ["on_demand"])
    assert not [request for request in server.requests if request.path.startswith("/v1/services")]
    asked = len(server.requests)
    gather.gather([EAST, *regions("eu-west-1")], ["on_demand"])
    assert {request.json()["Filters"][-1]["Value"] for request in server.requests[asked:] if "target" in str(request)}
    assert all(b"us-east-1" not in request.body for request in server.requests[asked:])


def test_after_a_refresh_of_everything_no_region_is_asked_for_again(serve):
    server = serve()
    outcomes = gather.refresh({"aws": None, "gcp": None}, PURCHASES)
    assert [one.failure for one in outcomes] == [None, None]
    asked = len(server.requests)
    everywhere = [region for region in catalog.load_regions() if not region.government]
    for purchase in PURCHASES:
        gather.gather(everywhere, [purchase])
    assert len(server.requests) == asked


def test_a_region_without_a_price_is_not_asked_for_at_every_plan(serve):
    server = serve()
    asked = []
    for _ in range(2):
        gathered = gather.gather(regions("us-east-1", "eu-north-1"), ["on_demand"])
        asked.append(len(server.requests))
    assert origins(gathered, *regions("eu-north-1")) == {"snapshot"}
    assert asked[0] == asked[1]


def test_refresh_asks_however_fresh_the_cache_is(serve):
    server = serve()
    gather.gather([EAST], ["on_demand"])
    asked = len(server.requests)
    assert origins(gather.gather([EAST], ["on_demand"], trust=REFRESH), EAST) == {"live"}
    assert len(server.requests) == 2 * asked


def test_offline_asks_nobody_and_takes_what_is_cached(serve):
    server = serve()
    cold = gather.gather(BOTH, ["on_demand"], trust=OFFLINE)
    assert origins(cold, *BOTH) == {"snapshot"}
    assert cold.notes == ()
    gather.gather([EAST], ["on_demand"])
    asked = len(server.requests)
    assert origins(gather.gather(BOTH, ["on_demand"], trust=OFFLINE), EAST) == {"cached"}
    assert len(server.requests) == asked


def test_ages_are_told_in_words(serve):
    put(age=timedelta(hours=3))
    gathered = gather.gather(BOTH, ["on_demand"], trust=OFFLINE)
    now = datetime.now(UTC)
    assert gathered.age_words(price_of(gathered, "g6.xlarge"), now) == "cached 3 h"
    assert gathered.age_words(price_of(gathered, "g2-standard-4", CENTRAL), now) == "snapshot 2026-07-30"
    serve()
    live = gather.gather([EAST], ["on_demand"], trust=REFRESH)
    assert live.age_words(price_of(live, "g6.xlarge"), now) == "live"


# Without credentials


def test_without_credentials_nothing_heavy_is_imported_nobody_is_asked_and_one_line_says_how(cache):
    code = (
        "import json, socket, sys\n"
        "from melange_cloud import catalog\n"
        "from melange_cloud.market import gather\n"
        "chosen = [r for r in catalog.load_regions() if r.name in ('us-east-1', 'us-central1')]\n"
        "asked = []\n"
        "socket.socket.connect = lambda _, address: asked.append(address)\n"
        "notes = gather.gather(chosen, ['on_demand']).notes\n"
        "heavy = [m for m in sys.modules if m.split('.')[0] in ('boto3', 'botocore', 'google', 'requests', 'grpc')]\n"
        "print(json.dumps([notes, asked, heavy]))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    notes, asked, heavy = json.loads(ran.stdout)
    assert heavy == []
    assert asked == []
    (note,) = notes
    for cure in ("aws configure", "prices refresh --public", "MELANGE_CLOUD_GCP_API_KEY", "gcloud auth"):
        assert cure in note
    assert not cache.exists()


@pytest.fixture
def metadata_servers(monkeypatch):
    """Starts a metadata server for each cloud, given what they answer."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.delenv("NO_GCE_CHECK")

    @contextmanager
    def started(answer):
        with Loopback(answer) as one, Loopback(answer) as other:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", one.url)
            monkeypatch.setenv("GCE_METADATA_HOST", other.url.removeprefix("http://"))
            yield one, other

    return started


def test_metadata_servers_that_hang_are_asked_once_and_given_up(metadata_servers):
    with metadata_servers(in_turn(Reply(fault="hang"))) as (one, other):
        first = gather.gather(BOTH, ["on_demand"])
        second = gather.gather(BOTH, ["on_demand"])
        assert len(one.requests) == len(other.requests) == 1
    assert first.notes == second.notes
    assert len(first.notes) == 1


def test_metadata_servers_are_asked_side_by_side(metadata_servers, monkeypatch):
    """Neither answers before both have been asked."""
    monkeypatch.setattr(PROBE_S, 240)
    both_asked = threading.Barrier(2)

    def answer(request):
        both_asked.wait(120)
        return Reply(fault="drop")

    with metadata_servers(answer) as (one, other):
        assert len(gather.gather(BOTH, ["on_demand"]).notes) == 1
        assert len(one.requests) == len(other.requests) == 1


def test_a_metadata_server_that_answers_is_a_sign(monkeypatch):
    monkeypatch.setattr(PROBE_S, 120)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.delenv("NO_GCE_CHECK")
    from melange_cloud.clouds.credentials import access, answering

    with Loopback(lambda request: Reply("x", headers={"Metadata-Flavor": "Google"})) as google:
        host, port = google.url.removeprefix("http://").split(":")
        assert answering({"aws": (host, int(port)), "gcp": (host, int(port))}) == {"aws": False, "gcp": True}
        assert len(google.requests) == 1
    with Loopback(lambda request: Reply("?", status=401)) as aws:
        host, port = aws.url.removeprefix("http://").split(":")
        assert answering({"aws": (host, int(port)), "gcp": (host, int(port))}) == {"aws": True, "gcp": False}
    assert access("aws").metadata == ("169.254.169.254", 80)


def test_a_metadata_server_without_credentials_is_remembered_as_none(monkeypatch):
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setattr(PROBE_S, 120)
    with Loopback(lambda request: Reply("?", status=404)) as one:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", one.url)
        first = gather.gather([EAST], ["on_demand"])
        asked = len(one.requests)
        second = gather.gather([EAST], ["on_demand"])
        assert len(one.requests) == asked > 1
        (note,) = first.notes
        assert note.startswith("live prices need credentials - aws: run `aws configure`")
        assert second.notes == first.notes


def test_no_credentials_is_a_kind_of_failure_and_a_refusal_is_not(serve, monkeypatch):
    without = gather.refresh({"aws": ["us-east-1"], "gcp": None}, ["on_demand"])
    assert [outcome.no_credentials for outcome in without] == [True, True]
    assert [outcome.failure.what for outcome in without] == [
        "aws: no credentials, so no live prices",
        "gcp: no credentials, so no live prices",
    ]
    serve(lambda request: Reply(status=403))
    refused = gather.refresh({"aws": ["us-east-1"], "gcp": None}, ["on_demand"])
    assert all(outcome.failure is not None for outcome in refused)
    assert [outcome.no_credentials for outcome in refused] == [False, False]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("[default]\nregion = us-east-1\n", False),
        ("[default]\naws_access_key_id = AKIA\n", True),
        ("[profile a]\nsso_session = b\n", True),
        ("[profile a]\ncredential_process = /bin/x\n", True),
    ],
)
def test_a_profile_with_a_region_alone_is_no_sign(monkeypatch, tmp_path, text, sign):
    from melange_cloud.clouds.credentials import access

    (tmp_path / "config").write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert bool(access("aws").signs) is sign


def test_googles_own_file_is_a_sign_and_its_content_is_not_shown(tmp_path, monkeypatch):
    from melange_cloud.clouds.credentials import access

    assert access("gcp").signs == ()
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    (tmp_path / "application_default_credentials.json").write_text('{"refresh_token": "very-secret"}')
    monkeypatch.setenv("MELANGE_CLOUD_GCP_API_KEY", "very-secret")
    assert len(access("gcp").signs) == 2
    assert "secret" not in str(access("gcp"))


# What goes wrong


def test_one_cloud_failing_does_not_fail_the_other(serve):
    serve(both_clouds(aws=FakeAws(fault=refusal("AccessDeniedException"))))
    gathered = gather.gather(BOTH, ["on_demand"])
    assert origins(gathered, EAST) == {"snapshot"}
    assert origins(gathered, CENTRAL) == {"live"}
    (note,) = gathered.notes
    assert "allow pricing:GetProducts" in note
    assert "(used instead:" in note
    assert "snapshot prices)" in note


def test_the_other_cloud_failing_does_not_fail_the_one(serve):
    serve(both_clouds(gcp=in_turn(Reply('{"skus": [', status=200))))
    gathered = gather.gather(BOTH, ["on_demand"], sources=quick())
    assert origins(gathered, EAST) == {"live"}
    assert origins(gathered, CENTRAL) == {"snapshot"}
    assert gathered.notes[0].startswith("gcp: Google's price list is not in the JSON form")


def test_a_server_that_is_killed_in_the_middle_leaves_older_prices(serve):
    server = serve()
    gather.gather([EAST], ["on_demand"])
    server.close()
    gathered = gather.gather(BOTH, ["on_demand"], trust=REFRESH, sources=quick())
    assert origins(gathered, EAST) == {"cached"}
    assert origins(gathered, CENTRAL) == {"snapshot"}
    assert len(gathered.notes) == 2
    assert "cached prices)" in gathered.notes[0]
    assert "snapshot prices)" in gathered.notes[1]


def test_a_hanging_cloud_is_given_up_and_does_not_spoil_the_other(serve):
    serve(both_clouds(aws=in_turn(Reply(fault="hang"))))
    gathered = gather.gather(BOTH, ["on_demand"], sources=quick(aws_read_s=0.2))
    assert origins(gathered, CENTRAL) == {"live"}
    assert "no answer in time" in gathered.notes[0]


def test_half_a_region_lies_over_what_is_older(serve):
    """One price that cannot be right: the others are live, it keeps its snapshot price, and the next plan is warm."""
    answered = [product("g6.xlarge", usd="0.9000000000", sku="A"), product("g5.2xlarge", usd="0.0000000000", sku="B")]
    server = serve(both_clouds(FakeAws(answered)))
    gathered = gather.gather([EAST], ["on_demand"])
    assert price_of(gathered, "g6.xlarge").usd_per_instance_hour == 0.9
    assert price_of(gathered, "g6.xlarge").origin == "live"
    assert price_of(gathered, "g5.2xlarge").origin == "snapshot"
    assert price_of(gathered, "p5.48xlarge").origin == "snapshot"
    (note,) = [note for note in gathered.notes if "g5.2xlarge" in note]
    assert "B" in note
    asked = len(server.requests)
    warm = gather.gather([EAST], ["on_demand"])
    assert len(server.requests) == asked
    assert price_of(warm, "g6.xlarge").origin == "cached"
    assert price_of(warm, "g5.2xlarge").origin == "snapshot"


def test_what_could_not_be_read_is_asked_for_again_after_an_hour(serve):
    put(age=timedelta(minutes=59), whole=False, clean=False)
    server = serve()
    gather.gather([EAST], ["on_demand"])
    assert not server.requests
    put(age=timedelta(minutes=61), region="us-west-2", whole=False, clean=False)
    gather.gather(regions("us-west-2"), ["on_demand"])
    assert server.requests


def test_an_odd_price_is_refused_with_its_type_named(serve):
    products = [*recorded("gpu_products.json"), product("g6.xlarge", "us-east-2", usd="8.0480000000", sku="ODD")]
    serve(both_clouds(FakeAws(products)))
    east = regions("us-east-2")
    gathered = gather.gather(east, ["on_demand"])
    assert price_of(gathered, "g6.xlarge", east[0]).origin == "snapshot"
    (note,) = gathered.notes
    assert "g6.xlarge on_demand in us-east-2 is implausible: 8.048 is 8.0 times off" in note
    assert not [part for part in read_cache("aws").parts if part.region == "us-east-2" and part.whole]


def test_a_type_that_a_whole_answer_lacks_is_gone_and_not_taken_from_the_snapshot(serve):
    serve(both_clouds(FakeAws([product("g6.xlarge")])))
    gathered = gather.gather([EAST], ["on_demand"])
    assert [offer.instance_type.name for offer in gathered.catalog.offers_in("aws", "us-east-1", "on_demand")] == [
        "g6.xlarge"
    ]


def test_what_the_region_prices_and_does_not_offer_is_left_out_with_the_reason(serve):
    serve(both_clouds(FakeAws(recorded("gpu_products.json"), offered={"us-east-1": ["g6.xlarge"]})))
    for _ in ("live", "cached"):
        gathered = gather.gather([EAST], ["on_demand"])
        left_out = {one.instance_type: one.reason for one in gathered.catalog.excluded_in("aws", "us-east-1")}
        assert "DescribeInstanceTypeOfferings" in left_out["p5.48xlarge"]


def test_a_broken_cache_is_one_note_and_the_clouds_are_asked(serve, cache):
    put()
    (cache / "aws.json").write_text("{")
    serve()
    gathered = gather.gather([EAST], ["on_demand"])
    assert origins(gathered, EAST) == {"live"}
    (note,) = gathered.notes
    assert "damaged" in note
    assert origins(gather.gather([EAST], ["on_demand"]), EAST) == {"cached"}


def test_a_cache_that_cannot_be_written_is_one_note(serve, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / "file" / "cache"))
    serve()
    gathered = gather.gather([EAST], ["on_demand"])
    assert origins(gathered, EAST) == {"live"}
    (note,) = gathered.notes
    assert "cannot be written" in note


# Ages


def test_older_than_max_age_is_not_used_and_said():
    put(age=timedelta(hours=30))
    old = gather.gather([EAST], ["on_demand"], trust=OFFLINE)
    assert origins(old, EAST) == {"snapshot"}
    (note,) = old.notes
    assert note == (
        "aws: cached prices are 30 h old, more than --max-age allows (24 h), and are not used; --max-age 2d takes them"
    )
    taken = gather.gather([EAST], ["on_demand"], trust=PricePolicy(offline=True, max_age=timedelta(days=2)))
    assert origins(taken, EAST) == {"cached"}
    assert taken.notes == ()


def test_the_users_clock_decides_about_ages():
    put()
    later = datetime.now(UTC) + timedelta(days=3)
    assert origins(gather.gather([EAST], ["on_demand"], trust=OFFLINE, now=later), EAST) == {"snapshot"}


def test_a_time_in_the_future_is_not_fresh(serve):
    put(age=timedelta(hours=-2))
    gathered = gather.gather([EAST], ["on_demand"], trust=OFFLINE)
    assert origins(gathered, EAST) == {"snapshot"}
    (note,) = gathered.notes
    assert "ahead of this machine's clock" in note
    serve()
    assert origins(gather.gather([EAST], ["on_demand"]), EAST) == {"live"}
    assert gather.gather([EAST], ["on_demand"]).notes == ()


def test_require_fresh_refuses_and_says_what_and_how():
    put(age=timedelta(hours=30))
    trust = PricePolicy(offline=True, require_fresh=True)
    with pytest.raises(PricesUnavailable) as found:
        gather.gather([EAST], ["on_demand"], trust=trust)
    said = str(found.value)
    assert "aws us-east-1 on_demand: " in said
    assert "as of 2026-07-20" in said
    assert "prices refresh" in said
    assert "30 h old" in said
    assert found.value.exit_code == 5


def test_require_fresh_is_content_with_live_then_with_cached(serve):
    serve()
    trust = PricePolicy(require_fresh=True)
    assert origins(gather.gather(BOTH, ["on_demand"], trust=trust), *BOTH) == {"live"}
    assert origins(gather.gather(BOTH, ["on_demand"], trust=trust), *BOTH) == {"cached"}


def test_require_fresh_looks_at_the_regions_of_the_question_alone():
    put()
    trust = PricePolicy(offline=True, require_fresh=True)
    assert origins(gather.gather([EAST], ["on_demand"], trust=trust), EAST) == {"cached"}


def test_offline_and_refresh_contradict_each_other():
    with pytest.raises(BadInput, match="drop one"):
        PricePolicy(offline=True, refresh=True)


@pytest.mark.parametrize(
    ("text", "hours"), [("90m", 1.5), ("1.5h", 1.5), ("1h30m", 1.5), ("12h", 12), ("3d", 72), ("0h", 0)]
)
def test_an_age_is_read(text, hours):
    assert gather.age_of(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "d", "3", "-1h", "a day", "999999d", "²h"])
def test_an_age_that_is_none_is_refused(text):
    with pytest.raises(BadInput, match="90m, 12h or 3d"):
        gather.age_of(text)


# The user's own


def test_the_users_sheet_outranks_live_prices_and_discounts(serve, tmp_path):
    serve()
    machine = catalog.load_instance_types()["aws", "g6.xlarge"]
    today = datetime.now(UTC).date()
    mine = Offer(machine, "us-east-1", "on_demand", "on_demand", 0.7, 0.8, "user", "mine", today, today)
    half = Discount(tmp_path, 1, percent=50)
    gathered = gather.gather([EAST], ["on_demand"], sheet=[mine], discounts=[half])
    assert price_of(gathered, "g6.xlarge") == mine
    assert gathered.age_words(mine, datetime.now(UTC)) == f"user {today}"
    listed = price_of(gathered, "p5.48xlarge")
    assert (listed.usd_per_instance_hour, listed.list_usd_per_instance_hour, listed.origin) == (27.52, 55.04, "live")


def test_the_cache_keeps_list_prices(serve, tmp_path):
    serve()
    half = Discount(tmp_path, 1, percent=50)
    gather.gather([EAST], ["on_demand"], discounts=[half])
    assert price_of(gather.gather([EAST], ["on_demand"]), "p5.48xlarge").usd_per_instance_hour == 55.04
    assert (
        price_of(gather.gather([EAST], ["on_demand"], discounts=[half]), "p5.48xlarge").usd_per_instance_hour == 27.52
    )


# Plug-ins


class Nimbus:
    provider = "nimbus"
    regions = (Region("nimbus", "nimbus-1", "-"),)

    def __init__(self, *offers, error=None):
        self.offers, self.error = offers, error

    def fetch(self, regions, purchases, instance_types, progress=None):
        if self.error:
            raise self.error
        return CloudAnswer(self.offers, (), frozenset({("nimbus-1", "on_demand")}), ())


def cloudy(usd_per_hour=0.5, name="n1", **changes):
    machine = InstanceType("nimbus", name, changes.pop("gpu", "L4"), 1, 4, 16.0, "nimbus:N")
    machine = replace(machine, provider=changes.pop("provider", "nimbus"))
    today = datetime.now(UTC).date()
    offer = Offer(
        machine, "nimbus-1", "on_demand", "on_demand", usd_per_hour, usd_per_hour, "live", "test", today, today
    )
    return replace(offer, **changes)


def test_a_plug_in_cloud_is_asked_kept_and_read_back():
    sources = PriceSources({"nimbus": Nimbus(cloudy())})
    (region,) = [one for one in gather.known_regions(sources) if one.provider == "nimbus"]
    live = gather.gather([region], ["on_demand"], sources=sources)
    assert origins(live, region) == {"live"}
    sources = PriceSources({"nimbus": Nimbus(error=AssertionError("asked again"))})
    warm = gather.gather([region], ["on_demand"], sources=sources)
    assert origins(warm, region) == {"cached"}
    assert price_of(warm, "n1", region).instance_type == cloudy().instance_type


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        ([cloudy(0.0)], "is 0 USD/h"),
        ([cloudy(-1.0)], "is -1 USD/h"),
        ([cloudy(float("nan"))], "is nan USD/h"),
        ([cloudy(0.5), cloudy(0.6)], "has two prices, 0.5 and 0.6"),
        ([cloudy(gpu="B200")], "has 1 GPUs 'B200'"),
        ([cloudy(provider="aws")], "has the provider 'aws'"),
        ([cloudy(purchase="rental")], "has the purchase 'rental'"),
    ],
)
def test_what_a_plug_in_answers_is_checked(offers, said):
    nimbus = Nimbus(cloudy(name="fine"), *offers)
    gathered = gather.gather(list(nimbus.regions), ["on_demand"], sources=PriceSources({"nimbus": nimbus}))
    assert {offer.instance_type.name for offer in gathered.catalog.offers_in("nimbus", "nimbus-1", "on_demand")} == {
        "fine"
    }
    (note,) = gathered.notes
    assert said in note
    assert "n1" in note


def test_a_plug_in_that_crashes_is_one_line_and_stops_nobody(serve):
    serve()
    nimbus = Nimbus(error=ZeroDivisionError("division by zero"))
    gathered = gather.gather([EAST, *nimbus.regions], ["on_demand"], sources=PriceSources({"nimbus": nimbus}))
    assert origins(gathered, EAST) == {"live"}
    (note,) = gathered.notes
    assert "nimbus: its plug-in failed (ZeroDivisionError: division by zero; MELANGE_CLOUD_DEBUG=1 shows where)" in note


PLUG_INS = {
    "good": "class C:\n    provider = 'nimbus'\n    def fetch(self, *_): ...\n",
    "syntax": "class C(\n",
    "crash": "1 / 0\n",
    "fails": "class C:\n    def __init__(self): raise OSError('no licence')\n",
    "nothing": "C = dict\n",
    "number": "class C:\n    provider = 7\n    fetch = 1\n",
    "thief": "class C:\n    provider = 'aws'\n    def fetch(self, *_): ...\n",
    "exits": "import sys\nsys.exit(3)\n",
    "ends": "raise GeneratorExit\n",
    "loud": "class C:\n    provider = '\\x1b[31mnimbus'\n    def fetch(self, *_): ...\n",
    "places": "class C:\n    provider = 'cirrus'\n    regions = ('north',)\n    def fetch(self, *_): ...\n",
    "squatter": (
        "from melange_cloud.domain import Region\nclass C:\n    provider = 'cirrus'\n"
        "    regions = (Region('aws', 'us-east-1', 'Here'),)\n    def fetch(self, *_): ...\n"
    ),
    "unplaced": (
        "class C:\n    provider = 'cirrus'\n    def fetch(self, *_): ...\n"
        "    @property\n    def regions(self): raise KeyError('x' * 5000 + '\\x1b')\n"
    ),
    "twin": "class C:\n    provider = 'nimbus'\n    def fetch(self, *_): ...\n",
}


def test_a_broken_plug_in_is_one_line_each(tmp_path, monkeypatch):
    info = tmp_path / "x-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: x\nVersion: 1\n")
    lines = [f"{name} = plug_{name}:C" for name in [*PLUG_INS, "gone"]]
    (info / "entry_points.txt").write_text("[melange_cloud.clouds]\n" + "\n".join(lines))
    for name, code in PLUG_INS.items():
        (tmp_path / f"plug_{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = clouds.plug_ins()
    assert set(found.by_provider) == {"nimbus"}
    assert isinstance(clouds.built_in("aws"), AwsPrices)
    assert len(found.problems) == len(PLUG_INS)  # all but the good one, and the one that is gone
    for name in {*PLUG_INS, "gone"} - {"good"}:
        (line,) = [str(problem) for problem in found.problems if f"plug_{name}:C" in problem.what]
        assert line.isprintable()
        assert len(line) < 300
        assert "uninstall" in line


# Two at once


def test_two_processes_that_refresh_at_once_leave_one_whole_cache(serve):
    server = serve(latency_s=0.05)
    code = (
        "from melange_cloud.catalog.cache import store\n"
        "from melange_cloud.market import gather\n"
        "store._LOCK_WAIT_S = 600\n"
        "for outcome in gather.refresh({'aws': ['us-east-1', 'us-west-2'], 'gcp': None}, ['on_demand', 'spot']):\n"
        "    assert outcome.fetched.offers and not outcome.failure and not outcome.notes, outcome\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [one.wait(600) for one in running] == [0, 0, 0]
    assert server.requests
    for provider, region in (("aws", "us-east-1"), ("gcp", "us-central1")):
        cached = read_cache(provider)
        assert cached.faults == ()
        assert [part for part in cached.parts if part.region == region and part.whole]


def test_both_clouds_are_asked_side_by_side(serve):
    """Neither cloud answers its first question before the other has been asked."""
    both, asked_both = both_clouds(), threading.Barrier(2, timeout=120)
    first_of = {}

    def answer(request):
        cloud = "gcp" if request.path.startswith(("/v1/", "/compute/")) else "aws"
        if first_of.setdefault(cloud, request.number) == request.number:
            asked_both.wait()
        return both(request)

    serve(answer)
    aws, gcp = gather.refresh({"aws": ["us-east-1"], "gcp": None}, ["on_demand"])
    assert not asked_both.broken
    assert aws.fetched.offers
    assert gcp.fetched.offers


def test_progress_is_told_for_each_cloud(serve):
    serve()
    steps = []
    gather.gather(BOTH, ["on_demand"], progress=lambda what, done, total: steps.append((what, done, total)))
    assert ("aws", 2, 2) in steps
    assert any(what.startswith("GCP") for what, _, _ in steps)


def test_the_public_list_needs_no_credentials_and_then_serves_the_plan(serve, monkeypatch):
    server = serve(both_clouds(FakeAws(recorded("gpu_products.json"), recorded_spot())))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (outcome,) = gather.refresh({"aws": ["us-east-1"]}, PURCHASES, public=True)
    assert outcome.failure is None
    assert outcome.problems == ()
    asked = len(server.requests)
    gathered = gather.gather([EAST], ["on_demand"])
    assert origins(gathered, EAST) == {"cached"}
    assert gathered.notes == ()
    assert len(server.requests) == asked


# A whole table that has moved


def halved():
    products = recorded("gpu_products.json")
    for made in products:
        for term in made["terms"]["OnDemand"].values():
            for priced in term["priceDimensions"].values():
                priced["pricePerUnit"]["USD"] = f"{float(priced['pricePerUnit']['USD']) / 2:.10f}"
    return FakeAws(products, recorded_spot())


def test_a_table_that_has_halved_is_said_live_and_from_the_cache(serve):
    serve(both_clouds(aws=halved()))
    for origin in ("live", "cached"):
        gathered = gather.gather(BOTH, ["on_demand"])
        assert origins(gathered, EAST) == {origin}
        assert [note for note in gathered.notes if "times those known from before" in note] == [
            "aws on_demand: 4 of 4 prices are 0.5 times those known from before (2026-07-20), as if in another "
            "currency or unit: compare them with `melange-cloud prices diff` before you rely on them"
        ]
    (outcome,) = gather.refresh({"aws": ["us-east-1"]}, ["on_demand"])
    assert "4 of 4 prices are 0.5 times those known" in outcome.notes[0]


# Plug-ins that answer anything


class Rogue:
    """A plug-in cloud that raises or returns what it is told."""

    provider = "rogue"
    regions = (Region("rogue", "rogue-1", "Nowhere"),)

    def __init__(self, answer):
        self.answer = answer

    def fetch(self, regions, purchases, instance_types, progress=None):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("not even its text")


ROGUE_TYPE = InstanceType("rogue", "r1.l4", "L4", 1, 8, 32.0, "rogue:R")
TODAY = datetime.now(UTC).date()
ROGUE = Offer(ROGUE_TYPE, "rogue-1", "on_demand", "on_demand", 0.5, 0.5, "live", "list", TODAY, TODAY)


def fetched_of(*offers, complete=frozenset({("rogue-1", "on_demand")}), excluded=(), problems=()):
    return CloudAnswer(offers, excluded, complete, problems)


@pytest.mark.parametrize(
    "answer",
    [
        SystemExit(0),
        SystemExit("bye"),
        KeyboardInterrupt(),
        GeneratorExit(),
        RecursionError("maximum recursion depth exceeded"),
        MemoryError(),
        KeyError("Regions"),
        BadInput("its own setting"),
        StopIteration(),
        Unspeakable(),
        ValueError("\x1b[31m" + "x" * 10_000 + "\r\nforged"),
        None,
        "prices",
        [ROGUE],
        CloudAnswer(None, None, None, None),
        fetched_of("an offer"),
        fetched_of(replace(ROGUE, instance_type=None)),
        fetched_of(replace(ROGUE, region=7)),  # type: ignore[arg-type]
        fetched_of(replace(ROGUE, region="rogue-1\x1b[31m")),
        fetched_of(replace(ROGUE, source=None)),
        fetched_of(replace(ROGUE, contract=None)),
        fetched_of(replace(ROGUE, as_of_to="2026-11-27")),  # type: ignore[arg-type]
        fetched_of(ROGUE, complete=frozenset({"rogue-1"})),
        fetched_of(ROGUE, complete=frozenset({(1, 2)})),
        fetched_of(ROGUE, excluded=("r1",)),
        fetched_of(ROGUE, problems=(7,)),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_whatever_a_plug_in_raises_or_answers_stops_nobody(serve, answer):
    serve()
    rogue = Rogue(answer)
    gathered = gather.gather([EAST, *rogue.regions], ["on_demand"], sources=PriceSources({"rogue": rogue}))
    assert origins(gathered, EAST) == {"live"}
    assert gathered.catalog.offers_in("rogue", "rogue-1", "on_demand") == ()
    (note,) = gathered.notes
    assert note.startswith("rogue: its plug-in failed (")
    assert note.endswith("): fix or uninstall the plug-in (used instead: no price)")
    assert note.isprintable()
    assert len(note) < 350


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"usd_per_instance_hour": "0.5"}, "is 0.5 USD/h"),
        ({"usd_per_instance_hour": float("nan")}, "is nan USD/h"),
        ({"usd_per_instance_hour": 10**400}, "is 1000"),
        ({"usd_per_instance_hour": True}, "is True USD/h"),
        ({"sold_as": "gift"}, "is sold as 'gift'"),
        ({"instance_type": replace(ROGUE_TYPE, gpu_count="8")}, "has 8 GPUs 'L4'"),  # type: ignore[arg-type]
        ({"instance_type": replace(ROGUE_TYPE, vcpus=-1)}, "has -1 vCPUs"),
        ({"instance_type": replace(ROGUE_TYPE, memory_gib=float("inf"))}, "and inf GiB"),
    ],
)
def test_one_impossible_price_of_a_plug_in_costs_that_price_alone(serve, changed, why):
    serve()
    good = replace(ROGUE, instance_type=replace(ROGUE_TYPE, name="r2.l4"))
    rogue = Rogue(fetched_of(replace(ROGUE, **changed), good))
    gathered = gather.gather([EAST, *rogue.regions], ["on_demand"], sources=PriceSources({"rogue": rogue}))
    offers = gathered.catalog.offers_in("rogue", "rogue-1", "on_demand")
    assert [offer.instance_type.name for offer in offers] == ["r2.l4"]
    assert why in gathered.notes[0]
    assert "rejected" in gathered.notes[0]


def test_what_a_plug_in_says_is_cut_and_cleaned_wherever_it_is_shown(serve):
    nasty = "\x1b]0;owned\x07" + "x" * 5000 + "\r\nforged"
    rogue = Rogue(
        fetched_of(
            replace(ROGUE, source=nasty, contract=nasty),
            excluded=(Exclusion("rogue", "rogue-1", "r9", nasty),),
            problems=(Finding(nasty, nasty),),
        )
    )
    gathered = gather.gather([*rogue.regions], ["on_demand"], sources=PriceSources({"rogue": rogue}))
    (offer,) = gathered.catalog.offers_in("rogue", "rogue-1", "on_demand")
    (pair,) = gathered.catalog.excluded_in("rogue", "rogue-1", "on_demand")
    for text in (offer.source, offer.contract, pair.reason, *gathered.notes):
        assert text.isprintable()
        assert len(text) < 300


def test_the_traceback_of_what_nobody_expected_can_be_seen(serve, monkeypatch, capfd):
    serve()
    rogue = Rogue(ZeroDivisionError("division by zero"))
    sources = PriceSources({"rogue": rogue})
    gather.gather(rogue.regions, ["on_demand"], sources=sources)
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("MELANGE_CLOUD_DEBUG", "1")
    gather.gather(rogue.regions, ["on_demand"], sources=sources)
    assert "in fetch" in capfd.readouterr().err


def test_a_plug_in_that_never_answers_is_left_at_the_deadline(serve):
    serve()
    over = threading.Event()

    class Hanging(Rogue):
        def fetch(self, regions, purchases, instance_types, progress=None):
            over.wait()

    rogue = Hanging(None)
    trust = PricePolicy(deadline_s=0.2)  # of real time, and no other cloud has to answer within it
    gathered = gather.gather([*rogue.regions], ["on_demand"], sources=PriceSources({"rogue": rogue}), trust=trust)
    over.set()
    assert gathered.notes == (
        "rogue: no answer within 0.2 s: check the network and proxies, or allow more time (--deadline 1s) (used "
        "instead: no price)",
    )
