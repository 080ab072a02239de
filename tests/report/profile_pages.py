"""Answers of the commands of ``profiles`` as pages, from figures made up for the tests."""

from datetime import date

from melange_cloud.domain import Slo, UserMeasurement
from melange_cloud.domain.import_report import (
    BenchmarkFile,
    EstimateComparison,
    ImportReport,
    RejectedRun,
    RunVerdict,
    SkippedFile,
)
from melange_cloud.domain.measurement import LoadLimits, LoadMeasurement, ServerMeasurement, SizeMeasurement
from melange_cloud.domain.profile_list import ProfileList, ShippedProfiles, UserProfile
from melange_cloud.domain.profile_rates import MeasuredRate, ProfileRates, RefusedSize, ServedSize
from melange_cloud.report.page import Page
from melange_cloud.report.pages.evidence import evidence_page
from melange_cloud.report.pages.import_report import import_page
from melange_cloud.report.pages.measurement import measurement_page
from melange_cloud.report.pages.profile import profile_page
from melange_cloud.report.pages.profiles_list import profiles_list_page
from melange_cloud.report.pages.report_card import report_card_page
from tests.calibration.stored import load_card
from tests.report.evidence_rows import some_rows

HOSTILE = "own-model[red]|`*_\x1b[31m=1+1"

LIST = ProfileList(
    eras={"2025": "today's engines", "vllm-0.2.7": "the engine of the Mélange paper"},
    engines={"2025": ("vllm", "sglang", "tensorrt-llm"), "vllm-0.2.7": ("vllm",)},
    engine="mean",
    profiles=(
        ShippedProfiles(
            "2025",
            "llama-3.1-8b",
            "bf16",
            131_072,
            dict.fromkeys(("L4", "A10G", "A100-40GB", "A100-80GB", "H100"), (1, 2, 4, 8)),
            {},
        ),
        ShippedProfiles(
            "2025",
            "llama-3.1-70b",
            "bf16",
            131_072,
            {"L4": (8,), "A10G": (8,), "A100-40GB": (8,), "A100-80GB": (4, 8), "H100": (4, 8)},
            {"H100": "131.4 GiB of bf16 weights do not fit on one H100", "H100 x2": "a sliver of memory"},
        ),
        ShippedProfiles("vllm-0.2.7", "llama-2-7b", "fp16", 18_000, {"A10G": (1,)}, {"L4": "nothing is known of L4"}),
    ),
    own=(
        UserProfile(
            *(
                "yours",
                "2025",
                HOSTILE,
                "fp8",
                "L4",
                2,
                1,
                4,
                "vllm bench serve",
                "vLLM 0.12.0",
                "2026-11-22T18:39:12Z",
            ),
            file="profiles/2025/own-model/fp8/L4/tp2-5cf65f90.csv",
        ),
    ),
)

INPUTS, OUTPUTS, LONG_OUTPUTS = (25, 1000, 16_000), (25, 250, 1000, 2000), (8192, 24_000)


def served(input_tokens: int, output_tokens: int, requests_per_s: float, **changes: object) -> ServedSize:
    values: dict[str, object] = {
        "tpot_ms": 61.5,
        "origin": "estimated",
        "grade": "C",
        "error": 0.3,
        "error_down": 0.3,
        "limited_by": "tpot",
        "on_grid": True,
        "measured": None,
    }
    return ServedSize(input_tokens, output_tokens, requests_per_s, **(values | changes))  # type: ignore[arg-type]


CELLS = (
    *(served(i, o, 8e4 / (i + 90) / (o + 30)) for i in INPUTS for o in OUTPUTS if (i, o) != (25, 25)),
    *(
        served(i, o, 2e4 / (i + 900) / (o + 300), grade="D", error=0.5, error_down=0.5)
        for i in INPUTS[:2]
        for o in LONG_OUTPUTS
    ),
    served(25, 25, 45.2, grade="B", error=0.25, error_down=0.25, limited_by="front_end"),
    served(
        *(250, 200, 1.9),
        origin="measured",
        grade="A",
        error=0.1,
        error_down=0.1,
        on_grid=False,
        measured=MeasuredRate(1.9, "A", "tpot", ("vllm bench serve",), date(2026, 3, 1)),
    ),
)
REFUSED = (RefusedSize(16_000, 8192, "no room for one request of 24,192 tokens", False, False, None, on_grid=True),)
IMPORT = UserMeasurement(
    *("own.csv", "0f" * 32, "L4", 1, "vllm bench serve", date(2026, 3, 1), "2026-03-02T00:00:00Z", 4, 1.2, "A", 0.1),
    doubts=(),
    odd=(),
)
RATES = ProfileRates(
    model="llama-3.1-8b",
    gpu="L4",
    tensor_parallel=1,
    era="2025",
    engine="vllm",
    precision="bf16",
    target_tpot_ms=100.0,
    target_p99_tpot_ms=None,
    target_ttft_ms=None,
    target_e2e_ms=None,
    max_total_tokens=131_072,
    max_num_seqs=512,
    api_servers=1,
    source="estimated by melange-cloud; KV cache in 16 bits",
    calibration="L4, 2025, fp16 - borrowed",
    imports=(IMPORT,),
    cells=tuple(sorted(CELLS, key=lambda size: (size.input_tokens, size.output_tokens))),
    refused=REFUSED,
    reach_tokens=27_381,
    front_end_requests_per_s=46.1,
    notices=("L4 is based on your import own.csv (vllm bench serve, measured 2026-03-01, 4 points, grade A ±10 %)",),
)
WEIGHTS = RefusedSize(
    25,
    25,
    "53.5 ms to read the weights > 40 ms",
    no_data=False,
    more_gpus_help=True,
    may_be_requests_per_s=None,
    on_grid=True,
)

COMPARED = EstimateComparison(250, 200, 4, 2.6, 141.0, 211.5, 900.0, "A", 0.1, False, False, 4.326, False)
IMPORTED = ImportReport(
    *("llama-3.1-8b", "bf16", "A10G", 1, "2025", "profiles/2025/llama-3.1-8b/bf16/A10G/tp1-5cf65f90.csv"),
    files=(BenchmarkFile("results/sweep.jsonl", "vllm bench serve", 2, ()),),
    skipped=(SkippedFile("results/run.log", "is not a result of a supported benchmark tool"),),
    runs=(
        RunVerdict("sweep.jsonl, line 1", 2.6, 141.0, 800, 0, "A", 0.1, "gives a TPOT of 141 ms at its rate", ()),
        RunVerdict(HOSTILE, 2.1, 150.0, 900, 120, None, None, "not used: 120 of 1,020 requests failed", ()),
    ),
    rejected=(RejectedRun(HOSTILE, "120 of 1,020 requests failed"),),
    target_tpot_ms=None,
    sizes=(COMPARED, EstimateComparison(32, 8, 1, None, None, None, None, "C", 0.3, False, False, None, False)),
    notices=("no higher load was measured at 250 + 200",),
)

LOAD = LoadMeasurement(2, 3.5, 44.0, 50.0, 100.0, 1024.0, 1024.0, 40, 0)
MEASURED = ServerMeasurement(
    *(
        "own.csv",
        "tiny",
        "A10G",
        1,
        "2025",
        "fp16",
        "http://127.0.0.1:1",
        None,
        "guidellm 0.8.1",
        LoadLimits.of(Slo(tpot_ms=45.0)),
    ),
    sizes=(
        SizeMeasurement(1024, 1024, "the SLO breaks at 3 in flight", True, (LOAD,), by_slo=True, best=LOAD),
        SizeMeasurement(32, 8, "10 of 10 requests failed at 1 in flight, twice", False, (), by_slo=False, best=None),
    ),
)


def pages() -> dict[str, Page]:
    """Each page by its name."""
    return {
        "profiles-list": profiles_list_page(LIST),
        "profiles-show": profile_page([RATES], {}, several=False),
        "profiles-import": import_page(IMPORTED),
        "profiles-measure": measurement_page(MEASURED),
        "profiles-evidence": evidence_page(some_rows(HOSTILE)),
        "profiles-validate": report_card_page(load_card()),
    }
