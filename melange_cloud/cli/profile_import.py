"""``melange-cloud profiles import``: reads benchmark results, saves them as the user's own profile, compares."""

import glob
import json
import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melange_cloud.cli.clock import now
from melange_cloud.cli.output import emit, note, rendered
from melange_cloud.errors import BadFile, BadInput, Fault

if TYPE_CHECKING:
    from melange_cloud.profiles.attribution import Attribution
    from melange_cloud.profiles.importers import Reading
    from melange_cloud.profiles.runs import BenchmarkRun

SCHEMA_VERSION = 1

EXAMPLES = """
Examples:

melange-cloud profiles import results/*.json --gpu A10G --tp 1

melange-cloud profiles import sweep.jsonl --gpu H100 --tp 8 --model llama-3.1-70b --precision fp8 --dry-run

Read are the results of vllm bench serve, SGLang bench_serving, GuideLLM (version 2), AIPerf, genai-perf, inference-perf
and AIBrix profiles. An import is one file in your data folder (MELANGE_CLOUD_PROFILES names another), which the answer
names: delete it to take the import back.
"""


class Format(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    JSON = "json"


def import_(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Result files, or patterns such as 'run*.json'.")
    ],
    gpu: Annotated[str | None, typer.Option("--gpu", help="L4, A10G, A100-40GB, A100-80GB or H100.")] = None,
    tensor_parallel: Annotated[int | None, typer.Option("--tp", min=1, help="GPUs of the measured replica.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Default: what the results say.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="Default: the model's own.")] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    max_model_len: Annotated[
        int | None, typer.Option("--max-model-len", min=1, help="Longest input + output the engine was started for.")
    ] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option("--max-num-seqs", min=1, help="Requests at once it was started for; default: 256.")
    ] = None,
    weights_gib: Annotated[
        float | None, typer.Option("--weights-gib", help="Weights of a model that is not shipped, GiB.")
    ] = None,
    tpot_ms: Annotated[
        float | None, typer.Option("--tpot-ms", help="Compare under this mean TPOT, ms; default: the measured one.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be saved, and save nothing.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of to stdout.")] = None,
) -> None:
    """Take your own benchmark results as a profile: it outranks the shipped one in every later plan.

    What a result says of itself (vllm bench serve --metadata gpu=A10G tp=1) fills the options that are not given.
    """
    from melange_cloud.profiles.attribution import attribute
    from melange_cloud.profiles.measured import is_flood, rejection
    from melange_cloud.profiles.own import save_runs
    from melange_cloud.profiles.spec_files import load_eras, load_models

    for option, number in (("--tpot-ms", tpot_ms), ("--weights-gib", weights_gib)):
        if number is not None and not 0 < number < math.inf:
            raise BadInput(f"{option} {number:g}: give a positive number")
    readings = _read(files)
    for reading in readings:
        for what in reading.notes:
            note(f"{reading.path}: {what}")
    runs = [run for reading in readings for run in reading.runs]
    if not runs:
        raise BadInput("none of the files holds a run")
    kept = [run for run in runs if not rejection(run)]
    rejected = [(run.source, rejection(run)) for run in runs if rejection(run)]
    for source, reason in rejected:
        note(f"rejected {source}: {reason}")
    if not kept:
        raise BadInput("no run is left to import")
    whose = attribute(kept, gpu=gpu, tensor_parallel=tensor_parallel, model=model, precision=precision, era=era)
    path = None
    if not dry_run:
        if max_model_len is None and whose.model in load_models():
            max_model_len = load_eras()[whose.era].context(load_models()[whose.model])
        path = save_runs(
            kept,
            gpu=whose.gpu,
            tensor_parallel=whose.tensor_parallel,
            model=whose.model,
            precision=whose.precision,
            era=whose.era,
            max_total_tokens=max_model_len,
            max_num_seqs=max_num_seqs,
            weights_gib=weights_gib,
            now=now(),
        )
    for run in kept:
        if run.saturated and not is_flood(run):
            note(f"{run.source}: {run.completed:,} requests at once are too few to show saturation")
    sizes = _compared(kept, whose, tpot_ms)
    notices = _notices(sizes, whose, saved=path is not None)
    for notice in notices:
        note(notice)
    answer: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "model": whose.model,
        "precision": whose.precision,
        "gpu": whose.gpu,
        "tensor_parallel": whose.tensor_parallel,
        "era": whose.era,
        "written": None if path is None else str(path),
        "files": [{"file": str(r.path), "tool": r.tool, "runs": len(r.runs), "notes": list(r.notes)} for r in readings],
        "rejected": [{"source": source, "reason": reason} for source, reason in rejected],
        "target_tpot_ms": tpot_ms,
        "sizes": sizes,
        "notices": notices,
    }
    emit(json.dumps(answer, indent=2, ensure_ascii=False) + "\n" if format_ is Format.JSON else _table(answer), out)


def _read(names: Sequence[str]) -> "list[Reading]":
    """Every file once, in the order given; the faults of all of them together."""
    from melange_cloud.profiles.importers import read_file

    paths: dict[Path, None] = {}
    faults: list[Fault] = []
    for name in names:
        path = Path(name)
        matches = [] if path.exists() else sorted(glob.glob(name, recursive=True))  # noqa: PTH207 an absolute pattern
        if path.is_dir():
            faults.append(Fault(path, f"is a folder: name its files, such as '{path}/*.json'"))
        elif any(sign in name for sign in "*?[") and not path.exists() and not matches:
            faults.append(Fault(name, "matches no file"))
        else:
            paths.update(dict.fromkeys(map(Path, matches) if matches else [path]))
    readings = []
    for path in paths:
        try:
            readings.append(read_file(path))
        except BadFile as error:
            faults.extend(error.faults)
    if faults:
        raise BadFile(faults)
    return readings


def _compared(runs: "Sequence[BenchmarkRun]", whose: "Attribution", tpot_ms: float | None) -> list[dict[str, Any]]:
    """Per measured size: the highest rate (within the target), and what the estimate says of the same target."""
    from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo
    from melange_cloud.profiles.library import estimated_profile
    from melange_cloud.profiles.measured import is_saturated, points_of
    from melange_cloud.profiles.profile import Profile

    estimate: Profile | None = estimated_profile(
        whose.model, whose.precision, whose.era, Kind(whose.gpu, whose.tensor_parallel)
    )
    by_size: dict[tuple[int, int], list[OperatingPoint]] = {}
    for point in points_of(runs):
        by_size.setdefault((point.input_tokens, point.output_tokens), []).append(point)
    rows = []
    for (input_tokens, output_tokens), points in sorted(by_size.items()):
        within = [p for p in points if tpot_ms is None or (p.tpot_ms is not None and p.tpot_ms <= tpot_ms)]
        best = max(within, key=lambda point: point.requests_per_s, default=None)
        asked_ms = tpot_ms if tpot_ms is not None else None if best is None else best.tpot_ms
        slo = Slo() if asked_ms is None else Slo(tpot_ms=asked_ms)
        answer = None if estimate is None else estimate.max_tput(input_tokens, output_tokens, slo)
        estimated = answer.requests_per_s if isinstance(answer, MaxTput) else None
        rows.append(
            {
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "points": len(points),
                "requests_per_s": None if best is None else best.requests_per_s,
                "tpot_ms": None if best is None else best.tpot_ms,
                "p99_tpot_ms": None if best is None else best.p99_tpot_ms,
                "ttft_ms": None if best is None else best.ttft_ms,
                "saturated": is_saturated(points),
                "limit_measured": is_saturated(points) or len(within) < sum(p.tpot_ms is not None for p in points),
                "estimated_requests_per_s": estimated,
                "measured_over_estimated": None
                if best is None or estimated is None
                else best.requests_per_s / estimated,
            }
        )
    return rows


def _notices(sizes: Sequence[dict[str, Any]], whose: "Attribution", *, saved: bool) -> list[str]:
    from melange_cloud.domain import Kind
    from melange_cloud.profiles.library import load_profiles

    notices: list[str] = []
    if saved:
        profiles, _ = load_profiles(whose.model, whose.precision, whose.era, [whose.gpu])
        notices.extend(profiles[Kind(whose.gpu, whose.tensor_parallel)].notes)
    low = [
        f"{size['input_tokens']:,} + {size['output_tokens']:,} (up to {size['tpot_ms']:.3g} ms)"
        for size in sizes
        if not size["limit_measured"] and size["tpot_ms"] is not None and (size["measured_over_estimated"] or 0) < 1
    ]
    if low:
        notices.append(
            f"no higher load was measured at {'; '.join(low)}: a plan with a looser TPOT target takes the highest "
            "measured rate there for all that a replica serves; measure up to the load where your target breaks"
        )
    if all(size["tpot_ms"] is None for size in sizes):
        notices.append(
            'no run has a TPOT that counts (rate "inf" shows saturation only): under a TPOT target these rates are '
            "used only where saturation, not the target, is the limit"
        )
    return notices


def _table(answer: dict[str, Any]) -> str:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("Input", "Output", "Points", "Requests\n/s", "TPOT\nms", "TTFT\nms", "Estimated\n/s", "Ratio"):
        table.add_column(heading, justify="right")
    for size in answer["sizes"]:
        table.add_row(
            f"{size['input_tokens']:,}",
            f"{size['output_tokens']:,}",
            str(size["points"]),
            *(
                "-" if size[key] is None else f"{size[key]:.3g}"
                for key in (
                    "requests_per_s",
                    "tpot_ms",
                    "ttft_ms",
                    "estimated_requests_per_s",
                    "measured_over_estimated",
                )
            ),
        )
    whose = (
        f"{answer['model']} {answer['precision']} on {answer['tensor_parallel']} x {answer['gpu']}, era {answer['era']}"
    )
    target = answer["target_tpot_ms"]
    within = "at the measured TPOT" if target is None else f"within {target:g} ms per output token"
    files = [Text(f"{file['file']}: {file['tool']}, runs: {file['runs']}") for file in answer["files"]]
    written = "Nothing was saved (--dry-run)" if answer["written"] is None else f"Saved: {answer['written']}"
    legend = Text(f"Requests/s: the highest measured; Estimated: what the shipped profile says {within}; - not known")
    return rendered(Group(Text(whose), *files, Text(), table, Text(), legend, Text(written)))
