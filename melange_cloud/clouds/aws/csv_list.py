"""Reads the CSV of the public price list as a stream: lines in, products in the shape of GetProducts out."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from melange_cloud.clouds.aws.products import is_plain_instance

LONGEST_LINE_BYTES = 1 << 16
_MOST_LINES_ABOVE_HEADER = 20
_PASSING = (b"GPU instance", b"Linux", b"Shared")
"""Every line that we want contains these; searching for them is much faster than splitting every line."""
_ATTRIBUTE_OF_COLUMN = {
    "Region Code": "regionCode",
    "Instance Type": "instanceType",
    "Instance Family": "instanceFamily",
    "Operating System": "operatingSystem",
    "Tenancy": "tenancy",
    "CapacityStatus": "capacitystatus",
    "Pre Installed S/W": "preInstalledSw",
    "MarketOption": "marketoption",
    "License Model": "licenseModel",
    "Location Type": "locationType",
    "operation": "operation",
}
_TERM_COLUMNS = (
    "SKU",
    "OfferTermCode",
    "RateCode",
    "TermType",
    "EndingRange",
    "Unit",
    "PricePerUnit",
    "Currency",
    "LeaseContractLength",
    "PurchaseOption",
    "OfferingClass",
)


def products_of(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The plain Linux GPU products of a list, once all of it has been read.

    The file holds one line per price dimension, and the lines of a product need not be neighbours.

    Raises:
        ValueError: it is not a price list, a line does not match the header, or the list ends in the middle of a line.
    """
    rest = iter(lines)
    published, header = _header(rest)
    places = {column: at for at, column in enumerate(header)}
    missing = [column for column in (*_ATTRIBUTE_OF_COLUMN, *_TERM_COLUMNS) if column not in places]
    if missing:
        raise ValueError(f"no column '{missing[0]}'")
    products: dict[str, dict[str, Any]] = {}
    line = b"\n"
    for line in rest:
        if not all(word in line for word in _PASSING):
            continue
        fields = _fields(line)
        if len(fields) != len(header):
            raise ValueError(f"a line of {len(fields)} fields instead of {len(header)}")
        row = {column: fields[at] for column, at in places.items()}
        attributes = {name: row[column] for column, name in _ATTRIBUTE_OF_COLUMN.items()}
        attributes["preInstalledSw"] = attributes["preInstalledSw"] or "NA"  # empty in some years
        if is_plain_instance(attributes):
            sku = row["SKU"]
            product = products.setdefault(
                sku,
                {"product": {"sku": sku, "attributes": attributes}, "terms": {}, "publicationDate": published},
            )
            _add_dimension(product["terms"], row)
    # Only the last line can be without its end. If it is, the rest of the list is missing, whatever the line is about.
    if not line.endswith(b"\n") and len(_fields(line)) != len(header):
        raise ValueError("it ends in the middle of a line")
    yield from products.values()


def _header(lines: Iterator[bytes]) -> tuple[str, list[str]]:
    """The publication date and the columns, which follow a few lines about the list."""
    published = ""
    for _, line in zip(range(_MOST_LINES_ABOVE_HEADER), lines, strict=False):
        fields = _fields(line)
        if fields[:1] == ["SKU"]:
            return published, fields
        if fields[:1] == ["Publication Date"] and len(fields) > 1:
            published = fields[1]
    raise ValueError("no header that begins with SKU")


def _fields(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8")], strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"a line that is not CSV: {error}") from error


def _add_dimension(terms: dict[str, Any], row: Mapping[str, str]) -> None:
    term = terms.setdefault(row["TermType"], {}).setdefault(
        row["OfferTermCode"],
        {
            "priceDimensions": {},
            "effectiveDate": row.get("EffectiveDate", ""),
            "termAttributes": {
                name: row[name] for name in ("LeaseContractLength", "OfferingClass", "PurchaseOption") if row[name]
            },
        },
    )
    term["priceDimensions"][row["RateCode"]] = {
        "unit": row["Unit"],
        "endRange": row["EndingRange"],
        "pricePerUnit": {row["Currency"]: row["PricePerUnit"]},
    }
