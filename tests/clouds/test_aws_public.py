"""The public price list, streamed from the loopback server without credentials."""

import gzip
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from melange_cloud.catalog import load_snapshot
from melange_cloud.clouds import CloudAnswer
from melange_cloud.clouds.aws import PublicAwsPrices, bulk
from melange_cloud.concurrency import Deadline
from melange_cloud.domain import InstanceType
from melange_cloud.errors import PricesUnavailable
from tests.clouds.aws_cloud import (
    FakeAws,
    dimension,
    expected_rows,
    lines_of,
    product,
    public_lines,
    public_list,
    recorded,
)
from tests.clouds.hostile import Clock
from tests.clouds.loopback import Loopback, Reply, Request, in_turn

TYPES = [
    InstanceType("aws", "g5.2xlarge", "A10G", 1, 8, 32, "aws:G"),
    InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16, "aws:G"),
    InstanceType("aws", "p4d.24xlarge", "A100-40GB", 8, 96, 1152, "aws:P"),
    InstanceType("aws", "p5.48xlarge", "H100", 8, 192, 2048, "aws:P"),
]
LISTED = ("on_demand", "commit_1y", "commit_3y")


def fetch(server: Loopback, regions: list[str] | None = None, timeout_s: float = 120, **named: object) -> CloudAnswer:
    asked = {"purchases": ("on_demand",), "instance_types": TYPES, **named}
    source = PublicAwsPrices(server.url, timeout_s=timeout_s, wait_s=0.01)
    return source.fetch(regions, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("regions", [None, ["us-east-1", "us-west-2", "eu-west-1"]])
def test_the_public_list_gives_the_known_figures_row_for_row(monkeypatch, regions) -> None:
    with Loopback(FakeAws(recorded("gpu_products.json") + recorded("traps.json"))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
        shipped = load_snapshot("on_demand").offers
        known = {(offer.region, offer.instance_type.name): offer.sold_as for offer in shipped}
        fetched = PublicAwsPrices(known_sold_as=known).fetch(regions, LISTED, TYPES)
    assert [
        (offer.region, offer.instance_type.name, offer.purchase, offer.usd_per_instance_hour, offer.sold_as)
        for offer in fetched.offers
    ] == [
        (row["region"], row["instance_type"], row["purchase"], float(row["usd_per_hour"]), row["sold_as"])
        for row in expected_rows()
        if row["purchase"] != "spot"
    ]
    assert fetched.problems == ()
    assert fetched.complete == {
        (region, purchase)
        for region in ("us-east-1", "us-west-2", "eu-west-1")
        for purchase in ("on_demand", "commit_1y")
    }
    assert {offer.source for offer in fetched.offers} == {
        "AWS public price list (AmazonEC2 index.csv), published 2025-09-12"
    }


def test_reserved_terms_of_the_list_are_effective_prices() -> None:
    [made] = recorded("reserved_terms.json")
    made["product"]["attributes"]["instanceFamily"] = "GPU instance"
    made["terms"]["Reserved"] = {
        key: term
        for key, term in made["terms"]["Reserved"].items()
        if term["termAttributes"]["PurchaseOption"] == "Partial Upfront"
    }
    small = InstanceType("aws", "m4.large", "L4", 1, 2, 8, "aws:G")
    with Loopback(FakeAws([made])) as server:
        fetched = fetch(server, purchases=LISTED, instance_types=[small])
    assert {offer.purchase: (offer.usd_per_instance_hour, offer.contract) for offer in fetched.offers} == {
        "on_demand": (0.12, ""),
        "commit_1y": (0.078041, "RI 1y standard partial upfront"),
        "commit_3y": (0.056006, "RI 3y standard partial upfront"),
    }


def test_lines_of_a_product_need_not_be_neighbours_and_look_alikes_never_get_in() -> None:
    good = recorded("gpu_products.json")
    bad = [
        product("g6.xlarge", sku="WIN", usd="1.5", operatingSystem="Windows"),
        product("g6.xlarge", sku="DED", usd="0.9", tenancy="Dedicated"),
        product("g6.xlarge", sku="BOX", usd="0.8", capacitystatus="UnusedCapacityReservation"),
        product("g6.xlarge", sku="SQL", usd="0.8", preInstalledSw="SQL Std"),
        product("g6.xlarge", sku="LAX", usd="0.1", locationType="AWS Local Zone"),
    ]
    lines = sorted(public_lines([*good, *bad, *recorded("traps.json")]), key=lambda line: line[::-1])
    body = public_list([]) + "".join(line for line in lines if '"eu-west-1"' not in line and '"us-west-2"' not in line)
    with Loopback(in_turn(Reply(body))) as server:
        fetched = fetch(server, ["us-east-1"])
    assert {offer.instance_type.name: offer.usd_per_instance_hour for offer in fetched.offers} == {
        "g5.2xlarge": 1.212,
        "g6.xlarge": 0.8048,
        "p4d.24xlarge": 21.957642,
        "p5.48xlarge": 55.04,
    }
    assert fetched.problems == ()


def test_an_empty_software_column_means_none() -> None:
    with Loopback(FakeAws([product(preInstalledSw="")])) as server:
        assert len(fetch(server).offers) == 1


def test_memory_stays_bounded_and_progress_is_told() -> None:
    junk = next(public_lines([product("m7i.large", sku="JUNK", instanceFamily="General purpose")])).encode() * 100
    pieces = 300

    def body() -> Iterator[bytes]:
        yield public_list([product()]).encode()
        for _ in range(pieces):
            yield junk

    steps: list[tuple[str, int, int | None]] = []
    with Loopback(lambda _: Reply(body())) as server:
        source = PublicAwsPrices(server.url)
        tracemalloc.start()
        fetched = source.fetch(["us-east-1"], ["on_demand"], TYPES, lambda *step: steps.append(step))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    size_bytes = pieces * len(junk)
    assert len(fetched.offers) == 1
    assert size_bytes > 8_000_000
    assert peak_bytes < 5_000_000
    assert steps[-1][1] > size_bytes
    assert len(steps) > 8
    assert [step[1] for step in steps] == sorted(step[1] for step in steps)
    assert {step[0] for step in steps} == {"aws us-east-1"}


def test_progress_knows_the_length_where_the_server_says_it() -> None:
    steps: list[tuple[str, int, int | None]] = []
    with Loopback(FakeAws([product()])) as server:
        fetch(server, ["us-east-1"], progress=lambda *step: steps.append(step))
    assert steps[-1][1] == steps[-1][2]


def test_local_and_wavelength_zones_are_no_regions() -> None:
    zones = ["us-west-2-lax-1", "us-east-1-wl1-bos-wlz-1"]
    everywhere = [product(region=region) for region in ["us-east-1", "us-gov-west-1", *zones]]
    with Loopback(FakeAws(everywhere)) as server:
        fetched = fetch(server)
        assert not [request.path for request in server.requests if any(zone in request.path for zone in zones)]
    assert {offer.region for offer in fetched.offers} == {"us-east-1", "us-gov-west-1"}


def test_an_unknown_gpu_type_is_left_out_and_said() -> None:
    with Loopback(FakeAws([product(), product("p9.48xlarge", sku="NEW")])) as server:
        fetched = fetch(server)
    assert [(left_out.region, left_out.instance_type) for left_out in fetched.excluded] == [
        ("us-east-1", "p9.48xlarge")
    ]


def test_spot_needs_credentials_and_that_is_said() -> None:
    with Loopback(FakeAws([product()])) as server:
        fetched = fetch(server, purchases=("on_demand", "spot"))
    assert lines_of(fetched) == (
        "spot prices of every region: the public price list does not have them: set up credentials (`aws configure`)",
    )


def test_foreign_money_and_zero_are_refused_with_their_sku() -> None:
    yuan, free = product(sku="YUAN"), product("g5.2xlarge", sku="FREE", usd="0.0000000000")
    dimension(yuan)["pricePerUnit"] = {"CNY": "5.7"}
    with Loopback(FakeAws([yuan, free, product("p5.48xlarge", sku="P5", usd="55.04")])) as server:
        fetched = fetch(server)
    assert [offer.instance_type.name for offer in fetched.offers] == ["p5.48xlarge"]
    assert fetched.complete == frozenset()
    assert [("YUAN" in line, "FREE" in line) for line in lines_of(fetched)] == [(False, True), (True, False)]


@pytest.mark.parametrize(
    ("first", "attempts"),
    [
        (Reply("busy", status=503), 2),
        (Reply("slow down", status=429), 2),
        (Reply(public_list([product()]), fault="truncate"), 2),
        (Reply(fault="drop"), 2),
        (Reply(fault="hang"), 2),
    ],
)
def test_what_another_attempt_may_mend_is_tried_again(first: Reply, attempts: int) -> None:
    def answer(request: Request) -> Reply:
        if request.number == 0:
            source._timeout_s = 120  # the first attempt keeps its own; a good answer gets the time that it needs
            return first
        return Reply(public_list([product()]))

    with Loopback(answer) as server:
        source = PublicAwsPrices(server.url, timeout_s=0.2 if first.fault == "hang" else 120, wait_s=0.01)
        fetched = source.fetch(["us-east-1"], ("on_demand",), TYPES)
        assert len(server.requests) == attempts
    assert len(fetched.offers) == 1
    assert fetched.problems == ()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply("busy", status=503), "HTTP 503"),
        (Reply("no such key", status=403), "check the region's name"),
        (Reply("gone", status=410), "HTTP 410"),
        (Reply(fault="hang"), "no answer in time"),
        (Reply(fault="drop"), "cannot be reached or broke off"),
        (Reply(public_list([product()]), fault="truncate"), "truncated or malformed"),
        (Reply("<html>sign in</html>"), "no header that begins with SKU"),
        (Reply(""), "no header that begins with SKU"),
        (Reply(public_list([product()]).replace('"MarketOption"', '"Other"')), "no column 'MarketOption'"),
        (Reply(public_list([product()]).replace('"AWS Region","g6.xlarge"', '"g6.xlarge"')), "90 fields instead of 91"),
        (Reply(b"\xff\xfe\x00" + public_list([product()]).encode()), "not CSV"),
        (Reply("x" * 100_000), "a line longer than 65536 bytes"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line_with_the_cure(reply: Reply, said: str) -> None:
    with Loopback(in_turn(reply)) as server, pytest.raises(PricesUnavailable) as caught:
        fetch(server, ["us-east-1"], timeout_s=0.2 if reply.fault == "hang" else 120)
    assert said in str(caught.value)
    assert str(caught.value).startswith("public price list of us-east-1: ")
    assert "\n" not in str(caught.value)


def test_regions_fail_one_by_one() -> None:
    fake = FakeAws([product(), product(region="eu-west-1", sku="EU")])

    def answer(request: Request) -> Reply:
        return Reply("busy", status=500) if "eu-west-1" in request.path else fake(request)

    with Loopback(answer) as server:
        fetched = fetch(server)
    assert [offer.region for offer in fetched.offers] == ["us-east-1"]
    assert fetched.complete == {("us-east-1", "on_demand")}
    assert lines_of(fetched) == (
        "public price list of eu-west-1: AWS still fails after several retries (HTTP 500): try again later",
    )


@pytest.mark.parametrize("index", ["{", "[]", '{"regions": 5}', "{}"])
def test_a_broken_index_of_regions_is_one_line(index: str) -> None:
    with Loopback(in_turn(Reply(index))) as server, pytest.raises(PricesUnavailable, match="no list of regions"):
        fetch(server)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://", "http://[::1", "http://x:99999", "\x1b[31m" * 99])
def test_only_http_addresses_are_opened(address: str) -> None:
    with pytest.raises(PricesUnavailable, match="not an http address") as found:
        PublicAwsPrices(address).fetch(["us-east-1"], ["on_demand"], TYPES)
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 200


# Lists that are cut, packed, slow, or somebody else's


def unannounced(body: bytes) -> Reply:
    """An answer whose end nothing tells but the end of the connection."""
    return Reply(wire=iter([b"HTTP/1.0 200 OK\r\nContent-Type: text/csv\r\n\r\n", body]))


def whole_list() -> bytes:
    """Four types of ours in us-east-1, and somebody else's line after each."""
    ours = [one for one in recorded("gpu_products.json") if one["product"]["attributes"]["regionCode"] == "us-east-1"]
    others = [product("m7i.large", sku=f"M{number}", instanceFamily="General purpose") for number in range(len(ours))]
    lines = [line for pair in zip(ours, others, strict=True) for line in public_lines(pair)]
    return (public_list([]) + "".join(lines)).encode()


KNOWN = {("us-east-1", shape.name): "on_demand" for shape in TYPES}


def fetch_known(server: Loopback) -> CloudAnswer:
    source = PublicAwsPrices(server.url, timeout_s=60, wait_s=0.0, known_sold_as=KNOWN)
    return source.fetch(["us-east-1"], ["on_demand"], TYPES)


def trouble(server: Loopback) -> str:
    """The line that is said, whether anything could be read or not."""
    try:
        fetched = fetch_known(server)
    except PricesUnavailable as error:
        return str(error)
    assert fetched.complete == frozenset()
    return lines_of(fetched)[0]


def test_a_list_that_does_not_say_its_length_is_read_where_it_is_whole() -> None:
    with Loopback(lambda _: unannounced(whole_list())) as server:
        fetched = fetch_known(server)
    assert len(fetched.offers) == 4
    assert fetched.problems == ()
    assert fetched.complete == {("us-east-1", "on_demand")}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("back", [1, 2, 3, 40, 300])
def test_a_list_cut_in_the_middle_of_any_line_is_seen_as_cut(back: int, packed: bool) -> None:
    """Also where the line is none of ours: all that would have followed is gone with it."""
    lines = whole_list().splitlines(keepends=True)
    end = next(at for at, line in enumerate(lines) if b'"p4d.24xlarge"' in line)
    assert b"m7i.large" in lines[end - 1]
    cut = b"".join(lines[:end])[:-back]
    head = b"HTTP/1.0 200 OK\r\n" + (b"Content-Encoding: gzip\r\n" if packed else b"") + b"\r\n"
    body = gzip.compress(cut) if packed else cut
    with Loopback(lambda _: Reply(wire=iter([head, body]))) as server:
        said = trouble(server)
    # A line that lacks nothing but its end is whole; what should follow it is missed by name.
    assert "truncated or malformed" in said or (back < 4 and "it ends without p4d.24xlarge, p5.48xlarge" in said)


def test_a_list_cut_between_two_lines_keeps_the_older_prices_of_what_it_lacks() -> None:
    lines = whole_list().splitlines(keepends=True)
    end = next(at for at, line in enumerate(lines) if b'"p4d.24xlarge"' in line)
    with Loopback(lambda _: unannounced(b"".join(lines[:end]))) as server:
        fetched = fetch_known(server)
    assert len(fetched.offers) == 2
    assert fetched.complete == frozenset()
    assert lines_of(fetched) == (
        "public price list of us-east-1: it ends without p4d.24xlarge, p5.48xlarge; the server did not "
        "announce its length, so it may be truncated; older prices are kept: try again, and check any proxy on the way",
    )


@pytest.mark.parametrize("torn", [b"", b"torn"])
def test_a_packed_list_is_read_and_a_torn_one_is_not(torn: bytes) -> None:
    body = gzip.compress(whole_list())
    body = body[:-200] if torn else body
    with Loopback(lambda _: Reply(body, headers={"Content-Encoding": "gzip"})) as server:
        if torn:
            with pytest.raises(PricesUnavailable, match="truncated gzip data"):
                fetch_known(server)
        else:
            assert len(fetch_known(server).offers) == 4


def test_a_list_that_unpacks_without_end_is_refused_in_little_memory(monkeypatch) -> None:
    monkeypatch.setattr(bulk, "_MOST_LIST_BYTES", 2_000_000)
    line = next(public_lines([product("m7i.large", sku="M")])).encode()
    bomb = gzip.compress(public_list([]).encode() + line * 20_000)
    with Loopback(lambda _: Reply(bomb, headers={"Content-Encoding": "gzip"})) as server:
        tracemalloc.start()
        with pytest.raises(PricesUnavailable, match="larger than 2 MiB"):
            fetch_known(server)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(bomb) < 100_000
    assert peak_bytes < 5_000_000


class HalfAMinuteALook(Clock):
    """Half a minute passes between two looks at it, however fast the machine is."""

    def __call__(self) -> float:
        self.advance(30)
        return super().__call__()


def test_a_list_that_drips_is_given_up_by_its_speed_before_the_deadline() -> None:
    """A look at the clock follows each read, of at most 1 MiB: that is below 50 kB/s over 30 s."""
    over = threading.Event()

    def drip() -> Iterator[bytes]:
        yield public_list([product()]).encode()
        while not over.is_set():
            yield b"x" * 1000 + b"\n"

    with Loopback(lambda _: Reply(drip())) as server:
        source = PublicAwsPrices(server.url, timeout_s=60, deadline=Deadline(1e9, HalfAMinuteALook()))
        with pytest.raises(PricesUnavailable, match=r"less than 50 kB/s over 30 s"):
            source.fetch(["us-east-1"], ["on_demand"], TYPES)
        over.set()


def test_at_the_deadline_whole_lists_are_used_and_the_rest_is_said() -> None:
    """One list of two has passed; the other would come at 100 kB a second for ever."""
    clock, over, first_read = Clock(), threading.Event(), threading.Event()

    def flow() -> Iterator[bytes]:
        yield public_list([product(region="eu-west-1")]).encode()
        assert first_read.wait(60)
        while not over.is_set():
            yield b"x" * 50_000 + b"\n"

    fake = FakeAws([product()])

    def answer(request: Request) -> Reply:
        return Reply(flow()) if "eu-west-1" in request.path else fake(request)

    def steps(what: str, done: int, total: int | None) -> None:
        if what == "aws us-east-1" and done == total:
            first_read.set()
        if what == "aws eu-west-1" and first_read.is_set():
            clock.advance(10)  # it is told once per MiB

    with Loopback(answer) as server:
        source = PublicAwsPrices(server.url, timeout_s=60, deadline=Deadline(900, clock))
        fetched = source.fetch(["us-east-1", "eu-west-1"], ["on_demand"], TYPES, steps)
        over.set()
    assert [offer.region for offer in fetched.offers] == ["us-east-1"]
    assert fetched.complete == {("us-east-1", "on_demand")}
    assert lines_of(fetched) == (
        "public price list of eu-west-1: no answer within 15 min: check the network and proxies, or allow more time "
        "(--deadline 75m)",
    )


def test_a_redirection_is_followed_on_the_same_host_alone() -> None:
    fake = FakeAws([product()])
    with Loopback(fake) as elsewhere:

        def answer(request: Request) -> Reply:
            if request.path.startswith("/moved"):
                return fake(request)
            target = f"{elsewhere.url}{request.path}" if "eu-west-1" in request.path else f"/moved{request.path}"
            return Reply(status=302, headers={"Location": target})

        with Loopback(answer) as server:
            fetched = fetch(server, ["us-east-1", "eu-west-1"])
        assert elsewhere.requests == []
    assert [offer.region for offer in fetched.offers] == ["us-east-1"]
    assert "redirects to another host, 127.0.0.1" in lines_of(fetched)[0]


def test_the_index_names_regions_and_nothing_else() -> None:
    names = ["us-east-1", "../../etc", "us-east-1\x1b[31m", "a" * 5000, "eu-west-1/x"]
    fake = FakeAws([product()])

    def answer(request: Request) -> Reply:
        if request.path.endswith("/region_index.json"):
            return Reply({"regions": {name: {} for name in names}})
        return fake(request)

    with Loopback(answer) as server:
        assert len(fetch(server).offers) == 1
        assert len(server.requests) == 2
