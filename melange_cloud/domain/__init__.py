"""The nouns of melange-cloud: frozen records with units in their names.

Every quantity carries its unit in its name: ``usd_per_instance_hour``, ``fleet_usd_per_hour``, ``requests_per_s``,
``tpot_ms``, ``memory_gib``, ``input_tokens``. Shares and errors are fractions (0.3 is 30 %). The words are those of
the README's glossary and have no synonyms.
"""

from melange_cloud.domain.comparison import (
    AgainstBase,
    Confidence,
    CostOrder,
    FirstRank,
    OrderBasis,
    RegionName,
    RegionStanding,
    Reversal,
)
from melange_cloud.domain.coverage import Coverage, OutsideBucket, TrafficShare
from melange_cloud.domain.explanation import (
    Alternative,
    BindingQuota,
    BucketCost,
    CurrentFleet,
    EntryPrice,
    Explanation,
    KindLimits,
    LimitShare,
)
from melange_cloud.domain.fleet import Allocation, Fleet, KindUse, QuotaNeed, RoutingLine
from melange_cloud.domain.fleet_context import (
    ErrorBars,
    FleetAtThroughput,
    FleetContext,
    FleetWithSpare,
    ProfileSwing,
    SingleGpuFleet,
    WhatIf,
)
from melange_cloud.domain.fleet_cost import FleetCost, FleetOutcome
from melange_cloud.domain.gpu_kinds import GPUS, GRADES, PROVIDERS, PURCHASES, ROUTERS, Kind
from melange_cloud.domain.offers import Availability, Exclusion, InstanceType, Offer, PriceProvenance, Region
from melange_cloud.domain.plan import IneligibleType, MissingProfile, Plan, RegionPlan
from melange_cloud.domain.price_check import OLD_PRICE_DAYS, CloudRefresh, DoctorCheck
from melange_cloud.domain.price_difference import CatalogDifference, PriceChange, RenewalCount, RenewalSummary
from melange_cloud.domain.problem import OfferNumbers, Problem, Quotas, Solution, Status
from melange_cloud.domain.purchases import PurchasePlan
from melange_cloud.domain.question import PlanBasis
from melange_cloud.domain.row_loads import RowLoad, charged_rates, row_load, row_loads
from melange_cloud.domain.sweep import Sensitivity, Stretch, Sweep, SweepChoice
from melange_cloud.domain.throughput import (
    FRONT_END,
    FrontEndCeiling,
    MaxTput,
    MaxTputTable,
    OperatingPoint,
    Slo,
    UnservableSize,
)
from melange_cloud.domain.user_measurements import UserMeasurement
from melange_cloud.domain.workload import ArrivalRates, Bucket, Drift, TokenFigures, Workload, WorkloadFile

__all__ = [
    "FRONT_END",
    "GPUS",
    "GRADES",
    "OLD_PRICE_DAYS",
    "PROVIDERS",
    "PURCHASES",
    "ROUTERS",
    "AgainstBase",
    "Allocation",
    "Alternative",
    "ArrivalRates",
    "Availability",
    "BindingQuota",
    "Bucket",
    "BucketCost",
    "CatalogDifference",
    "CloudRefresh",
    "Confidence",
    "CostOrder",
    "Coverage",
    "CurrentFleet",
    "DoctorCheck",
    "Drift",
    "EntryPrice",
    "ErrorBars",
    "Exclusion",
    "Explanation",
    "FirstRank",
    "Fleet",
    "FleetAtThroughput",
    "FleetContext",
    "FleetCost",
    "FleetOutcome",
    "FleetWithSpare",
    "FrontEndCeiling",
    "IneligibleType",
    "InstanceType",
    "Kind",
    "KindLimits",
    "KindUse",
    "LimitShare",
    "MaxTput",
    "MaxTputTable",
    "MissingProfile",
    "Offer",
    "OfferNumbers",
    "OperatingPoint",
    "OrderBasis",
    "OutsideBucket",
    "Plan",
    "PlanBasis",
    "PriceChange",
    "PriceProvenance",
    "Problem",
    "ProfileSwing",
    "PurchasePlan",
    "QuotaNeed",
    "Quotas",
    "Region",
    "RegionName",
    "RegionPlan",
    "RegionStanding",
    "RenewalCount",
    "RenewalSummary",
    "Reversal",
    "RoutingLine",
    "RowLoad",
    "Sensitivity",
    "SingleGpuFleet",
    "Slo",
    "Solution",
    "Status",
    "Stretch",
    "Sweep",
    "SweepChoice",
    "TokenFigures",
    "TrafficShare",
    "UnservableSize",
    "UserMeasurement",
    "WhatIf",
    "Workload",
    "WorkloadFile",
    "charged_rates",
    "row_load",
    "row_loads",
]
