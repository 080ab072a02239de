"""Small offers, buckets and MaxTput tables for tests, with everything irrelevant filled in."""

from datetime import date

from melange_cloud.domain import Bucket, InstanceType, Kind, MaxTput, Offer, Quotas, UnservableSize
from melange_cloud.planner.eligibility import EligibilityRules


def machine(name="m1", gpu="L4", gpu_count=1, vcpus=4, memory_gib=64.0, quota_family="aws:G", provider="aws"):
    return InstanceType(provider, name, gpu, gpu_count, vcpus, memory_gib, quota_family)


def offer(name="m1", gpu="L4", gpu_count=1, usd_per_hour=1.0, sold_as="on_demand", purchase="on_demand", **of_machine):
    return Offer(
        instance_type=machine(name, gpu, gpu_count, **of_machine),
        region="us-east-1",
        purchase=purchase,
        sold_as=sold_as,
        usd_per_instance_hour=usd_per_hour,
        list_usd_per_instance_hour=usd_per_hour,
        origin="snapshot",
        source="test",
        as_of_from=date(2026, 1, 1),
        as_of_to=date(2026, 1, 1),
    )


def bucket(low, high, out_low, out_high, share, longest=None):
    return Bucket(low, high, out_low, out_high, (low + high) / 2, (out_low + out_high) / 2, share, longest)


def table(rows):
    """{(bucket, kind): number or reason} -> the MaxTput table that pose() takes."""
    return {
        (b.name, kind): UnservableSize(value)
        if isinstance(value, str)
        else MaxTput(value, "C", 0.3, "estimated", "tpot")
        for (b, kind), value in rows.items()
    }


def rules(router="plain", sold_as_any=False, floor=0.0, may_use=None, quotas=None, spare=0):
    return EligibilityRules(router, sold_as_any, floor, may_use, quotas or Quotas(), spare)


SHORT = bucket(0, 100, 0, 100, 0.75)
LONG = bucket(1000, 2000, 0, 100, 0.25)
L4, A10G, H100 = Kind("L4", 1), Kind("A10G", 1), Kind("H100", 1)
