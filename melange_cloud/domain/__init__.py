"""The nouns of melange-cloud, frozen and unit-named.

Every quantity carries its unit in its name: ``usd_per_hour``, ``requests_per_s``, ``tpot_ms``, ``memory_gib``,
``input_tokens``. Shares and errors are fractions (0.3 is 30 %). The words are those of the README's glossary and have
no synonyms.
"""

from melange_cloud.domain.kinds import GPUS, GRADES, PROVIDERS, PURCHASES, ROUTERS, Kind
from melange_cloud.domain.plan import (
    Allocation,
    KindUse,
    LeftOut,
    Plan,
    QuotaNeed,
    RegionPlan,
    Request,
    RoutingLine,
    SingleGpuFleet,
    WhatIf,
)
from melange_cloud.domain.prices import Excluded, InstanceType, Offer, Region
from melange_cloud.domain.problem import OfferNumbers, Problem, Quotas, Solution, Status
from melange_cloud.domain.throughput import MaxTput, OperatingPoint, Slo, Unservable
from melange_cloud.domain.workload import Bucket, Workload

__all__ = [
    "GPUS",
    "GRADES",
    "PROVIDERS",
    "PURCHASES",
    "ROUTERS",
    "Allocation",
    "Bucket",
    "Excluded",
    "InstanceType",
    "Kind",
    "KindUse",
    "LeftOut",
    "MaxTput",
    "Offer",
    "OfferNumbers",
    "OperatingPoint",
    "Plan",
    "Problem",
    "QuotaNeed",
    "Quotas",
    "Region",
    "RegionPlan",
    "Request",
    "RoutingLine",
    "SingleGpuFleet",
    "Slo",
    "Solution",
    "Status",
    "Unservable",
    "WhatIf",
    "Workload",
]
