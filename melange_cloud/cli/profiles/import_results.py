"""``melange-cloud profiles import``: reads benchmark results, saves them as the user's own profile, compares."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melange_cloud.cli.clock import now
from melange_cloud.cli.output import emit, note, rendered
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.domain import Kind
from melange_cloud.errors import BadInput, echoed

if TYPE_CHECKING:
    from melange_cloud.profiles.against_estimate import EstimateComparison
    from melange_cloud.profiles.attribution.attribute import Attribution
    from melange_cloud.profiles.benchmark_run import BenchmarkRun

SCHEMA_VERSION = 1
_SHOWN = 10
"""Files that were skipped and runs that are listed before the rest is counted."""

EXAMPLES = """
Examples:

melange-cloud profiles import results/*.json --gpu A10G --tp 1

melange-cloud profiles import sweep.jsonl --gpu H100 --tp 8 --model llama-3.1-70b --precision fp8 --dry-run

melange-cloud profiles import reports-20260301/ --gpu H100 --tp 1 --model llama-3.1-8b

Read are the results of vllm bench serve, SGLang bench_serving, GuideLLM (version 2), AIPerf, genai-perf, inference-perf
and AIBrix profiles; other files of a folder are skipped. A run counts with 10 completed requests; grade A (±10 %)
needs at least 100, and 10 times those in flight. Refused are runs with more than 1 % failed, cancelled ones, and
what the GPU, or another model than the results name, cannot have done.

An import is one file in your data folder (MELANGE_CLOUD_PROFILES names another), which the answer names: delete it to
take the import back.
"""


class Format(StrEnum):
    """How the answer is shown."""

    TABLE = "table"
    JSON = "json"


def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Result files, folders of them, or patterns such as 'run*.json'."),
    ],
    gpu: Annotated[
        list[str] | None, typer.Option("--gpu", help="The one that was measured: L4, A10G, A100-40GB, A100-80GB, H100.")
    ] = None,
    tensor_parallel: Annotated[int | None, typer.Option("--tp", min=1, help="GPUs of the measured replica.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Default: what the results say.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="Default: the model's own.")] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    result_model: Annotated[
        str | None,
        typer.Option(
            "--result-model", help="What the results call the model, if they seem to name another than --model."
        ),
    ] = None,
    kv_cache_dtype: Annotated[
        str | None, typer.Option("--kv-cache-dtype", help="What the KV cache was kept in, such as fp8.")
    ] = None,
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
    format_: Annotated[
        Format | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
    ] = None,
    out: Annotated[Path | None, output_option()] = None,
) -> None:
    """Take your own benchmark results as a profile: plans use it instead of the shipped one near the sizes measured.

    What a result says of itself (vllm bench serve --metadata gpu=A10G tp=1) fills the options that are not given.
    """
    from melange_cloud.estimator.spec_files import load_eras, load_models
    from melange_cloud.profiles.against_estimate import compared
    from melange_cloud.profiles.attribution.attribute import attribute
    from melange_cloud.profiles.importers.folder import read_all
    from melange_cloud.profiles.library import estimated_profile
    from melange_cloud.profiles.run_points import points_of, rejection
    from melange_cloud.profiles.user_profiles import save_runs

    result = result_of(out, format_, Format)
    for option, number in (("--tpot-ms", tpot_ms), ("--weights-gib", weights_gib)):
        if number is not None and not 0 < number < math.inf:
            raise BadInput(f"{option} {number:g}: give a positive number")
    if len(set(gpu or ())) > 1:
        raise BadInput(
            f"--gpu {' and '.join(map(echoed, dict.fromkeys(gpu or ())))}: a run was measured on one of them"
        )
    gathered = read_all(files)
    for fault in gathered.skipped[:_SHOWN]:
        note(f"skipped {fault}")
    if len(gathered.skipped) > _SHOWN:
        note(f"skipped {len(gathered.skipped) - _SHOWN:,} more files that are no results")
    for reading in gathered.readings:
        for what in reading.notes:
            note(f"{reading.path}: {what}")
    runs = [run for reading in gathered.readings for run in reading.runs]
    if not runs:
        raise BadInput("none of the files holds a run")
    kept = [run for run in runs if not rejection(run)]
    rejected = [(run.source, rejection(run)) for run in runs if rejection(run)]
    for source, reason in rejected:
        note(f"rejected {source}: {reason}")
    if not kept:
        raise BadInput("no run is left to import")
    whose = attribute(
        kept,
        gpu=gpu[0] if gpu else None,
        tensor_parallel=tensor_parallel,
        model=model,
        precision=precision,
        era=era,
        result_model=result_model,
        kv_cache_dtype=kv_cache_dtype,
    )
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
    kind = Kind(whose.gpu, whose.tensor_parallel)
    estimate = estimated_profile(whose.model, whose.precision, whose.era, kind)
    sizes = compared(points_of(kept), estimate, tpot_ms)
    notices = _notices(kept, sizes, whose, has_estimate=estimate is not None, saved=path is not None)
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
        "files": [
            {"file": str(r.path), "tool": r.tool, "runs": len(r.runs), "notes": list(r.notes)}
            for r in gathered.readings
        ],
        "skipped": [{"file": str(fault.path), "reason": fault.message} for fault in gathered.skipped],
        "runs": [_as_used(run) for run in runs],
        "rejected": [{"source": source, "reason": reason} for source, reason in rejected],
        "target_tpot_ms": tpot_ms,
        "sizes": [{**asdict(size), "measured_over_estimated": size.ratio} for size in sizes],
        "notices": notices,
    }
    as_json = result.format == Format.JSON
    emit(json.dumps(answer, indent=2, ensure_ascii=False) + "\n" if as_json else _table(answer), result)


def _as_used(run: "BenchmarkRun") -> dict[str, Any]:
    """A run, and what it changes."""
    from melange_cloud.profiles.run_points import doubts, error_of, grade_of, rejection

    reason = rejection(run)
    if reason:
        use = f"not used: {reason}"
    elif run.saturated:
        use = "used as the saturated rate; its times are those of a queue"
    elif run.tpot_ms is not None:
        use = f"gives a TPOT of {run.tpot_ms:.3g} ms at its rate"
    else:
        use = "gives a rate without a TPOT: used where saturation is the limit"
    return {
        "source": run.source,
        "requests_per_s": run.requests_per_s,
        "tpot_ms": run.tpot_ms,
        "completed": run.completed,
        "failed": run.failed,
        "grade": None if reason else grade_of(error_of(run)),
        "error": None if reason else error_of(run),
        "use": use,
        "doubts": [] if reason else list(doubts(run)),
    }


def _notices(
    kept: "Sequence[BenchmarkRun]",
    sizes: "Sequence[EstimateComparison]",
    whose: "Attribution",
    *,
    has_estimate: bool,
    saved: bool,
) -> list[str]:
    from melange_cloud.estimator.spec_files import load_models
    from melange_cloud.profiles.against_estimate import large_ratio
    from melange_cloud.profiles.library import load_profiles
    from melange_cloud.profiles.run_points import doubts

    notices = list(whose.notes)
    if whose.model not in load_models():
        notices.append(f"{whose.model} is not a model we know: its rates were not held against what the GPU can do")
    sources: dict[str, list[str]] = {}
    for run in kept:
        for clause in doubts(run):
            sources.setdefault(clause, []).append(run.source)
    for clause, named in sources.items():
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        notices.append(f"{named[0]}{more}: {clause}")
    if saved:
        profiles, _ = load_profiles(whose.model, whose.precision, whose.era, [whose.gpu])
        notices.extend(profiles[Kind(whose.gpu, whose.tensor_parallel)].notes)
    for size in sizes:
        if clause := large_ratio(size):
            # Prompts that the server knew already make a run fast, never slow.
            caching = "" if size.ratio is not None and size.ratio < 1 else ", and that prefix caching was off"
            notices.append(
                f"{clause}. They rarely differ that much: check --gpu, --tp, --precision and --model{caching}"
            )
    notices.append(_used_where(sizes, has_estimate=has_estimate))
    low = [
        f"{size.input_tokens:,} + {size.output_tokens:,} (up to {size.tpot_ms:.3g} ms)"
        for size in sizes
        if not size.limit_measured and size.tpot_ms is not None
    ]
    if low:
        notices.append(
            f"no higher load was measured at {_few(low)}: a plan with a looser TPOT target takes the highest measured "
            "rate there for all that a replica serves, and does not lower its rates at other sizes; measure up to the "
            "load where your target breaks"
        )
    if all(run.saturated or run.tpot_ms is None for run in kept):
        notices.append(
            'no run gives a TPOT (rate "inf" shows saturation only): under a TPOT target these rates are used only '
            "where saturation, not the target, is the limit"
        )
    return notices


def _used_where(sizes: "Sequence[EstimateComparison]", *, has_estimate: bool) -> str:
    """For which sizes plans use what was measured, one sentence."""
    from melange_cloud.profiles.measured_over_estimate import CELL

    measured = _few([f"{size.input_tokens:,} + {size.output_tokens:,}" for size in sizes])
    near = f"plans use these rates within {math.expm1(CELL):.0%} of {measured} tokens".replace("%", " %")
    if has_estimate:
        return (
            f"{near}; up to twice and half of that they correct the estimate, less and less, and elsewhere not at all"
        )
    return f"{near}; smaller sizes count as the next larger one that was measured, as there is no estimate"


def _few(named: "Sequence[str]") -> str:
    more = f" and {len(named) - _SHOWN:,} more" if len(named) > _SHOWN else ""
    return f"{'; '.join(named[:_SHOWN])}{more}"


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
    kind = f"{answer['precision']} on {answer['tensor_parallel']} x {answer['gpu']}"
    whose = f"{echoed(answer['model'])} {kind}, era {answer['era']}"
    target = answer["target_tpot_ms"]
    within = "at the measured TPOT" if target is None else f"within {target:g} ms per output token"
    files = [Text(f"{echoed(file['file'], 200)}: {file['tool']}, runs: {file['runs']}") for file in answer["files"]]
    used = [
        Text(f"{echoed(run['source'], 200)}: {run['requests_per_s']:.3g} requests/s, {run['use']}")
        for run in answer["runs"]
    ]
    if len(used) > _SHOWN:
        used[_SHOWN:] = [Text(f"and {len(used) - _SHOWN:,} more runs; --format json has them all")]
    written = "Nothing was saved (--dry-run)" if answer["written"] is None else f"Saved: {answer['written']}"
    legend = Text(f"Requests/s: the highest measured; Estimated: what the shipped profile says {within}; - not known")
    return rendered(Group(Text(whose), *files, Text(), *used, Text(), table, Text(), legend, Text(written)))
