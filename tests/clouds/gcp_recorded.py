"""Google's answers as the tests use them: the recorded pages, and small SKUs made for one purpose."""

import csv
import json
from pathlib import Path
from typing import Any

from melange_cloud.catalog.snapshot import load_instance_types

_FOLDER = Path(__file__).parents[1] / "recorded" / "gcp"

SKUS_PATH = "/v1/services/6F81-5844-456A/skus"
MACHINES_PATH = "/compute/v1/projects/a-project/aggregated/machineTypes"
MACHINES = tuple(load_instance_types().values())
PURCHASES = ("on_demand", "spot", "commit_1y", "commit_3y")


def read_json(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))


def skus(name: str = "skus.json") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = read_json(name)["skus"]
    return listed


def expected_prices() -> dict[tuple[str, str, str], float]:
    """(region, instance type, purchase) -> USD/h."""
    with (_FOLDER / "expected_prices.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["region"], row["instance_type"], row["purchase"]): float(row["usd_per_hour"])
            for row in csv.DictReader(file)
        }


def sku(
    description="Nvidia L4 GPU running in Americas",
    group="GPU",
    usage="OnDemand",
    regions=("us-central1",),
    units="0",
    nanos=560040239,
    unit="h",
    currency="USD",
    sku_id="T-1",
    family=None,
    when="2026-07-30T00:00:00Z",
):
    """One SKU as JSON."""
    return {
        "name": f"services/6F81-5844-456A/skus/{sku_id}",
        "skuId": sku_id,
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": family or ("Storage" if group == "LocalSSD" else "Compute"),
            "resourceGroup": group,
            "usageType": usage,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [
            {
                "pricingExpression": {
                    "usageUnit": unit,
                    "displayQuantity": 1,
                    "tieredRates": [
                        {"startUsageAmount": 0, "unitPrice": {"currencyCode": currency, "units": units, "nanos": nanos}}
                    ],
                },
                "currencyConversionRate": 1,
                "effectiveTime": when,
            }
        ],
    }


def message(as_json: dict[str, Any]) -> Any:
    """The protobuf message that Google's own client makes of a SKU."""
    from google.cloud.billing_v1 import Sku

    return Sku.pb(Sku.from_json(json.dumps(as_json)))
