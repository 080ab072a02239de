"""A small AWS for the loopback server: GetProducts with its filters and pages, two EC2 calls, the public price list.

Products are dicts in GetProducts' shape; ``product`` makes one, ``recorded`` reads those of tests/recorded/aws.
"""

import copy
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from melange_cloud.clouds import CloudAnswer
from tests.clouds.loopback import Reply, Request

RECORDED = Path(__file__).parent.parent / "recorded" / "aws"
_EC2 = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")

Product = dict[str, Any]
Fault = Callable[[Request, str, str], Reply | None]


def recorded(name: str) -> list[Product]:
    return list(json.loads((RECORDED / name).read_text(encoding="utf-8"))["PriceList"])


def expected_rows() -> list[dict[str, str]]:
    with (RECORDED / "expected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def recorded_spot() -> dict[str, list[tuple[str, str, str]]]:
    """Region -> (type, zone, price): a costlier first zone, the recorded figure in the second, a cheap local zone."""
    spot: dict[str, list[tuple[str, str, str]]] = {}
    for row in expected_rows():
        if row["purchase"] == "spot":
            region, name, price = row["region"], row["instance_type"], float(row["usd_per_hour"])
            spot.setdefault(region, []).extend(
                [
                    (name, f"{region}a", f"{price * 1.5:.6f}"),
                    (name, f"{region}b", f"{price:.6f}"),
                    (name, f"{region}-lax-1a", "0.010000"),
                ]
            )
    return spot


def product(
    instance_type: str = "g6.xlarge",
    region: str = "us-east-1",
    usd: str = "0.8048000000",
    sku: str = "SKU0000000000001",
    **attributes: str,
) -> Product:
    """A plain Linux product at one on-demand price."""
    made = copy.deepcopy(recorded("gpu_products.json")[0])
    made["product"]["sku"] = sku
    made["product"]["attributes"].update(instanceType=instance_type, regionCode=region, **attributes)
    made["terms"] = {"OnDemand": {f"{sku}.JRTCKXETXF": _term("JRTCKXETXF", {f"{sku}.JRTCKXETXF.6YS6EN2CT7": usd})}}
    return made


def _term(code: str, hourly: Mapping[str, str]) -> dict[str, Any]:
    dimensions = {
        rate: {"unit": "Hrs", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}, "rateCode": rate}
        for rate, usd in hourly.items()
    }
    return {"offerTermCode": code, "termAttributes": {}, "priceDimensions": dimensions}


def dimension(made: Product) -> dict[str, Any]:
    """The one on-demand price dimension of a product, to be spoilt."""
    [term] = made["terms"]["OnDemand"].values()
    [only] = term["priceDimensions"].values()
    return dict_of(only)


def dict_of(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


class FakeAws:
    """An ``Answer`` for Loopback.

    Args:
        products: what GetProducts and the public list hold.
        spot: region -> (type, zone, price) rows.
        offered: region -> types; None offers whatever has a price there.
        page: products per page.
        fault: called first with (request, operation, region); its Reply, if any, is the answer.
    """

    def __init__(
        self,
        products: Sequence[Product] = (),
        spot: Mapping[str, Sequence[tuple[str, str, str]]] | None = None,
        offered: Mapping[str, Sequence[str]] | None = None,
        page: int = 100,
        fault: Fault | None = None,
    ) -> None:
        self.products = list(products)
        self.spot = spot or {}
        self.offered = offered
        self.page = page
        self.fault = fault

    def __call__(self, request: Request) -> Reply:
        operation, region = operation_of(request)
        reply = self.fault(request, operation, region) if self.fault else None
        if reply is not None:
            return reply
        if operation == "GetProducts":
            return self._products(request.json())
        if operation == "DescribeSpotPriceHistory":
            return self._spot(region, request.form)
        if operation == "DescribeInstanceTypeOfferings":
            return self._offerings(region)
        if request.path.endswith("/region_index.json"):
            names = {made["product"]["attributes"]["regionCode"] for made in self.products} - {""}
            return Reply({"formatVersion": "v1.0", "regions": {name: {"regionCode": name} for name in sorted(names)}})
        if request.path.endswith("/index.csv"):
            wanted = request.path.split("/")[-2]
            held = [made for made in self.products if made["product"]["attributes"]["regionCode"] == wanted]
            return Reply(public_list(held)) if held else Reply("no such key", status=403)
        return Reply("?", status=404)

    def _products(self, asked: dict[str, Any]) -> Reply:
        assert asked["ServiceCode"] == "AmazonEC2"
        wanted = {entry["Field"]: entry["Value"] for entry in asked["Filters"]}
        found = [
            made
            for made in self.products
            if all(made["product"]["attributes"].get(name) == value for name, value in wanted.items())
        ]
        start = int(asked.get("NextToken", 0))
        answer: dict[str, Any] = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(made) for made in found[start : start + self.page]],
        }
        if start + self.page < len(found):
            answer["NextToken"] = str(start + self.page)
        return Reply(answer)

    def _spot(self, region: str, form: Mapping[str, list[str]]) -> Reply:
        assert form["ProductDescription.1"] == ["Linux/UNIX"]
        wanted = {values[0] for name, values in form.items() if name.startswith("InstanceType.")}
        rows = [
            f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX</productDescription>"
            f"<spotPrice>{price}</spotPrice><timestamp>2026-11-22T10:00:00.000Z</timestamp>"
            f"<availabilityZone>{zone}</availabilityZone></item>"
            for name, zone, price in self.spot.get(region, ())
            if name in wanted
        ]
        return xml("DescribeSpotPriceHistory", f"<spotPriceHistorySet>{''.join(rows)}</spotPriceHistorySet>")

    def _offerings(self, region: str) -> Reply:
        names = [made["product"]["attributes"] for made in self.products]
        here = [made["instanceType"] for made in names if made.get("instanceType") and made["regionCode"] == region]
        rows = [
            f"<item><instanceType>{name}</instanceType><locationType>region</locationType>"
            f"<location>{region}</location></item>"
            for name in (self.offered.get(region, ()) if self.offered is not None else here)
        ]
        return xml(
            "DescribeInstanceTypeOfferings", f"<instanceTypeOfferingSet>{''.join(rows)}</instanceTypeOfferingSet>"
        )


def operation_of(request: Request) -> tuple[str, str]:
    """(operation, region) of a request to an AWS API; ("", "") for any other."""
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    if scope is None:
        return "", ""
    if scope["service"] == "ec2":
        return request.form["Action"][0], scope["region"]
    return request.headers["x-amz-target"].partition(".")[2], scope["region"]


def xml(operation: str, content: str) -> Reply:
    return Reply(f"<{operation}Response {_EC2}><requestId>r</requestId>{content}</{operation}Response>")


def refusal(code: str, status: int = 400, message: str = "no", headers: Mapping[str, str] | None = None) -> Fault:
    """The given error for every call, in the shape of the API that is asked."""

    def fault(request: Request, operation: str, region: str) -> Reply | None:
        if operation == "GetProducts":
            return Reply({"__type": code, "message": message}, status=status, headers=headers or {})
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
            "<RequestID>r</RequestID></Response>"
        )
        return Reply(body, status=status, headers=headers or {})

    return fault


def public_list(products: Sequence[Product]) -> str:
    """A region's index.csv: quoted as AWS does it, one line per price dimension."""
    head = (RECORDED / "public_list_header.csv").read_text(encoding="utf-8")
    return head + "".join(public_lines(products))


def public_lines(products: Sequence[Product]) -> Iterator[str]:
    header = next(csv.reader([(RECORDED / "public_list_header.csv").read_text(encoding="utf-8").splitlines()[-1]]))
    for made in products:
        attributes = made["product"]["attributes"]
        for kind, terms in made["terms"].items():
            for term in terms.values():
                for priced in term["priceDimensions"].values():
                    [(currency, price)] = priced["pricePerUnit"].items()
                    row = {
                        "SKU": made["product"]["sku"],
                        "OfferTermCode": term["offerTermCode"],
                        "RateCode": priced["rateCode"],
                        "TermType": kind,
                        "EndingRange": priced.get("endRange", ""),
                        "Unit": priced["unit"],
                        "PricePerUnit": price,
                        "Currency": currency,
                        **term["termAttributes"],
                        "Product Family": "Compute Instance",
                        "Location Type": attributes.get("locationType", ""),
                        "Instance Type": attributes.get("instanceType", ""),
                        "Instance Family": attributes.get("instanceFamily", ""),
                        "Tenancy": attributes.get("tenancy", ""),
                        "Operating System": attributes.get("operatingSystem", ""),
                        "License Model": attributes.get("licenseModel", ""),
                        "operation": attributes.get("operation", ""),
                        "CapacityStatus": attributes.get("capacitystatus", ""),
                        "MarketOption": attributes.get("marketoption", ""),
                        "Pre Installed S/W": attributes.get("preInstalledSw", ""),
                        "Region Code": attributes.get("regionCode", ""),
                    }
                    line = io.StringIO()
                    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(
                        [row.get(column, "") for column in header]
                    )
                    yield line.getvalue()


def lines_of(fetched: CloudAnswer) -> tuple[str, ...]:
    """What could not be read, as people see it."""
    return tuple(map(str, fetched.problems))
