"""Measured rows made up for the tests of their page."""

from datetime import date

from melange_cloud.domain.evidence import CitedSource, ConstantsEvidence, EvidenceList, MeasuredRow
from melange_cloud.profiles.evidence.contradictions import contradictions


def measured(source: str, version: str | None, tpot_ms: float | None = None, **more: object) -> MeasuredRow:
    values: dict[str, object] = {
        "source": source,
        "source_url": "https://example.org",
        "date": date(2026, 3, 1),
        "licence": "CC0",
        "model": "llama-3.1-8b",
        "weights_precision": "bf16",
        "kv_precision": "bf16",
        "gpu": "L4",
        "tp": 1,
        "engine": "vLLM",
        "engine_version": version,
        "input_tokens_mean": 1024.0,
        "output_tokens_mean": 128.0,
        "arrival": "closed",
        "concurrency": 16,
        "tpot_mean_ms": tpot_ms,
        **more,
    }
    return MeasuredRow(**values)  # type: ignore[arg-type]


def some_rows(hostile: str) -> EvidenceList:
    """Each kind of row, two sources that disagree, and text from outside."""
    rows = (
        measured("first", "0.12.0", 60.0, ttft_mean_ms=800.0, requests_per_s=1.9),
        measured("first", "0.12.0", 60.6, held_out=True),
        measured("second", "0.29.0", 75.0, date=None, doubt=hostile),
        measured("second", "0.29.0", tpot_p50_ms=57.5, ttft_p50_ms=161.6, concurrency=1, cuda_graphs=False),
        measured(hostile, None, gpu="H100", tp=4, weights_precision="fp8", kv_precision="fp8", arrival="burst",
                 requests_per_s=28.16, concurrency=None),
        measured("first", "0.12.0", gpu="H100", arrival="static", concurrency=64, duration_s=35.17),
        measured("first", "0.12.0", 19.0, gpu="H100", arrival="poisson", concurrency=None, rate_asked=2.5,
                 prompts_shared_fraction=0.6),
        measured("first", "2.9", 6.1, gpu="H100", arrival="static", engine="torch", gpu_only=True),
    )  # fmt: skip
    return EvidenceList(
        gpus=("L4", "H100"),
        model="llama-3.1-8b",
        checked=None,
        rows=rows,
        sources=(
            CitedSource("first", "The first benchmark", "https://example.org", "CC0", date(2026, 3, 1), 5, "vLLM"),
            CitedSource("second", hostile, "https://example.org/2", "MIT", date(2026, 5, 31), 2, "vLLM"),
        ),
        constants=(
            ConstantsEvidence("L4", "2025", "fp16", {"first": 1}, ""),
            ConstantsEvidence("L4", "2025", "fp8", {}, "L4, 2025, fp16"),
        ),
        contradictions=tuple(contradictions(rows)),
    )
