"""``melange-cloud profiles``: lists throughput profiles and shows MaxTput by request size."""

import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from melange_cloud.cli.output import emit, note, rendered, width
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.errors import BadFile, BadInput, echoed

if TYPE_CHECKING:
    from melange_cloud.domain import UserMeasurement
    from melange_cloud.profiles import GridCell, Profile

SCHEMA_VERSION = 1


class Format(StrEnum):
    """How profiles are shown."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
]
Out = Annotated[Path | None, output_option()]


def list_(format_: FormatOption = None, out: Out = None) -> None:
    """List the shipped profiles: eras, models, precisions, and the tensor parallel degrees that fit on each GPU."""
    from melange_cloud.profiles import load_eras, load_models, load_profiles

    result = result_of(out, format_, Format)
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
    own = _own_rows()
    if result.format == Format.JSON:
        eras = {era.name: era.title for era in load_eras().values()}
        emit(_as_json({"schema_version": SCHEMA_VERSION, "eras": eras, "profiles": held, "own": own}), result)
    else:
        emit(_list_table(held, {era.name: era.title for era in load_eras().values()}, own), result)


def show(
    gpu: Annotated[
        list[str], typer.Option("--gpu", help="L4, A10G, A100-40GB, A100-80GB or H100, repeatable; or all.")
    ],
    model: Annotated[str, typer.Option("--model", help="Model; see `profiles list`.")] = "llama-3.1-8b",
    tensor_parallel: Annotated[
        int | None, typer.Option("--tp", min=1, help="GPUs per replica; default: the fewest that fit.")
    ] = None,
    tpot_ms: Annotated[
        float | None, typer.Option("--tpot-ms", help="Target for the mean time per output token, ms; default: none.")
    ] = None,
    p99_tpot_ms: Annotated[
        float | None, typer.Option("--p99-tpot-ms", help="Target for its 99th percentile, ms; where measured.")
    ] = None,
    ttft_ms: Annotated[
        float | None, typer.Option("--ttft-ms", help="Target for the mean time to the first token, ms.")
    ] = None,
    e2e_ms: Annotated[
        float | None, typer.Option("--e2e-ms", help="Target for the mean time from request to last token, ms.")
    ] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="Default: the model's own.")] = None,
    api_servers: Annotated[
        int | None, typer.Option("--api-servers", help="HTTP server processes per replica [default: 1].")
    ] = None,
    format_: FormatOption = None,
    out: Out = None,
) -> None:
    """Show a profile: MaxTput by request size, with its grade and where it comes from."""
    result = result_of(out, format_, Format)
    targets = {"tpot_ms": tpot_ms, "p99_tpot_ms": p99_tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}
    asked = {name: limit_ms for name, limit_ms in targets.items() if limit_ms is not None}
    for name, limit_ms in asked.items():
        if not 0 < limit_ms < math.inf:
            raise BadInput(f"--{name.replace('_', '-')} {limit_ms:g}: milliseconds above 0, such as 100")
    found, left_out = _found(model, gpus_of(gpu), tensor_parallel, era, precision)
    from melange_cloud.planner.question import check_api_servers

    servers = 1 if api_servers is None else api_servers
    for profile in found:
        check_api_servers(servers, profile.era, profile.precision)
    for name, reason in left_out.items():
        note(f"left out: {name}: {reason}")
    if result.format != Format.JSON:
        emit("\n".join(show_table(profile, asked, servers) for profile in found), result)
    elif len(found) == 1 and not left_out:
        emit(show_json(found[0], asked, servers), result)
    else:
        shown = [json.loads(show_json(profile, asked, servers)) for profile in found]
        emit(_as_json({"schema_version": SCHEMA_VERSION, "profiles": shown, "left_out": left_out}), result)
    for profile in found:
        refused = nothing_served(profile, asked)
        if refused is not None:
            note(refused.text)


def gpus_of(words: list[str]) -> tuple[str, ...]:
    """The GPUs that a repeated ``--gpu`` names, in the order of GPUS; ``all`` is every one.

    Raises:
        BadInput: a name is none of GPUS.
    """
    from melange_cloud.profiles import find_gpus

    names = [part.strip() for word in words for part in word.split(",")]
    return find_gpus(None if any(name.lower() == "all" for name in names) else names)


def _found(
    model: str, gpus: tuple[str, ...], tensor_parallel: int | None, era: str | None, precision: str | None
) -> "tuple[list[Profile], dict[str, str]]":
    """The profile of each GPU, and why others have none.

    Raises:
        BadInput: none has one.
    """
    found: list[Profile] = []
    left_out: dict[str, str] = {}
    for gpu in gpus:
        try:
            found.append(_find(model, gpu, tensor_parallel, era, precision))
        except BadFile:
            raise
        except BadInput as error:
            left_out[gpu] = str(error)
    if not found:
        raise BadInput("\n".join(dict.fromkeys(left_out.values())))
    return found, left_out


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


def show_json(profile: "Profile", targets: dict[str, float], api_servers: int = 1) -> str:
    """MaxTput by size as ``profiles show --format json`` has it; ``targets`` are fields of Slo, ms."""
    from melange_cloud.domain import MaxTput, Slo, UnservableSize
    from melange_cloud.profiles import imports_of, served_cells

    cells = served_cells(profile, Slo(**targets), api_servers)
    return _as_json(
        {
            "schema_version": SCHEMA_VERSION,
            "model": profile.model,
            "gpu": profile.kind.gpu,
            "tensor_parallel": profile.kind.tensor_parallel,
            "era": profile.era,
            "precision": profile.precision,
            "target_tpot_ms": targets.get("tpot_ms"),
            "target_p99_tpot_ms": targets.get("p99_tpot_ms"),
            "target_ttft_ms": targets.get("ttft_ms"),
            "target_e2e_ms": targets.get("e2e_ms"),
            "max_total_tokens": profile.max_total_tokens,
            "max_num_seqs": profile.max_num_seqs,
            "api_servers": api_servers,
            "source": profile.source,
            "calibration": profile.file.header.calibration,
            "imports": [_import_json(found) for found in imports_of(profile)],
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
                if isinstance(cell.served, UnservableSize)
            ],
        }
    )


def _import_json(found: "UserMeasurement") -> dict[str, Any]:
    day = found.measured_on
    return {**asdict(found), "measured_on": None if day is None else day.isoformat()}


FRONT_END_MARK = "^"
CORNER = "Input \\ output"
GAP = 2


@dataclass(frozen=True, slots=True)
class NothingServed:
    """Why no size of a profile is served within the targets: a sentence; 3, or 5 where it is only not known."""

    text: str
    exit_code: int


def nothing_served(profile: "Profile", targets: dict[str, float]) -> NothingServed | None:
    """None where at least one size is served; ``targets`` as for ``show_json``."""
    from melange_cloud.domain import Slo, UnservableSize
    from melange_cloud.profiles import TENSOR_PARALLEL_DEGREES

    refusals = []
    for cell in profile.cells(Slo(**targets)):
        if not isinstance(cell.served, UnservableSize):
            return None
        refusals.append(cell.served)
    # That of the smallest size: what it misses, all do.
    known = [refusal for refusal in refusals if not refusal.no_data]
    reason = (known or refusals)[0].reason
    more = profile.kind.tensor_parallel < max(TENSOR_PARALLEL_DEGREES) and "to read the weights" in reason
    cure = "; with more GPUs per replica (--tp) it takes less" if more else ""
    whose = f"{profile.model} {profile.precision} on {profile.kind}"
    within = f"is served within {_within(targets)}" if known else f"is known of {_within(targets)}"
    return NothingServed(f"{whose}: nothing {within}: {reason}{cure}", 3 if known else 5)


def _within(targets: dict[str, float]) -> str:
    words = {"tpot_ms": "per output token", "p99_tpot_ms": "p99 TPOT", "ttft_ms": "TTFT", "e2e_ms": "end to end"}
    return ", ".join(f"{limit_ms:g} ms {words[name]}" for name, limit_ms in targets.items())


def show_table(profile: "Profile", targets: dict[str, float], api_servers: int = 1) -> str:
    """MaxTput by size as ``profiles show`` prints it; ``targets`` as for ``show_json``."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from melange_cloud.domain import Slo
    from melange_cloud.profiles import served_cells
    from melange_cloud.profiles.profile_text import INPUT_TOKENS, LONG_OUTPUT_TOKENS, OUTPUT_TOKENS

    cells = served_cells(profile, Slo(**targets), api_servers)
    shown = {
        (cell.input_tokens, cell.output_tokens): _shown(cell)
        for cell in cells
        if cell.input_tokens in INPUT_TOKENS and cell.output_tokens in (*OUTPUT_TOKENS, *LONG_OUTPUT_TOKENS)
    }
    outputs = sorted({output_tokens for _, output_tokens in shown})
    tables: list[Table | Text] = []
    ordinary = [tokens for tokens in outputs if tokens <= max(OUTPUT_TOKENS)]
    longer = [tokens for tokens in outputs if tokens > max(OUTPUT_TOKENS)]  # with fewer input tokens beside them
    for part in [*_that_fit(ordinary, shown), *(_that_fit(longer, shown) if longer else ())]:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        table.add_column(CORNER, justify="right", no_wrap=True)
        for output_tokens in part:
            table.add_column(f"{output_tokens:,}", justify="right", no_wrap=True)
        for input_tokens in sorted({input_tokens for input_tokens, output_tokens in shown if output_tokens in part}):
            row = [shown.get((input_tokens, output_tokens), "") for output_tokens in part]
            table.add_row(f"{input_tokens:,}", *row)
        tables += [Text(), table]
    header = profile.file.header
    measured = [Text(line) for line in _measured_lines(profile, targets, cells)]
    front_end = [Text(line) for line in _front_end_lines(profile, cells, api_servers)]
    target = f"within {_within(targets)}" if targets else "at saturation"
    refused = nothing_served(profile, targets)
    if refused is not None:
        tables = [Text(), Text(refused.text)]
    reach = min(profile.max_total_tokens, profile.cache_tokens or profile.max_total_tokens)
    return rendered(
        Group(
            Text(f"{echoed(profile.model)} {profile.precision} on {profile.kind}, era {profile.era}"),
            Text(f"Requests/s of one replica {target}, by input and output tokens, with grade"),
            *tables,
            *measured,
            Text(),
            Text("Grade A measured, B ±25 %, C ±30 %, D ±50 % (borrowed, or near a limit); - cannot be served in time"),
            *front_end,
            Text(f"Reach {reach:,} tokens, at most {profile.max_num_seqs} requests at once"),
            Text(f"Source: {echoed(profile.source, 500)}"),
            Text(f"Calibration: {echoed(header.calibration, 500)}"),
        )
    )


def _that_fit(outputs: list[int], shown: dict[tuple[int, int], str]) -> list[list[int]]:
    """The output columns in groups that fit the width, one table each: no figure is cut."""
    parts: list[list[int]] = [[]]
    used = len(CORNER)
    for output_tokens in outputs:
        cells = (text for (_, tokens), text in shown.items() if tokens == output_tokens)
        wide = GAP + max(len(f"{output_tokens:,}"), *(len(text) for text in cells))
        if parts[-1] and used + wide + GAP > width():
            parts.append([])
            used = len(CORNER)
        parts[-1].append(output_tokens)
        used += wide
    return parts


def _shown(cell: "GridCell") -> str:
    """``36.8^B``: the rate, whether the front end limits it, and its grade."""
    from melange_cloud.domain import FRONT_END, MaxTput

    if not isinstance(cell.served, MaxTput):
        return "-"
    mark = FRONT_END_MARK if cell.served.limited_by == FRONT_END else " "
    return f"{cell.served.requests_per_s:.3g}{mark}{cell.served.grade}"


def _front_end_lines(profile: "Profile", cells: list["GridCell"], api_servers: int) -> list[str]:
    """What the mark means, where it stands on the page."""
    from melange_cloud.domain import FRONT_END, MaxTput
    from melange_cloud.profiles.front_end import front_end_law, request_s

    law = front_end_law(profile.era, profile.precision)
    if law is None or not any(
        isinstance(cell.served, MaxTput) and cell.served.limited_by == FRONT_END for cell in cells
    ):
        return []
    servers = f"{api_servers} API server{'' if api_servers == 1 else 's'}"
    most = api_servers / request_s(law[0], 1)
    return [
        f"{FRONT_END_MARK} limited by the HTTP front end ({servers}: at most {most:.3g} requests/s, fewer with longer "
        "answers): --api-servers"
    ]


def _measured_lines(profile: "Profile", targets: dict[str, float], behind: list["GridCell"]) -> list[str]:
    """The measured sizes, which seldom are those of the grid, one per line; none where nothing was measured."""
    from melange_cloud.domain import FRONT_END, MaxTput, Slo
    from melange_cloud.planner.user_measurements import import_notices
    from melange_cloud.profiles import imports_of

    lines = []
    for cell, served_cell in zip(profile.cells(Slo(**targets)), behind, strict=True):
        if not isinstance(cell.served, MaxTput) or cell.served.origin != "measured":
            continue
        points = profile.points[cell.input_tokens, cell.output_tokens]
        sources = "; ".join(sorted({point.source.partition(";")[0] for point in points if point.source}))
        days = sorted({f"{point.measured_on}" for point in points if point.measured_on is not None})
        served = f"{cell.served.requests_per_s:.3g} requests/s {cell.served.grade}, limit: {cell.served.limited_by}"
        if isinstance(served_cell.served, MaxTput) and served_cell.served.limited_by == FRONT_END:
            served += f" (the HTTP front end takes {served_cell.served.requests_per_s:.3g})"
        where = f"{cell.input_tokens:,} + {cell.output_tokens:,} tokens"
        lines.append(", ".join([f"  {where}: {served}", *days[-1:], *([echoed(sources, 300)] if sources else [])]))
    notes = [echoed(line, 1000) for line in (*import_notices(imports_of(profile)), *profile.notes)]
    return ["", "Measured:", *lines, *notes] if lines else notes


def _own_rows() -> list[dict[str, Any]]:
    """The user's own profiles, one row per file and tensor parallel degree."""
    from melange_cloud.profiles.user_profiles import own_profiles

    return [
        {
            "origin": "yours",
            "era": file.header.era,
            "model": file.header.model,
            "precision": file.header.precision,
            "gpu": kind.gpu,
            "tensor_parallel": kind.tensor_parallel,
            "sizes": len(sizes),
            "points": sum(len(rows) for rows in sizes.values()),
            "source": file.header.source,
            "saved": file.header.saved,
            "file": str(file.path),
        }
        for file in own_profiles()
        for kind, sizes in sorted(file.rows.items())
    ]


def _list_table(held: list[dict[str, Any]], eras: dict[str, str], own: list[dict[str, Any]]) -> str:
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
    mine = [
        Text(
            f"  {row['era']} {row['model']} {row['precision']} on {row['tensor_parallel']} x {row['gpu']}: "
            f"sizes: {row['sizes']}, {echoed(row['source'], 200)}: {echoed(row['file'], 300)}"
        )
        for row in own
    ]
    yours = [Text(), Text("Yours, which outrank these (delete a file to take it back):"), *mine] if mine else []
    return rendered(Group(table, Text(), *notes, *legend, *yours))


def _as_json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
