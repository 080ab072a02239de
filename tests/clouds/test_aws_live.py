"""AwsPrices with the real boto3 against the loopback server: what comes out, and what every fault looks like."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from melange_cloud.clouds import CloudAnswer
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.clouds.aws.client import AwsClients, AwsPatience
from melange_cloud.domain import InstanceType
from melange_cloud.errors import PricesUnavailable
from tests.clouds.aws_cloud import (
    FakeAws,
    dimension,
    expected_rows,
    lines_of,
    operation_of,
    product,
    recorded,
    recorded_spot,
    refusal,
)
from tests.clouds.loopback import Answer, Loopback, Reply, Request, in_turn

RECORDED_AT = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)
TYPES = [
    InstanceType("aws", "g5.2xlarge", "A10G", 1, 8, 32, "aws:G"),
    InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16, "aws:G"),
    InstanceType("aws", "p4d.24xlarge", "A100-40GB", 8, 96, 1152, "aws:P"),
    InstanceType("aws", "p5.4xlarge", "H100", 1, 16, 256, "aws:P"),
    InstanceType("aws", "p5.48xlarge", "H100", 8, 192, 2048, "aws:P"),
    InstanceType("gcp", "g2-standard-4", "L4", 1, 4, 16, "gcp:G2"),
]
REGIONS = ["us-east-1", "us-west-2", "eu-west-1"]
BRIEF = AwsPatience(connect_s=120, read_s=120, pricing_attempts=2, ec2_attempts=1)
"""Few attempts, and as much time for each as a busy machine needs."""
IMPATIENT = AwsPatience(connect_s=120, read_s=0.2, pricing_attempts=2, ec2_attempts=1)
"""For servers that hang."""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, _loopback_only: None) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    @contextmanager
    def serve(answer: Answer, latency_s: float = 0.0) -> Iterator[Loopback]:
        with Loopback(answer, latency_s) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
            monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
            yield server

    return serve


def fetch(
    regions: Sequence[str] | None = ("us-east-1",),
    purchases: Sequence[str] = ("on_demand",),
    patience: AwsPatience = BRIEF,
    known_sold_as: Mapping[tuple[str, str], str] | None = None,
) -> CloudAnswer:
    source = AwsPrices(AwsClients(patience=patience), now=lambda: RECORDED_AT, known_sold_as=known_sold_as)
    return source.fetch(regions, purchases, TYPES)


def only(operation: str, fault: Callable[[Request, str, str], Reply | None]):
    """The fault for one operation only."""

    def chosen(request: Request, asked: str, region: str) -> Reply | None:
        return fault(request, asked, region) if asked == operation else None

    return chosen


def calls(server: Loopback, operation: str) -> int:
    return sum(operation_of(request)[0] == operation for request in server.requests)


def bare(request: Request) -> dict[str, object]:
    return {name: value for name, value in request.json().items() if name != "NextToken"}


# What comes out


@pytest.mark.parametrize("regions", [REGIONS, None])
def test_the_recorded_answers_give_the_known_figures_row_for_row(aws, regions) -> None:
    with aws(FakeAws(recorded("gpu_products.json") + recorded("traps.json"), recorded_spot())):
        fetched = fetch(regions, ["on_demand", "commit_1y", "spot"])
    assert [
        {
            "region": offer.region,
            "instance_type": offer.instance_type.name,
            "purchase": offer.purchase,
            "usd_per_hour": offer.usd_per_instance_hour,
            "sold_as": offer.sold_as,
        }
        for offer in fetched.offers
    ] == [row | {"usd_per_hour": float(row["usd_per_hour"])} for row in expected_rows()]
    assert fetched.problems == ()
    assert fetched.excluded == ()
    assert fetched.complete == {
        (region, purchase) for region in REGIONS for purchase in ("on_demand", "commit_1y", "spot")
    }


def test_an_offer_says_where_and_when_it_was_read(aws) -> None:
    with aws(FakeAws(recorded("gpu_products.json"), recorded_spot())):
        fetched = fetch(["us-east-1"], ["on_demand", "spot", "commit_1y"])
    said = {offer.purchase: (offer.source, offer.contract) for offer in fetched.offers}
    assert said == {
        "on_demand": ("AWS Price List API (GetProducts), published 2026-09-10", ""),
        "commit_1y": ("AWS Price List API (GetProducts), published 2026-09-10", "RI 1y standard no upfront"),
        "spot": ("EC2 spot price history, cheapest zone at 2026-11-22 16:05 UTC", ""),
    }
    assert {(offer.origin, offer.as_of_from, offer.as_of_to) for offer in fetched.offers} == {
        ("live", RECORDED_AT.date(), RECORDED_AT.date())
    }
    assert all(offer.list_usd_per_instance_hour == offer.usd_per_instance_hour for offer in fetched.offers)


def test_one_region_is_one_chain_and_all_regions_one_chain_per_type(aws) -> None:
    with aws(FakeAws(recorded("gpu_products.json"))) as server:
        fetch(["us-east-1"])
        assert calls(server, "GetProducts") == 1
        server.requests.clear()
        fetch(None)
        assert calls(server, "GetProducts") == 5


def test_all_chains_run_side_by_side(aws) -> None:
    """Six chains: none of their first questions is answered before all have been asked."""
    fake, all_asked = FakeAws(recorded("gpu_products.json")), threading.Barrier(6, timeout=120)

    def answer(request: Request) -> Reply:
        if request.number < 6:
            all_asked.wait()
        return fake(request)

    with aws(answer) as server:
        fetch(REGIONS)
        assert server.most_at_once >= 6


def test_an_unknown_gpu_type_is_left_out_and_said(aws) -> None:
    with aws(FakeAws([product(), product("p9.48xlarge", sku="NEW")])):
        fetched = fetch()
    assert [offer.instance_type.name for offer in fetched.offers] == ["g6.xlarge"]
    [left_out] = fetched.excluded
    assert (left_out.region, left_out.instance_type) == ("us-east-1", "p9.48xlarge")
    assert "does not know this instance type" in left_out.reason


def test_progress_counts_every_part(aws) -> None:
    steps: list[tuple[str, int, int | None]] = []
    with aws(FakeAws(recorded("gpu_products.json"), recorded_spot())):
        AwsPrices(AwsClients(patience=BRIEF)).fetch(
            REGIONS, ["on_demand", "spot"], TYPES, lambda *step: steps.append(step)
        )
    assert steps == [("aws", done, 9) for done in range(10)]


# What a region really sells


def test_priced_but_not_offered_is_excluded_with_the_reason(aws) -> None:
    with aws(FakeAws([product(), product("g5.2xlarge", sku="G5")], offered={"us-east-1": ["g5.2xlarge"]})):
        fetched = fetch()
    assert [offer.instance_type.name for offer in fetched.offers] == ["g5.2xlarge"]
    [left_out] = fetched.excluded
    assert left_out.instance_type == "g6.xlarge"
    assert "DescribeInstanceTypeOfferings" in left_out.reason


def test_offerings_settle_a_doubtful_sale(aws) -> None:
    doubtful = [product("p5.4xlarge", "us-east-1", "6.88", "US"), product("p5.4xlarge", "eu-west-2", "8.944", "EU")]
    denied = only("DescribeInstanceTypeOfferings", refusal("UnauthorizedOperation", 403))
    with aws(FakeAws(doubtful, fault=denied)):
        unsettled = fetch(["us-east-1", "eu-west-2"], known_sold_as={("eu-west-2", "p5.4xlarge"): "on_demand"})
    with aws(FakeAws(doubtful)):
        settled = fetch(["us-east-1", "eu-west-2"])
    assert {offer.region: offer.sold_as for offer in unsettled.offers} == {
        "us-east-1": "unknown",
        "eu-west-2": "on_demand",
    }
    assert {offer.sold_as for offer in settled.offers} == {"on_demand"}
    assert lines_of(unsettled) == (
        "types on offer in eu-west-2, us-east-1: permission denied: allow ec2:DescribeInstanceTypeOfferings in the "
        "IAM policy of these credentials",
    )


def test_spot_is_the_cheapest_zone_without_local_zones_and_a_zero_is_refused(aws) -> None:
    spot = {
        "us-east-1": [
            ("g6.xlarge", "us-east-1a", "0.4"),
            ("g6.xlarge", "us-east-1b", "0.35"),
            ("g6.xlarge", "us-east-1-atl-1a", "0.1"),
            ("p5.48xlarge", "us-east-1a", "0.000000"),
        ]
    }
    with aws(FakeAws([], spot)):
        fetched = fetch(["us-east-1"], ["spot"])
    assert [(offer.instance_type.name, offer.usd_per_instance_hour) for offer in fetched.offers] == [
        ("g6.xlarge", 0.35)
    ]
    assert fetched.complete == frozenset()
    assert "p5.48xlarge spot in us-east-1: is '0.000000' USD/h in us-east-1a" in lines_of(fetched)[0]


# Pages


def test_pages_are_followed_through_an_empty_one(aws) -> None:
    first, second = FakeAws([product()]), FakeAws([product("g5.2xlarge", sku="G5")])

    def answer(request: Request, operation: str, region: str) -> Reply | None:
        token = request.json().get("NextToken") if operation == "GetProducts" else None
        if operation != "GetProducts":
            return None
        if token is None:
            return Reply(first(request).body | {"NextToken": "empty"})
        if token.startswith("em"):
            return Reply({"PriceList": [], "NextToken": "last"})
        return second._products(bare(request))

    with aws(FakeAws([product(), product("g5.2xlarge", sku="G5")], fault=answer)) as server:
        fetched = fetch()
        assert calls(server, "GetProducts") == 3
    assert [offer.instance_type.name for offer in fetched.offers] == ["g5.2xlarge", "g6.xlarge"]
    assert ("us-east-1", "on_demand") in fetched.complete


def test_many_pages_are_read_to_the_end(aws) -> None:
    with aws(FakeAws(recorded("gpu_products.json"), page=1)) as server:
        fetched = fetch(["us-east-1"])
        assert calls(server, "GetProducts") == 4
    assert len(fetched.offers) == 4


def test_a_repeated_token_ends_and_nothing_of_its_chain_is_taken(aws) -> None:
    again = only(
        "GetProducts",
        lambda request, *_: Reply(FakeAws([product()])._products(bare(request)).body | {"NextToken": "1"}),
    )
    with aws(FakeAws([product()], fault=again)) as server:
        with pytest.raises(PricesUnavailable, match="its pages repeat without end"):
            fetch()
        assert calls(server, "GetProducts") == 2


@pytest.mark.parametrize("regions", [["eu-west-1", "us-east-1"], None])
def test_a_chain_that_breaks_off_gives_nothing_and_spoils_no_other(aws, regions) -> None:
    """By region the chain is a region's, by type a type's."""
    torn = {"regionCode": "us-east-1"} if regions else {"instanceType": "g6.xlarge"}

    def breaks(request: Request, operation: str, region: str) -> Reply | None:
        if operation != "GetProducts" or "NextToken" not in request.json():
            return None
        asked = {entry["Field"]: entry["Value"] for entry in request.json()["Filters"]}
        return Reply(fault="truncate", body="{}") if torn.items() <= asked.items() else None

    products = [
        product(name, region, usd, f"{region} {name}")
        for region in ("us-east-1", "eu-west-1")
        for name, usd in (("g6.xlarge", "0.8048"), ("g5.2xlarge", "1.212"))
    ]
    with aws(FakeAws(products, page=1, fault=breaks)):
        fetched = fetch(regions)
    held = {(offer.region, offer.instance_type.name) for offer in fetched.offers}
    if regions:
        assert held == {("eu-west-1", "g6.xlarge"), ("eu-west-1", "g5.2xlarge")}
        assert fetched.complete == {("eu-west-1", "on_demand")}
    else:
        assert held == {("eu-west-1", "g5.2xlarge"), ("us-east-1", "g5.2xlarge")}
        assert fetched.complete == frozenset()
    assert len(fetched.problems) == 1


# Faults of the service


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500), ("ServiceUnavailable", 503)]
)
def test_throttling_and_server_errors_are_asked_again_after_a_pause(aws, monkeypatch, code, status) -> None:
    happened: list[str] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: happened.append("pause"))

    def once(request: Request, operation: str, region: str) -> Reply | None:
        if operation != "GetProducts":
            return None
        happened.append("asked")
        return refusal(code, status)(request, operation, region) if "pause" not in happened else None

    with aws(FakeAws([product()], fault=once)):
        fetched = fetch()
    assert happened == ["asked", "pause", "asked"]
    assert len(fetched.offers) == 1
    assert fetched.problems == ()


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("AccessDeniedException", 400, "permission denied: allow pricing:GetProducts in the IAM policy"),
        ("AccessDenied", 403, "permission denied: allow pricing:GetProducts in the IAM policy"),
        ("ExpiredTokenException", 400, "the credentials have expired: log in again"),
        ("ExpiredToken", 403, "the credentials have expired: log in again"),
        ("UnrecognizedClientException", 403, "AWS does not accept the credentials"),
        ("InvalidSignatureException", 403, "AWS does not accept the credentials"),
        ("ThrottlingException", 400, "AWS still throttles these calls"),
        ("InternalFailure", 500, "AWS still fails after several retries (HTTP 500)"),
        ("InvalidParameterException", 400, "AWS rejected the request (InvalidParameterException: no)"),
    ],
)
def test_nothing_but_refusals_is_one_line_with_the_cure(aws, code, status, said) -> None:
    with (
        aws(FakeAws([product()], fault=only("GetProducts", refusal(code, status)))),
        pytest.raises(PricesUnavailable) as caught,
    ):
        fetch()
    assert said in str(caught.value)
    assert str(caught.value).startswith("price list of us-east-1: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        refusal("InvalidSignatureException", 403, "Signature expired: 20261122T1000Z is now earlier than ..."),
        refusal("RequestTimeTooSkewed", 403),
        refusal(
            "UnrecognizedClientException",
            403,
            headers={"Date": format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)},
        ),
    ],
)
def test_a_wrong_clock_is_named(aws, fault) -> None:
    with aws(FakeAws(fault=fault)), pytest.raises(PricesUnavailable, match=r"clock of this machine.*set the clock"):
        fetch()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("hang", "no answer in time from http://127.0.0.1"),
        ("drop", "cannot be reached"),
        ("truncate", "truncated or malformed"),
    ],
)
def test_a_bad_connection_is_tried_twice_and_said(aws, fault, said) -> None:
    broken = only("GetProducts", lambda *_: Reply({"PriceList": ["x" * 1000]}, fault=fault))
    with aws(FakeAws([product()], fault=broken)) as server:
        with pytest.raises(PricesUnavailable, match=said):
            fetch(patience=IMPATIENT if fault == "hang" else BRIEF)
        assert calls(server, "GetProducts") == 2


@pytest.mark.parametrize(
    "body", ["{", "", "[]", "null", '{"PriceList": "x"}', '{"PriceList": ["{"]}', '{"PriceList": ["{}", 5]}', "<html>"]
)
def test_a_malformed_answer_is_said_and_never_an_empty_price_list(aws, body) -> None:
    broken = only("GetProducts", lambda *_: Reply(body))
    with aws(FakeAws([product()], fault=broken)), pytest.raises(PricesUnavailable, match="malformed"):
        fetch()


def test_a_malformed_answer_is_asked_for_once_more(aws, monkeypatch) -> None:
    answers = in_turn(
        Reply('{"PriceList": ['), FakeAws([product()])._products({"ServiceCode": "AmazonEC2", "Filters": []})
    )
    with Loopback(answers) as list_server, aws(FakeAws([product()])) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", list_server.url)
        fetched = fetch()
        assert len(server.requests) == 1
    assert len(fetched.offers) == 1


@pytest.mark.parametrize("body", ["<DescribeSpotPriceHistoryResponse", "{}", "plain", "<a/>"])
def test_malformed_spot_prices_leave_the_rest(aws, body) -> None:
    broken = only("DescribeSpotPriceHistory", lambda *_: Reply(body))
    with aws(FakeAws([product()], fault=broken)):
        fetched = fetch(["us-east-1"], ["on_demand", "spot"])
    assert [offer.purchase for offer in fetched.offers] == ["on_demand"]
    assert fetched.complete == {("us-east-1", "on_demand")}
    assert any("spot prices of us-east-1" in line and "malformed" in line for line in lines_of(fetched))


# Partial failures


def test_regions_fail_one_by_one(aws) -> None:
    def fault(request: Request, operation: str, region: str) -> Reply | None:
        if operation == "GetProducts" and "us-west-2" in request.body.decode():
            return refusal("InternalFailure", 500)(request, operation, region)
        if operation != "GetProducts" and region == "eu-west-1":
            return refusal("AuthFailure", 401)(request, operation, region)
        return None

    with aws(FakeAws(recorded("gpu_products.json"), recorded_spot(), fault=fault)):
        fetched = fetch(REGIONS, ["on_demand", "spot"])
    assert fetched.complete == {
        ("us-east-1", "on_demand"),
        ("us-east-1", "spot"),
        ("us-west-2", "spot"),
        ("eu-west-1", "on_demand"),
    }
    assert {(offer.region, offer.purchase) for offer in fetched.offers} == fetched.complete
    enable = "the region is not enabled for this account, or the credentials are not valid there: enable it in the "
    assert [line.partition(enable)[0] for line in lines_of(fetched)] == [
        "price list of us-west-2: AWS still fails after several retries (HTTP 500): try again later",
        "spot prices of eu-west-1: ",
        "types on offer in eu-west-1: ",
    ]


def test_ec2_denied_everywhere_is_one_line_per_permission(aws) -> None:
    def fault(request: Request, operation: str, region: str) -> Reply | None:
        return None if operation == "GetProducts" else refusal("UnauthorizedOperation", 403)(request, operation, region)

    with aws(FakeAws(recorded("gpu_products.json"), fault=fault)):
        fetched = fetch(None, ["on_demand", "spot"])
    assert len(fetched.offers) == 10
    assert len(fetched.problems) == 2
    assert "and 22 more: permission denied: allow ec2:DescribeSpotPriceHistory" in lines_of(fetched)[0]


def test_a_failed_type_leaves_no_region_complete(aws) -> None:
    def fault(request: Request, operation: str, region: str) -> Reply | None:
        if operation == "GetProducts" and "p4d.24xlarge" in request.body.decode():
            return refusal("InternalFailure", 500)(request, operation, region)
        return None

    with aws(FakeAws(recorded("gpu_products.json"), fault=fault)):
        fetched = fetch(None)
    assert len(fetched.offers) == 7
    assert fetched.complete == frozenset()
    assert lines_of(fetched)[0].startswith("price list of p4d.24xlarge: ")


def test_a_region_without_any_price_is_said_and_not_complete(aws) -> None:
    with aws(FakeAws([product()])):
        fetched = fetch(["us-east-1", "us-east-9"])
    assert fetched.complete == {("us-east-1", "on_demand")}
    assert lines_of(fetched) == (
        "price list of us-east-9: it has no price for any of our instance types: check the region's name, "
        "or leave it out",
    )


def test_a_refused_price_names_its_sku_and_keeps_the_region_from_being_complete(aws) -> None:
    free, yuan = product(sku="FREE", usd="0.0000000000"), product("g5.2xlarge", sku="YUAN")
    dimension(yuan)["pricePerUnit"] = {"CNY": "5.7"}
    with aws(FakeAws([free, yuan, product("p5.48xlarge", sku="P5", usd="55.04")])):
        fetched = fetch()
    assert [offer.instance_type.name for offer in fetched.offers] == ["p5.48xlarge"]
    assert fetched.complete == frozenset()
    assert lines_of(fetched) == (
        "price of g6.xlarge on_demand in us-east-1 (SKU FREE): is 0 USD/h, which is not a price; rejected; the "
        "older price is kept: give your own price with --prices",
        "price of g5.2xlarge on_demand in us-east-1 (SKU YUAN): is priced in CNY, not in USD; rejected; the "
        "older price is kept: give your own price with --prices",
    )


def test_two_skus_for_one_pair_name_both(aws) -> None:
    with aws(FakeAws([product(sku="AAA"), product(sku="BBB", usd="0.9"), product("g5.2xlarge", sku="G5")])):
        fetched = fetch()
    assert [offer.instance_type.name for offer in fetched.offers] == ["g5.2xlarge"]
    assert fetched.complete == frozenset()
    assert "SKU AAA and BBB" in lines_of(fetched)[0]


def test_an_endpoint_that_is_no_address_names_the_variable(aws, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", "not an address")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "not an address")
    with pytest.raises(PricesUnavailable, match="AWS_ENDPOINT_URL_PRICING"):
        fetch()


def test_a_server_killed_in_the_middle_leaves_what_was_read(aws) -> None:
    """It dies of the request for spot prices, once all the other parts have been read."""
    fake = FakeAws(recorded("gpu_products.json"), recorded_spot())
    others_read = threading.Event()

    def tell(what: str, done: int, total: int | None) -> None:
        if done == 2:  # the price list and the types on offer; spot prices are the third part
            others_read.set()

    def fault(request: Request, operation: str, region: str) -> Reply | None:
        if operation == "DescribeSpotPriceHistory":
            assert others_read.wait(120)
            server.close()
        return None

    fake.fault = fault
    with aws(fake) as server:
        source = AwsPrices(AwsClients(patience=BRIEF), now=lambda: RECORDED_AT)
        fetched = source.fetch(["us-east-1"], ["on_demand", "spot"], TYPES, tell)
    assert {offer.purchase for offer in fetched.offers} == {"on_demand"}
    assert any(line.startswith("spot prices of us-east-1: http://127.0.0.1") for line in lines_of(fetched))


@pytest.mark.parametrize(
    ("home", "asked"), [("eu-west-3", "eu-central-1"), ("ap-northeast-1", "ap-south-1"), ("nowhere-9", "us-east-1")]
)
def test_the_price_list_is_asked_where_it_is_nearest(aws, monkeypatch, home, asked) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", home)
    with aws(FakeAws(recorded("gpu_products.json"))) as server:
        assert fetch(None).problems == ()
        scopes = {operation_of(request) for request in server.requests}
    assert {region for operation, region in scopes if operation == "GetProducts"} == {asked}


def test_a_region_named_twice_is_asked_once(aws) -> None:
    with aws(FakeAws([product()])) as server:
        assert len(fetch(["us-east-1", "us-east-1"]).offers) == 1
        assert calls(server, "GetProducts") == 1


# Credentials


def test_without_credentials_nobody_is_asked_and_the_cure_is_said(monkeypatch) -> None:
    """The SDK would ask a metadata server, and wait."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    connections: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connections.append(address))
    with pytest.raises(PricesUnavailable, match=r"aws configure.*prices refresh --public"):
        AwsPrices().fetch(["us-east-1"], ["on_demand"], TYPES)
    assert connections == []


def test_a_metadata_server_that_hangs_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with Loopback(in_turn(Reply(fault="hang"))) as server:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
        assert AwsClients().credentials_from() is None
        asked = [(request.method, request.path) for request in server.requests]
    assert asked
    assert len(set(asked)) == len(asked)  # nothing is asked again


def test_a_profile_that_is_not_there_is_one_line(monkeypatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(PricesUnavailable, match=r"nobody.*check AWS_PROFILE"):
        AwsPrices().fetch(["us-east-1"], ["on_demand"], TYPES)


def test_half_of_a_key_is_one_line(monkeypatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PricesUnavailable, match="check AWS_PROFILE"):
        AwsPrices().fetch(["us-east-1"], ["on_demand"], TYPES)


def test_the_kind_of_credentials_is_named() -> None:
    assert AwsClients().credentials_from() == "env"


def test_no_spot_price_at_all_is_said(aws) -> None:
    with aws(FakeAws()), pytest.raises(PricesUnavailable, match="no price for these regions and purchases"):
        fetch(["us-east-1"], ["spot"])
