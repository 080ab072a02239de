"""What commands print as JSON, each document with what its schema says beyond its classes."""

from melange_cloud.domain import Plan, RegionPlan, RegionStanding, Sensitivity
from melange_cloud.domain.brief_plan import BriefPlan
from melange_cloud.domain.evidence import EvidenceList
from melange_cloud.domain.gpu_list import GpuList
from melange_cloud.domain.heatmap import HeatMap
from melange_cloud.domain.import_report import ImportReport
from melange_cloud.domain.measurement import ServerMeasurement
from melange_cloud.domain.profile_list import ProfileList
from melange_cloud.domain.profile_rates import ProfileRates
from melange_cloud.domain.region_list import RegionOverview
from melange_cloud.report.json_ import SCHEMA_VERSION
from melange_cloud.report.pages.heatmap_data import UNIT
from melange_cloud.report.pages.price_checks import DoctorReport, PriceRefresh
from melange_cloud.report.pages.price_difference import PriceDifference, PriceRenewal
from melange_cloud.report.pages.prices import PriceListing
from melange_cloud.report.pages.solution import PaperSolution
from melange_cloud.report.schemas import Document

_FLEET_OR_REASON = {
    "if": {"properties": {"status": {"enum": ["optimal", "feasible"]}}, "required": ["status"]},
    "then": {
        "properties": {
            "usd_per_hour": {"type": "number"},
            "usd_per_month": {"type": "number"},
            "reason": {"const": ""},
            "allocations": {"minItems": 1},
            "kinds": {"minItems": 1},
            "routing": {"minItems": 1},
        }
    },
    "else": {
        "properties": {
            "usd_per_hour": {"type": "null"},
            "usd_per_month": {"type": "null"},
            "usd_per_million_tokens": {"type": "null"},
            "reason": {"minLength": 1},
            "allocations": {"maxItems": 0},
            "kinds": {"maxItems": 0},
            "routing": {"maxItems": 0},
        }
    },
}
"""A region has either a fleet and its cost, or a reason why there is none."""

_COMMON = (
    "Money is USD, shares and errors are fractions, null is no data. Nothing is rounded. Later versions may add keys; "
    "schema_version changes when one changes or is removed."
)

PLAN = Document(
    "A plan of melange-cloud",
    "What `melange-cloud plan --format json` prints. Coverage, load, capacity and cost can be recomputed from the "
    f"document alone. {_COMMON}",
    Plan,
    SCHEMA_VERSION,
    rules={RegionPlan: _FLEET_OR_REASON},
    added={
        RegionStanding: {
            "reason": {
                "description": "The same in words, with the ages of the prices.",
                "type": "string",
                "minLength": 1,
            }
        }
    },
)
BRIEF = Document(
    "One screen of a plan of melange-cloud",
    f"What `melange-cloud plan --brief --format json` prints. {_COMMON}",
    BriefPlan,
    SCHEMA_VERSION,
)
SENSITIVITY = Document(
    "How the cheapest fleet of melange-cloud moves with one quantity",
    f"What `melange-cloud sensitivity --format json` prints. {_COMMON}",
    Sensitivity,
)
GPUS = Document(
    "The GPUs that melange-cloud knows, with their prices",
    f"What `melange-cloud gpus --format json` prints. {_COMMON}",
    GpuList,
)
REGIONS = Document(
    "The regions that melange-cloud knows",
    f"What `melange-cloud regions --format json` prints. {_COMMON}",
    RegionOverview,
)
HEATMAP = Document(
    "A heat map of T/$ of melange-cloud",
    f"What `melange-cloud profiles heatmap --format json` prints. {_COMMON}",
    HeatMap,
    constants={"unit": (UNIT, "Unit of tokens_per_s_per_usd_per_hour.")},
)
PROFILES = Document(
    "The profiles of melange-cloud",
    f"What `melange-cloud profiles list --format json` prints. {_COMMON}",
    ProfileList,
)
PROFILE = Document(
    "A profile of melange-cloud",
    "What `melange-cloud profiles show --format json` prints of one GPU; of several it lists such objects under "
    f"`profiles`. `profiles estimate` prints the same and what it counted of the model. {_COMMON}",
    ProfileRates,
)
EVIDENCE = Document(
    "The measured rows behind the profiles of melange-cloud",
    f"What `melange-cloud profiles evidence --format json` prints. {_COMMON}",
    EvidenceList,
)
IMPORT = Document(
    "An import of benchmark results into melange-cloud",
    f"What `melange-cloud profiles import --format json` prints. {_COMMON}",
    ImportReport,
)
MEASUREMENT = Document(
    "A measurement of a server by melange-cloud",
    f"What `melange-cloud profiles measure --format json` prints. {_COMMON}",
    ServerMeasurement,
)
SOLVE = Document(
    "A solution of the paper's input by melange-cloud",
    f"What `melange-cloud solve --format json` prints. {_COMMON}",
    PaperSolution,
)
PRICES_LIST = Document(
    "The prices of melange-cloud",
    f"What `melange-cloud prices list --format json` prints. {_COMMON}",
    PriceListing,
)
PRICES_DIFF = Document(
    "A difference between two sets of prices of melange-cloud",
    f"What `melange-cloud prices diff --format json` prints. {_COMMON}",
    PriceDifference,
)
PRICES_DOCTOR = Document(
    "What melange-cloud finds in the way of fresh prices",
    f"What `melange-cloud prices doctor --format json` prints. {_COMMON}",
    DoctorReport,
)
PRICES_REFRESH = Document(
    "A refresh of the prices of melange-cloud",
    f"What `melange-cloud prices refresh --format json` prints. {_COMMON}",
    PriceRefresh,
)
PRICES_RENEW = Document(
    "A renewal of a pricing folder of melange-cloud",
    f"What `melange-cloud maintain renew-prices --format json` prints. {_COMMON}",
    PriceRenewal,
)
