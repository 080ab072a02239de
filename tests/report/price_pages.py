"""Pages of ``prices`` for tests, made of small sets of offers with the longest names that ship."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from melange_cloud.domain import (
    CatalogDifference,
    CloudRefresh,
    DoctorCheck,
    InstanceType,
    Offer,
    PriceChange,
    RenewalCount,
    RenewalSummary,
)
from melange_cloud.report.page import Page
from melange_cloud.report.pages.price_checks import checks, refreshed
from melange_cloud.report.pages.price_difference import price_difference, renewal
from melange_cloud.report.pages.prices import price_list


def offer(
    name: str,
    gpu: str,
    gpu_count: int,
    region: str,
    usd_per_hour: float,
    purchase: str = "on_demand",
    *,
    sold_as: str | None = None,
    contract: str = "",
    list_usd_per_hour: float | None = None,
) -> Offer:
    provider = "gcp" if "-standard-" in name or "gpu-" in name else "aws"
    return Offer(
        instance_type=InstanceType(provider, name, gpu, gpu_count, 8 * gpu_count, 64.0 * gpu_count, "aws:G"),
        region=region,
        purchase=purchase,
        sold_as=sold_as or ("commitment" if contract else purchase),
        usd_per_instance_hour=usd_per_hour,
        list_usd_per_instance_hour=usd_per_hour if list_usd_per_hour is None else list_usd_per_hour,
        origin="snapshot",
        source="test",
        as_of_from=date(2026, 7, 20),
        as_of_to=date(2026, 7, 30 if provider == "gcp" else 20),
        contract=contract,
    )


OFFERS = (
    offer("gr6.4xlarge", "L4", 1, "us-east-1", 0.1770, "spot"),
    offer("g2-standard-96", "L4", 8, "northamerica-northeast1", 5.5011, "commit_3y", contract="CUD 3y"),
    offer("g6.12xlarge", "L4", 4, "ap-southeast-2", 5.1206, "commit_1y", contract="RI 1y standard no upfront"),
    offer("p5.4xlarge", "H100", 1, "us-east-1", 6.88, sold_as="unknown"),
    offer("a2-ultragpu-8g", "A100-80GB", 8, "australia-southeast1", 56.1013),
    offer("a3-megagpu-8g", "H100", 8, "asia-southeast1", 119.9746),
)

CHANGES = (
    PriceChange(OFFERS[0], offer("gr6.4xlarge", "L4", 1, "us-east-1", 0.1489, "spot"), OFFERS[0]),
    PriceChange(OFFERS[1], None, OFFERS[1]),
    PriceChange(OFFERS[4], OFFERS[4], None),
)
DIFFERENCE = CatalogDifference(CHANGES, 1817, frozenset({("aws", "us-gov-west-1", "spot")}), frozenset())

CHECKS = (
    DoctorCheck(
        "aws",
        "credentials",
        "missing",
        "none",
        "run `aws configure` or set AWS_PROFILE (without any: `melange-cloud prices refresh --public`)",
    ),
    DoctorCheck("aws", "prices", "failed", "denied", "allow ec2:DescribeSpotPriceHistory in their IAM policy"),
    DoctorCheck("cache", "gcp", "old", "212 prices of 41 regions, 3 days old", "melange-cloud prices refresh"),
    DoctorCheck("snapshot", "aws on_demand", "ok", "368 prices, as of 2025-11-30 to 2026-07-20, up to 362 days old"),
)

RENEWAL = RenewalSummary(
    folder="renewed-pricing",
    notices=("gcp: all of its rows are unchanged",),
    checks=(),
    rows=1877,
    renewed_rows=368,
    counts=(
        RenewalCount("aws", "on_demand", 368, (date(2025, 11, 30), date(2026, 7, 20)), CHANGES[1:]),
        RenewalCount("aws", "spot", 236, (), CHANGES[:1]),
        RenewalCount("gcp", "commit_3y", 212, (date(2026, 7, 30),), ()),
    ),
    difference=DIFFERENCE,
)


def listed(offers: tuple[Offer, ...] = OFFERS) -> Page:
    return price_list(
        offers,
        age_of=lambda one: f"{one.origin} {one.as_of_to}",
        notices=("live prices need credentials",),
        now=datetime(2026, 11, 22, 12, tzinfo=UTC),
    )


def pages() -> Mapping[str, Page]:
    return {
        "prices-list": listed(),
        "prices-diff": price_difference(DIFFERENCE, ("snapshot", "cache")),
        "prices-doctor": checks(CHECKS),
        "prices-refresh": refreshed(
            [CloudRefresh("aws", 34, {"on_demand": 368, "spot": 236}, 12.34), CloudRefresh("gcp", 1, {"spot": 1}, 0.5)],
            [],
        ),
        "prices-renew": renewal(RENEWAL),
    }
