"""A user's price sheet: what it gives, and every way in which it is refused."""

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.catalog import SHEET_COLUMNS, Catalog, load_snapshot, read_price_sheet
from melange_cloud.catalog.catalog import key_of
from melange_cloud.domain import GPUS, PURCHASES, InstanceType, Offer
from melange_cloud.errors import BadFile
from tests.properties import examples

TODAY = date(2026, 11, 22)
REFERENCE = load_snapshot()
REQUIRED = "provider, region, instance_type, purchase, usd_per_hour"
HEADER = "provider,region,instance_type,purchase,usd_per_hour"
ROW = "aws,us-east-1,g6.xlarge,on_demand,0.61"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.csv"


def read(
    path: Path, content: str | bytes, *, reference: Catalog = REFERENCE, accept_odd_prices: bool = False
) -> tuple[Offer, ...]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_price_sheet(path, today=TODAY, reference=reference, accept_odd_prices=accept_odd_prices)


def faults(path: Path, content: str | bytes, *, reference: Catalog = REFERENCE) -> list[str]:
    """The faults, without the path that each begins with."""
    with pytest.raises(BadFile) as caught:
        read(path, content, reference=reference)
    lines = [str(fault) for fault in caught.value.faults]
    assert all(line.startswith(str(path)) and "\n" not in line for line in lines)
    return [line.removeprefix(str(path)).lstrip(",: ") for line in lines]


def sheet_of(offers: Iterable[Offer]) -> str:
    """The offers as a sheet with every column."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, SHEET_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for offer in offers:
        shape = offer.instance_type
        writer.writerow(
            {
                "provider": shape.provider,
                "region": offer.region,
                "instance_type": shape.name,
                "purchase": offer.purchase,
                "usd_per_hour": repr(offer.usd_per_instance_hour),
                "gpu": shape.gpu,
                "gpu_count": shape.gpu_count,
                "vcpus": shape.vcpus,
                "memory_gib": shape.memory_gib,
                "sold_as": offer.sold_as,
                "list_usd_per_hour": repr(offer.list_usd_per_instance_hour),
                "currency": "USD",
                "contract": offer.contract,
                "source": offer.source,
                "origin": offer.origin,
                "as_of_from": offer.as_of_from,
                "as_of_to": offer.as_of_to,
                "confirmed": "no",
            }
        )
    return stream.getvalue()


def test_the_least_that_a_row_can_say(path: Path) -> None:
    (offer,) = read(path, f"{HEADER}\n{ROW}\n")
    assert offer == Offer(
        instance_type=InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16.0, "aws:G"),
        region="us-east-1",
        purchase="on_demand",
        sold_as="on_demand",
        usd_per_instance_hour=0.61,
        list_usd_per_instance_hour=0.61,
        origin="user",
        source="mine.csv",
        as_of_from=TODAY,
        as_of_to=TODAY,
    )


@pytest.mark.parametrize(
    ("purchase", "sold_as"),
    [("on_demand", "on_demand"), ("spot", "spot"), ("commit_1y", "commitment"), ("commit_3y", "commitment")],
)
def test_sold_as_follows_the_purchase(path: Path, purchase: str, sold_as: str) -> None:
    (offer,) = read(path, f"{HEADER}\naws,us-east-1,g6.xlarge,{purchase},0.5\n")
    assert (offer.purchase, offer.sold_as) == (purchase, sold_as)


def test_everything_that_a_row_can_say(path: Path) -> None:
    (offer,) = read(
        path,
        "region,provider,usd_per_hour,list_usd_per_hour,instance_type,purchase,sold_as,contract,source,currency,"
        "as_of_from,as_of_to,origin\n"
        'us-east-1,aws,40.5,55.04,p5.48xlarge,commit_1y,unknown,"EDP, 2y",invoice,usd,2026-01-01,2026-02-01,live\n',
    )
    assert offer.usd_per_instance_hour == 40.5
    assert offer.list_usd_per_instance_hour == 55.04
    assert (offer.sold_as, offer.contract, offer.source) == ("unknown", "EDP, 2y", "invoice")
    assert (offer.as_of_from, offer.as_of_to, offer.origin) == (date(2026, 1, 1), date(2026, 2, 1), "user")


@pytest.mark.parametrize("column", ["as_of_from", "as_of_to"])
def test_one_date_is_both(path: Path, column: str) -> None:
    (offer,) = read(path, f"{HEADER},{column}\n{ROW},2026-03-04\n")
    assert (offer.as_of_from, offer.as_of_to) == (date(2026, 3, 4), date(2026, 3, 4))


def test_a_region_that_we_do_not_know_is_accepted(path: Path) -> None:
    (offer,) = read(path, f"{HEADER}\naws,us-west-2-lax-1,g6.xlarge,on_demand,0.9\n")
    assert offer.region == "us-west-2-lax-1"


@pytest.mark.parametrize(
    ("provider", "name", "family"),
    [
        ("aws", "gr7.xlarge", "aws:G"),
        ("aws", "p5en.48xlarge", "aws:P"),
        ("aws", "trn2.3xlarge", "aws:TRN"),
        ("gcp", "a4-highgpu-8g", "gcp:A4"),
    ],
)
def test_a_new_instance_type_brings_its_facts(path: Path, provider: str, name: str, family: str) -> None:
    (offer,) = read(
        path,
        f"{HEADER},gpu,gpu_count,vcpus,memory_gib\n{provider},somewhere,{name},on_demand,9,H100,8,96.0,1024.5\n",
    )
    assert offer.instance_type == InstanceType(provider, name, "H100", 8, 96, 1024.5, family)


def test_byte_order_mark_windows_lines_spaces_and_blank_lines_are_fine(path: Path) -> None:
    content = f"\ufeff{HEADER}\r\n\r\n aws , us-east-1,g6.xlarge ,on_demand, 0.61 \r\n,,,,\r\n"
    assert [offer.usd_per_instance_hour for offer in read(path, content)] == [0.61]


@pytest.mark.parametrize(
    ("price", "why"),
    [
        ("0", "'0' is zero"),
        ("0.000", "'0.000' is zero"),
        ("-1", "'-1' is negative"),
        ("nan", "'nan' is not a number"),
        ("inf", "'inf' is not a number"),
        ("-Infinity", "'-Infinity' is not a number"),
        ("1e999", "'1e999' is not finite"),
        ("cheap", "'cheap' is not a number"),
        ('"1,006"', "'1,006' contains separators"),
        ('"1.234,50"', "'1.234,50' contains separators"),
        ("1_006", "'1_006' contains separators"),
        ("1 006", "'1 006' contains separators"),
        ("$1.006", "'$1.006' is not a plain number"),
        ("1.006 EUR", "'1.006 EUR' is not a plain number"),
        ("0x10", "'0x10' is not a plain number"),
        ("٣", "'٣' is not a plain number"),
        ("", "is empty"),
    ],
)
def test_a_price_that_cannot_be_one_is_refused(path: Path, price: str, why: str) -> None:
    (fault,) = faults(path, f"{HEADER}\naws,us-east-1,g6.xlarge,on_demand,{price}\n")
    assert fault.startswith(f"line 2, usd_per_hour: {why}")


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("currency", "EUR", "unsupported currency 'EUR': convert the price to USD"),
        ("gpu", "H200", "unknown 'H200': did you mean H100?"),
        ("gpu", "A10G", "A10G contradicts g6.xlarge: it has L4"),
        ("gpu_count", "2", "2 contradicts g6.xlarge: it has 1"),
        ("gpu_count", "1.5", "'1.5' is not a whole number"),
        ("vcpus", "0", "'0' is zero"),
        ("memory_gib", "17.2", "17.2 contradicts g6.xlarge: it has 16.0"),
        ("sold_as", "spot", "unknown 'spot': use on_demand, capacity_block, unknown"),
        ("list_usd_per_hour", "-2", "'-2' is negative"),
        ("as_of_from", "22.11.2026", "is '22.11.2026': must be a date such as 2026-07-30"),
        ("as_of_from", "2026-02-30", "is '2026-02-30': must be a date"),
        ("as_of_to", "20260730", "is '20260730': must be a date"),
        ("as_of_to", "2027-01-01", "2027-01-01 is in the future"),
        ("confirmed", "maybe", "unknown 'maybe': use yes, no"),
    ],
)
def test_an_optional_cell_that_cannot_be_right_is_refused(path: Path, column: str, value: str, why: str) -> None:
    (fault,) = faults(path, f"{HEADER},{column}\n{ROW},{value}\n")
    assert fault.startswith(f"line 2, {column}: {why}")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",us-east-1,g6.xlarge,on_demand,1", "provider: is empty"),
        ("azure,us-east-1,g6.xlarge,on_demand,1", "provider: unknown 'azure': use aws, gcp"),
        ("aws,,g6.xlarge,on_demand,1", "region: is empty"),
        ("aws,US-EAST-1,g6.xlarge,on_demand,1", "region: 'US-EAST-1' is not a region name"),
        ("aws,us-east1,g6.xlarge,on_demand,1", "region: us-east1 is a region of gcp, not of aws"),
        ("aws,us-east-1,,on_demand,1", "instance_type: is empty"),
        ("aws,us-east-1,g6 xlarge,on_demand,1", "instance_type: 'g6 xlarge' is not an instance type"),
        ("gcp,us-east1,g6.xlarge,on_demand,1", "instance_type: g6.xlarge is a type of aws, not of gcp"),
        (
            "aws,us-east-1,g6.xlarg,on_demand,1",
            "instance_type: unknown instance type 'g6.xlarg': did you mean g6.xlarge",
        ),
        ("aws,us-east-1,g6.xlarge,on-demand,1", "purchase: unknown 'on-demand': did you mean on_demand?"),
        ("aws,us-east-1,g6.xlarge,,1", "purchase: is empty"),
    ],
)
def test_a_row_that_names_nothing_that_can_be_priced_is_refused(path: Path, row: str, why: str) -> None:
    (fault,) = faults(path, f"{HEADER}\n{row}\n")
    assert fault.startswith(f"line 2, {why}")


def test_a_new_instance_type_without_its_facts_is_refused(path: Path) -> None:
    (fault,) = faults(path, f"{HEADER},gpu\naws,us-east-1,zz9.metal,on_demand,1,L4\n")
    assert fault == (
        "line 2, instance_type: unknown instance type 'zz9.metal': a new type also needs gpu_count, vcpus, memory_gib"
    )


def test_a_new_instance_type_cannot_have_two_shapes(path: Path) -> None:
    (fault,) = faults(
        path,
        f"{HEADER},gpu,gpu_count,vcpus,memory_gib\n"
        "aws,us-east-1,p6.large,on_demand,7,H100,2,8,100\n"
        "aws,us-east-2,p6.large,on_demand,7,H100,4,8,100\n",
    )
    assert fault.startswith("line 3, gpu_count: 4 contradicts p6.large: line 2 says 2")


def test_dates_in_the_wrong_order_are_refused(path: Path) -> None:
    (fault,) = faults(path, f"{HEADER},as_of_from,as_of_to\n{ROW},2026-05-01,2026-04-01\n")
    assert fault == "line 2, as_of_from: 2026-05-01 is after as_of_to 2026-04-01: swap them"


def test_a_clock_a_day_behind_is_no_fault(path: Path) -> None:
    tomorrow = TODAY + timedelta(days=1)
    (offer,) = read(path, f"{HEADER},as_of_from\n{ROW},{tomorrow}\n")
    assert offer.as_of_to == tomorrow


def test_a_second_price_for_the_same_names_both_lines(path: Path) -> None:
    (fault,) = faults(path, f"{HEADER}\n{ROW}\naws,us-east-2,g6.xlarge,on_demand,0.61\n{ROW}\n")
    assert fault == (
        "line 4, instance_type: aws us-east-1 g6.xlarge on_demand already has a price in line 2: keep one of the two"
    )


def test_the_same_with_another_purchase_is_no_duplicate(path: Path) -> None:
    assert len(read(path, f"{HEADER}\n{ROW}\naws,us-east-1,g6.xlarge,spot,0.3\n")) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty: the first line must name the columns provider, region, instance_type, purchase, usd_per_hour"),
        ("\n\n", "is empty: "),
        (f"{HEADER}\n", "has a header and no rows"),
        (f"{ROW}\n", "line 1: has no header"),
        ("a,b\n1,2\n", f"line 1: missing columns {REQUIRED}; found a, b"),
        ("a,b,c,d,e,f,g,h,i,j\n", f"line 1: missing columns {REQUIRED}; found a, b, c, d, e, f, g, h and 2 more"),
        ('{"rows": []}', f"line 1: is JSON, not CSV: the first line must name the columns {REQUIRED}"),
        ('[{"a": 1}]', "line 1: is JSON, not CSV: "),
        (f"{HEADER}\n{ROW}\n".replace(",", ";"), "line 1: its values are separated by semicolons: save it with commas"),
        (f"{HEADER}\n{ROW}\n".replace(",", "\t"), "line 1: its values are separated by tabs"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "line 1: is not UTF-8"),
        (f"{HEADER}\n{ROW}\n{ROW}".encode() + b"\xe9\n", "line 3: is not UTF-8"),
        (f"{HEADER}\n{ROW},\n", "line 2: has 6 values for 5 columns"),
        (f"{HEADER}\naws,us-east-1\n", "line 2: has 2 values for 5 columns"),
        (f'{HEADER}\naws,"us-east-1,g6.xlarge\n', "line 2: is not valid CSV"),
        (f"{HEADER},cofirmed\n{ROW},yes\n", "line 1, header: unknown column 'cofirmed': did you mean confirmed?"),
        (f"{HEADER},colour\n{ROW},red\n", "line 1, header: unknown column 'colour': the columns are provider, region,"),
        (f"{HEADER},region\n{ROW},eu-west-1\n", "line 1, header: duplicate column region: keep one"),
        (
            "provider,region,usd_per_hour\naws,us-east-1,1\n",
            "line 1, header: column instance_type, purchase is missing",
        ),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(path: Path, content: str | bytes, why: str) -> None:
    (fault,) = faults(path, content)
    assert fault.startswith(why)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(BadFile, match=r"cannot be read \(.+\): check the path"):
            read_price_sheet(path, today=TODAY, reference=REFERENCE)


def test_all_faults_are_reported_together_in_the_order_of_lines(path: Path) -> None:
    found = faults(
        path,
        f"{HEADER},currency,gpu,note\n"
        "aws,us-east1,g6.xlarge,on_demand,0,EUR,H200,a\n"
        "asw,us-east-1,g6.xlarge,reserved,-1,USD,H200,b\n"
        "aws,us-east-1\n"
        "aws,us-east-1,g6.xlarge,on_demand,80.48,USD,A10G,c\n",
    )
    assert [fault.split(":")[0] for fault in found] == [
        "line 1, header",
        "line 2, region",
        "line 2, gpu",
        "line 2, usd_per_hour",
        "line 2, currency",
        "line 3, provider",
        "line 3, purchase",
        "line 3, gpu",
        "line 3, usd_per_hour",
        "line 4",
        "line 5, gpu",
        "line 5, usd_per_hour",
    ]


def test_a_line_is_where_its_row_begins(path: Path) -> None:
    (fault,) = faults(path, f'{HEADER},source\n{ROW},"two\nlines"\naws,us-east-2,g6.xlarge,on_demand,0,x\n')
    assert fault.startswith("line 4, usd_per_hour")


@pytest.mark.parametrize(("price", "factor"), [("80.48", "79.7"), ("0.08048", "12.6")])
def test_a_price_five_times_off_is_refused_unless_confirmed(path: Path, price: str, factor: str) -> None:
    row = f"aws,us-east-1,g6.xlarge,on_demand,{price}"
    (fault,) = faults(path, f"{HEADER}\n{row}\n")
    assert fault.startswith(f"line 2, usd_per_hour: {float(price):g} is {factor} times off 1.0101, the median of known")
    (offer,) = read(path, f"{HEADER}\n{row}\n", accept_odd_prices=True)
    assert offer.usd_per_instance_hour == float(price)
    (offer,) = read(path, f"{HEADER},confirmed\n{row},yes\n")
    assert offer.usd_per_instance_hour == float(price)


def test_spot_is_compared_with_spot(path: Path) -> None:
    assert read(path, f"{HEADER}\naws,us-east-1,g6.xlarge,spot,0.1\n")
    (fault,) = faults(path, f"{HEADER}\naws,us-east-1,g6.xlarge,on_demand,0.1\n")
    assert "usd_per_hour" in fault


def test_a_sheet_in_cents_does_not_vouch_for_itself(path: Path) -> None:
    rows = [f"aws,{region},g6.xlarge,on_demand,80.48" for region in ("us-east-1", "us-east-2", "us-west-2")]
    assert len(faults(path, "\n".join([HEADER, *rows]))) == 3


def test_a_type_that_only_the_sheet_has_is_compared_within_it(path: Path) -> None:
    header = f"{HEADER},gpu,gpu_count,vcpus,memory_gib"
    rows = [
        f"aws,{region},p6.large,on_demand,{price},H100,1,8,64"
        for region, price in (("us-east-1", 7), ("us-east-2", 7.5), ("us-west-2", 8), ("eu-west-1", 80))
    ]
    (fault,) = faults(path, "\n".join([header, *rows]))
    assert fault.startswith(
        "line 5, usd_per_hour: 80 is 10.7 times off 7.5, the median of the sheet's prices of p6.large"
    )


def test_a_sheet_without_a_reference_is_read(path: Path) -> None:
    assert read(path, f"{HEADER}\naws,us-east-1,g6.xlarge,on_demand,80.48\n", reference=Catalog(()))


def test_the_whole_snapshot_written_as_a_sheet_reads_back(path: Path) -> None:
    expected = tuple(replace(offer, origin="user") for offer in REFERENCE.offers)
    assert read(path, sheet_of(REFERENCE.offers)) == expected


words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
free_text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).map(str.strip)
prices = st.floats(min_value=1e-6, max_value=1e6)
days = st.dates(date(2020, 1, 1), TODAY)


@st.composite
def user_offers(draw: st.DrawFn) -> Offer:
    """An offer of an instance type that nobody else has."""
    shape = InstanceType(
        provider="aws",
        name=f"g{draw(words)}.new",
        gpu=draw(st.sampled_from(GPUS)),
        gpu_count=draw(st.integers(1, 16)),
        vcpus=draw(st.integers(1, 512)),
        memory_gib=draw(st.floats(1.0, 4096.0)),
        quota_family="aws:G",
    )
    first, last = sorted((draw(days), draw(days)))
    return Offer(
        instance_type=shape,
        region=f"mine-{draw(words)}",
        purchase=draw(st.sampled_from(PURCHASES)),
        sold_as="unknown",
        usd_per_instance_hour=draw(prices),
        list_usd_per_instance_hour=draw(prices),
        origin="user",
        source=draw(free_text.filter(bool)),
        as_of_from=first,
        as_of_to=last,
        contract=draw(free_text),
    )


@settings(max_examples=examples(60))
@given(offers=st.lists(user_offers(), min_size=1, max_size=6, unique_by=lambda offer: offer.instance_type.name))
def test_a_sheet_written_from_offers_reads_back_equal(
    offers: list[Offer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("sheet") / "mine.csv"
    assert read(path, sheet_of(offers)) == tuple(sorted(offers, key=key_of))


@settings(max_examples=examples(150))
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f"{HEADER}\n{text}".encode())))
def test_nonsense_is_refused_in_words_and_never_a_traceback(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("sheet") / "mine.csv"
    with pytest.raises(BadFile) as caught:
        read(path, content)
    assert caught.value.faults
