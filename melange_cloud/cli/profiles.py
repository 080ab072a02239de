"""``melange-cloud profiles``: lists and shows throughput profiles, and makes the shipped ones anew."""

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melange_cloud.cli.output import emit, note, rendered
from melange_cloud.errors import BadInput, MelangeError

if TYPE_CHECKING:
    from melange_cloud.profiles import Profile

SCHEMA_VERSION = 1

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Throughput profiles: what one replica of a model serves on a GPU within a latency target.",
    epilog="Example: melange-cloud profiles show --model llama-3.1-8b --gpu L4 --tpot-ms 100",
)


class Format(StrEnum):
    """How profiles are shown."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="How to show it.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write here instead of to stdout.")]


@app.command("list", epilog="Example: melange-cloud profiles list")
def list_(format_: FormatOption = Format.TABLE, out: Out = None) -> None:
    """List the shipped profiles: eras, models, precisions, and the tensor parallel degrees that fit on each GPU."""
    from melange_cloud.profiles import load_eras, load_models, load_profiles

    held: list[dict[str, Any]] = []
    for era in load_eras().values():
        for model, precisions in era.models.items():
            for precision in precisions:
                found, missing = load_profiles(model, precision, era.name)
                degrees: dict[str, list[int]] = {}
                for kind in found:
                    degrees.setdefault(kind.gpu, []).append(kind.tensor_parallel)
                held.append(
                    {
                        "era": era.name,
                        "model": model,
                        "precision": precision,
                        "max_total_tokens": era.context(load_models()[model]),
                        "tensor_parallel": degrees,
                        "left_out": {str(kind_or_gpu): reason for kind_or_gpu, reason in missing.items()},
                    }
                )
    if format_ is Format.JSON:
        eras = {era.name: era.title for era in load_eras().values()}
        emit(_as_json({"schema_version": SCHEMA_VERSION, "eras": eras, "profiles": held}), out)
    else:
        emit(_list_table(held, {era.name: era.title for era in load_eras().values()}), out)


@app.command(epilog="Example: melange-cloud profiles show --model llama-2-7b --gpu A10G --tpot-ms 120 --era vllm-0.2.7")
def show(
    gpu: Annotated[str, typer.Option("--gpu", help="L4, A10G, A100-40GB, A100-80GB or H100.")],
    model: Annotated[str, typer.Option("--model", help="Model; see `profiles list`.")] = "llama-3.1-8b",
    tensor_parallel: Annotated[
        int | None, typer.Option("--tp", min=1, help="GPUs per replica; default: the fewest that fit.")
    ] = None,
    tpot_ms: Annotated[
        float | None, typer.Option("--tpot-ms", help="Target for the mean time per output token, ms; default: none.")
    ] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="Default: the model's own.")] = None,
    format_: FormatOption = Format.TABLE,
    out: Out = None,
) -> None:
    """Show one profile: MaxTput by request size, with its grade and where it comes from."""
    if tpot_ms is not None and not 0 < tpot_ms < math.inf:
        raise BadInput(f"--tpot-ms {tpot_ms:g}: milliseconds above 0, such as 100")
    profile = _find(model, gpu, tensor_parallel, era, precision)
    emit(_show_json(profile, tpot_ms) if format_ is Format.JSON else _show_table(profile, tpot_ms), out)


@app.command(epilog="Example: melange-cloud profiles build --check")
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare, and exit with 1 if a file differs.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; default: the shipped one.")] = None,
) -> None:
    """Make all profiles from the GPU and model specifications and the calibration, the same bytes every time."""
    from melange_cloud.profiles import build as making
    from melange_cloud.shipped import shipped

    folder = out or shipped("profiles") / "throughput"
    texts = making.build()
    if check:
        different = making.differences(texts, folder)
        if different:
            raise MelangeError("\n".join([*different, "run `melange-cloud profiles build` to make them anew"]))
        note(f"{len(texts)} profiles are as the TOML files make them")
        return
    making.write(texts, folder)
    note(f"wrote {len(texts)} profiles to {folder}")


def _find(model: str, gpu: str, tensor_parallel: int | None, era: str | None, precision: str | None) -> "Profile":
    from melange_cloud.domain import Kind
    from melange_cloud.profiles import find_gpus, load_profiles

    (name,) = find_gpus([gpu])
    found, missing = load_profiles(model, precision, era, [name])
    if tensor_parallel is None and found:
        return next(iter(found.values()))
    kind = Kind(name, tensor_parallel or 1)
    if kind not in found:
        degrees = ", ".join(str(other.tensor_parallel) for other in found)
        has = f"; it has --tp {degrees}" if found else ""
        raise BadInput(f"no profile of {model} on {kind}: {missing.get(kind) or missing.get(name) or 'none'}{has}")
    return found[kind]


def _show_json(profile: "Profile", tpot_ms: float | None) -> str:
    from melange_cloud.domain import MaxTput, Unservable

    cells = profile.cells(math.inf if tpot_ms is None else tpot_ms)
    return _as_json(
        {
            "schema_version": SCHEMA_VERSION,
            "model": profile.model,
            "gpu": profile.kind.gpu,
            "tensor_parallel": profile.kind.tensor_parallel,
            "era": profile.era,
            "precision": profile.precision,
            "target_tpot_ms": tpot_ms,
            "max_total_tokens": profile.max_total_tokens,
            "max_num_seqs": profile.max_num_seqs,
            "source": profile.source,
            "calibration": profile.file.header.calibration,
            "cells": [
                {
                    "input_tokens": cell.input_tokens,
                    "output_tokens": cell.output_tokens,
                    "requests_per_s": cell.served.requests_per_s,
                    "tpot_ms": cell.tpot_ms,
                    "origin": cell.served.origin,
                    "grade": cell.served.grade,
                    "error": cell.served.error,
                    "limited_by": cell.served.limited_by,
                }
                for cell in cells
                if isinstance(cell.served, MaxTput)
            ],
            "refused": [
                {
                    "input_tokens": cell.input_tokens,
                    "output_tokens": cell.output_tokens,
                    "reason": cell.served.reason,
                }
                for cell in cells
                if isinstance(cell.served, Unservable)
            ],
        }
    )


def _show_table(profile: "Profile", tpot_ms: float | None) -> str:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from melange_cloud.domain import MaxTput
    from melange_cloud.profiles.build import INPUT_TOKENS, OUTPUT_TOKENS

    shown = {
        (cell.input_tokens, cell.output_tokens): f"{cell.served.requests_per_s:.3g} {cell.served.grade}"
        if isinstance(cell.served, MaxTput)
        else "-"
        for cell in profile.cells(math.inf if tpot_ms is None else tpot_ms)
        if cell.input_tokens in INPUT_TOKENS and cell.output_tokens in OUTPUT_TOKENS
    }
    outputs = sorted({output_tokens for _, output_tokens in shown})
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Input \\ output", justify="right", no_wrap=True)
    for output_tokens in outputs:
        table.add_column(f"{output_tokens:,}", justify="right", no_wrap=True)
    for input_tokens in sorted({input_tokens for input_tokens, _ in shown}):
        row = [shown.get((input_tokens, output_tokens), "") for output_tokens in outputs]
        table.add_row(f"{input_tokens:,}", *row)
    header = profile.file.header
    target = "at saturation" if tpot_ms is None else f"within {tpot_ms:g} ms per output token"
    reach = min(profile.max_total_tokens, profile.cache_tokens or profile.max_total_tokens)
    return rendered(
        Group(
            Text(f"{profile.model} {profile.precision} on {profile.kind}, era {profile.era}"),
            Text(f"Requests/s of one replica {target}, by input and output tokens, with grade"),
            Text(),
            table,
            Text(),
            Text("Grade A measured, B ±25 %, C ±30 %, D ±50 % (borrowed, or near a limit); - cannot be served in time"),
            Text(f"Reach {reach:,} tokens, at most {profile.max_num_seqs} requests at once"),
            Text(f"Source: {header.source}"),
            Text(f"Calibration: {header.calibration}"),
        )
    )


def _list_table(held: list[dict[str, Any]], eras: dict[str, str]) -> str:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from melange_cloud.domain import GPUS

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Era", "Model", "Precision"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Reach", justify="right", no_wrap=True)
    for gpu in GPUS:
        table.add_column(gpu, no_wrap=True)
    for row in held:
        degrees = [" ".join(map(str, row["tensor_parallel"].get(gpu, []))) or "-" for gpu in GPUS]
        table.add_row(row["era"], row["model"], row["precision"], f"{row['max_total_tokens']:,}", *degrees)
    legend = [Text(f"{name}: {title}") for name, title in eras.items()]
    notes = [
        Text(
            "Under each GPU: tensor parallel degrees with a profile; `profiles list --format json` says why not others."
        ),
        Text("Reach: longest input + output, tokens; less where memory ends before."),
    ]
    return rendered(Group(table, Text(), *notes, *legend))


def _as_json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
