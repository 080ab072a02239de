"""``melange-cloud profiles estimate``: a profile of any dense transformer by its config.json."""

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.output import emit, note
from melange_cloud.errors import BadInput, MelangeError

EXAMPLES = """
Examples:

melange-cloud profiles estimate --config config.json --gpu L4 --precision fp8 --tpot-ms 60

melange-cloud profiles estimate --config config.json --gpu H100 --tp 2 --out my-model-h100.csv

melange-cloud profiles estimate --config config.json --model my-model --gpu A10G --save
"""


class Format(StrEnum):
    """How an estimate is printed: MaxTput by size, or the operating points as a profile file (csv)."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def estimate(
    config: Annotated[Path, typer.Option("--config", help="The model's config.json, as Hugging Face models have it.")],
    gpu: Annotated[str, typer.Option("--gpu", help="L4, A10G, A100-40GB, A100-80GB or H100.")],
    tensor_parallel: Annotated[
        int | None, typer.Option("--tp", min=1, help="GPUs per replica; default: the fewest that fit.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="bf16, fp16 or fp8; default: that of the config.")
    ] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="What to call it; default: as the config does.")] = None,
    tpot_ms: Annotated[
        float | None, typer.Option("--tpot-ms", help="Target for the mean time per output token, ms; default: none.")
    ] = None,
    ttft_ms: Annotated[
        float | None, typer.Option("--ttft-ms", help="Target for the mean time to the first token, ms.")
    ] = None,
    e2e_ms: Annotated[
        float | None, typer.Option("--e2e-ms", help="Target for the mean time from request to last token, ms.")
    ] = None,
    save: Annotated[bool, typer.Option("--save", help="Put it among your own profiles, for `plan --model`.")] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Default: as --out ends (.csv, .json), else table.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write here instead of to stdout.")] = None,
) -> None:
    """Estimate the profile of any dense transformer by its config.json; what cannot be estimated is refused."""
    from melange_cloud.cli.profiles import show_json, show_table
    from melange_cloud.profiles import Profile
    from melange_cloud.profiles.config_json import read_config
    from melange_cloud.profiles.files import parse_profile
    from melange_cloud.profiles.from_config import estimated_profile
    from melange_cloud.profiles.own import plain_name

    asked = {"tpot_ms": tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}
    targets = {name: limit_ms for name, limit_ms in asked.items() if limit_ms is not None}
    for name, limit_ms in targets.items():
        if not 0 < limit_ms < math.inf:
            raise BadInput(f"--{name.replace('_', '-')} {limit_ms:g}: milliseconds above 0, such as 100")
    shape = read_config(config, None if model is None else plain_name(model))
    text = estimated_profile(shape, gpu, tensor_parallel=tensor_parallel, precision=precision, era=era)
    file = parse_profile(out or Path(f"{shape.name}.csv"), text)
    (kind,) = file.rows
    profile = Profile(file, kind)
    note(f"{config}: {shape.family}, {shape.parameters:,} parameters")
    for line in shape.notes:
        note(f"{config}: {line}")
    chosen = format_ or (Format(out.suffix[1:]) if out is not None and out.suffix[1:] in list(Format) else Format.TABLE)
    if chosen is Format.CSV:
        emit(text, out)
    elif chosen is Format.JSON:
        shown = json.loads(show_json(profile, targets))
        counted = {"parameters": shape.parameters, "family": shape.family, "notes": list(shape.notes)}
        emit(json.dumps({**shown, **counted}, indent=2, ensure_ascii=False) + "\n", out)
    else:
        emit(show_table(profile, targets), out)
    if save:
        _save(text, profile.era, profile.model, profile.precision, kind.gpu, kind.tensor_parallel)


def _save(text: str, era: str, model: str, precision: str, gpu: str, tensor_parallel: int) -> None:
    """Write the profile where plans look for the user's own."""
    from melange_cloud.files import write_whole
    from melange_cloud.profiles import read_profile_file
    from melange_cloud.profiles.own import FOLDER_VARIABLE, own_folder

    place = own_folder() / era / model / precision / gpu / f"tp{tensor_parallel}-estimated.csv"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MelangeError(f"{place.parent}: cannot be made: {error.strerror}; set {FOLDER_VARIABLE}") from error
    write_whole(place, text)
    read_profile_file.cache_clear()
    note(f"saved {place}; plan with it: melange-cloud plan --model {model} --precision {precision} --era {era}")
