"""``melange-cloud profiles estimate``: a profile of any dense transformer by its config.json."""

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.output import emit, note
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.errors import BadInput, MelangeError

if TYPE_CHECKING:
    from melange_cloud.estimator.config_json import ConfigModel
    from melange_cloud.profiles import Profile

EXAMPLES = """
Examples:

melange-cloud profiles estimate --config config.json --gpu L4 --precision fp8 --tpot-ms 60

melange-cloud profiles estimate --config config.json --gpu H100 --tp 2 --output my-model-h100.csv

melange-cloud profiles estimate --config config.json --model my-model --gpu all --save

`plan --config config.json` estimates every GPU by itself, without saving anything.
"""


class Format(StrEnum):
    """How an estimate is printed: MaxTput by size, or the operating points as a profile file (csv)."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class _EstimateAnswer:
    """One estimate: the text of its profile file, and what it says."""

    text: str
    profile: "Profile"


def estimate(
    config: Annotated[Path, typer.Option("--config", help="The model's config.json, as Hugging Face models have it.")],
    gpu: Annotated[
        list[str], typer.Option("--gpu", help="L4, A10G, A100-40GB, A100-80GB or H100, repeatable; or all.")
    ],
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
        Format | None, typer.Option("--format", help="table, json or csv [default: as --output ends, else table].")
    ] = None,
    out: Annotated[Path | None, output_option()] = None,
) -> None:
    """Estimate the profile of any dense transformer by its config.json; what cannot be estimated is refused.

    Exit code 3: the model fits, and no request size is served within the targets.
    """
    from melange_cloud.cli.profiles.show import gpus_of, nothing_served
    from melange_cloud.estimator.config_json import read_config
    from melange_cloud.profiles.user_profiles import plain_name

    result = result_of(out, format_, Format)
    as_csv = result.format == Format.CSV
    asked = {"tpot_ms": tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}
    targets = {name: limit_ms for name, limit_ms in asked.items() if limit_ms is not None}
    for name, limit_ms in targets.items():
        if not 0 < limit_ms < math.inf:
            raise BadInput(f"--{name.replace('_', '-')} {limit_ms:g}: milliseconds above 0, such as 100")
    gpus = gpus_of(gpu)
    if as_csv and len(gpus) > 1:
        raise BadInput("a profile file is of one GPU: give one --gpu, another --format, or --save without --format csv")
    shape = read_config(config, None if model is None else plain_name(model))
    made, left_out = _estimates(shape, gpus, tensor_parallel, precision, era, out)
    if save:
        for one in made:
            _save(one)
    note(f"{config}: {shape.family}, {shape.parameters:,} parameters")
    for line in shape.notes:
        note(f"{config}: {line}")
    for name, reason in left_out.items():
        note(f"left out: {name}: {reason}")
    if as_csv:
        emit(made[0].text, result)
    elif result.format == Format.JSON:
        emit(_as_json(made, left_out, shape, targets, several=len(gpus) > 1), result)
    else:
        emit(_as_pages(made, left_out, targets), result)
    refused = [nothing_served(one.profile, targets) for one in made]
    if all(refused) and not as_csv:
        for refusal in refused:
            if refusal is not None:
                note(f"melange-cloud: {refusal.text}")
        raise typer.Exit(max(refusal.exit_code for refusal in refused if refusal is not None))


def _estimates(
    shape: "ConfigModel",
    gpus: tuple[str, ...],
    tensor_parallel: int | None,
    precision: str | None,
    era: str | None,
    out: Path | None,
) -> "tuple[list[_EstimateAnswer], dict[str, str]]":
    """The profile of each GPU that can hold the model, and why others cannot.

    Raises:
        BadInput: none can; every reason is named.
    """
    from melange_cloud.profiles import Profile
    from melange_cloud.profiles.estimated import estimated_profile
    from melange_cloud.profiles.profile_file import parse_profile

    made: list[_EstimateAnswer] = []
    left_out: dict[str, str] = {}
    for name in gpus:
        try:
            text = estimated_profile(shape, name, tensor_parallel=tensor_parallel, precision=precision, era=era)
        except BadInput as error:
            left_out[name] = str(error)
            continue
        file = parse_profile(out or Path(f"{shape.name}.csv"), text)
        (kind,) = file.rows
        made.append(_EstimateAnswer(text, Profile(file, kind)))
    if not made:
        raise BadInput("\n".join(dict.fromkeys(left_out.values())))
    return made, left_out


def _as_json(
    made: "list[_EstimateAnswer]",
    left_out: dict[str, str],
    shape: "ConfigModel",
    targets: dict[str, float],
    *,
    several: bool,
) -> str:
    """One GPU as ``profiles show`` has it; several as a list of such."""
    from melange_cloud.cli.profiles.show import SCHEMA_VERSION, show_json

    shown = [json.loads(show_json(one.profile, targets)) for one in made]
    counted = {"parameters": shape.parameters, "family": shape.family, "notes": list(shape.notes)}
    document = {**shown[0], **counted}
    if several:
        document = {"schema_version": SCHEMA_VERSION, **counted, "profiles": shown, "left_out": left_out}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_pages(made: "list[_EstimateAnswer]", left_out: dict[str, str], targets: dict[str, float]) -> str:
    from melange_cloud.cli.profiles.show import show_table

    pages = [show_table(one.profile, targets) for one in made]
    reasons = "".join(f"Left out: {name}: {reason}\n" for name, reason in left_out.items())
    return "\n".join([*pages, *([reasons] if reasons else [])])


def _save(made: "_EstimateAnswer") -> None:
    """Write the profile where plans look for the user's own."""
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.profiles import read_profile_file
    from melange_cloud.profiles.user_profiles import FOLDER_VARIABLE, own_folder

    profile, kind = made.profile, made.profile.kind
    folder = own_folder() / profile.era / profile.model / profile.precision / kind.gpu
    place = folder / f"tp{kind.tensor_parallel}-estimated.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MelangeError(f"{folder}: cannot be made: {error.strerror}; set {FOLDER_VARIABLE}") from error
    write_whole(place, made.text)
    read_profile_file.cache_clear()
    how = f"--model {profile.model} --precision {profile.precision} --era {profile.era}"
    note(f"saved {place}; plan with it: melange-cloud plan {how}")
