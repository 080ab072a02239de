"""``melange-cloud profiles estimate``: a profile of any dense transformer by its config.json."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.exit_codes import NO_DATA, UNSERVABLE
from melange_cloud.cli.option_checks import latency_targets
from melange_cloud.cli.options import (
    FORMAT,
    MODEL,
    PRECISION,
    CachedInput,
    E2eMs,
    Engine,
    Era,
    Force,
    GpuNames,
    Out,
    TensorParallel,
    TpotMs,
    TtftMs,
)
from melange_cloud.cli.result_file import result_of
from melange_cloud.domain import Slo
from melange_cloud.domain.question import DEFAULT_CACHED_INPUT
from melange_cloud.errors import BadInput
from melange_cloud.report.page import Format

EXAMPLES = """
Examples:

melange-cloud profiles estimate --config config.json --gpu L4 --precision fp8 --tpot-ms 60

melange-cloud profiles estimate --config config.json --gpu H100 --tp 2 --output my-model-h100.csv

melange-cloud profiles estimate --config config.json --model my-model --gpu all --save

`plan --config config.json` estimates every GPU by itself, without saving anything.
"""


def estimate(
    config: Annotated[Path, typer.Option("--config", help="The model's config.json, as on Hugging Face.")],
    gpu: GpuNames,
    tensor_parallel: TensorParallel = None,
    precision: Annotated[str | None, PRECISION(default="that of the config")] = None,
    era: Era = None,
    engine: Engine = None,
    model: Annotated[str | None, MODEL("What to call it", default="as the config does")] = None,
    tpot_ms: TpotMs = None,
    ttft_ms: TtftMs = None,
    e2e_ms: E2eMs = None,
    cached_input: CachedInput = None,
    save: Annotated[bool, typer.Option("--save", help="Save it with your own profiles, for `plan --model`.")] = False,
    format_: Annotated[Format | None, FORMAT("table, json, markdown, or csv: the profile file itself")] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Estimate the profile of any dense transformer by its config.json; what cannot be estimated is refused.

    Exit code 3: the model fits, and no request size is served within the targets.
    """
    from melange_cloud.domain.engines import MEAN_OF_ENGINES
    from melange_cloud.estimator.config_json import read_config
    from melange_cloud.planner.resolve import check_cached_input
    from melange_cloud.profiles import find_era, resolve_engine
    from melange_cloud.profiles.estimates.config_estimates import estimate_per_gpu, save_estimate
    from melange_cloud.profiles.one_per_gpu import gpus_of
    from melange_cloud.profiles.profile_rates import profile_rates
    from melange_cloud.profiles.user_profiles import plain_name
    from melange_cloud.report.pages.profile import nothing_served, profile_page

    result = result_of(out, format_, Format, force=force)
    slo = Slo(**latency_targets({"tpot_ms": tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}))
    gpus = gpus_of(gpu)
    as_profile_file = result.format == Format.CSV
    if as_profile_file and len(gpus) > 1:
        raise BadInput(
            "a profile file is for one GPU: give one --gpu, another --format, or --save without --format csv"
        )
    served_by = resolve_engine(engine, find_era(era))
    share = DEFAULT_CACHED_INPUT if cached_input is None else cached_input
    if share and (save or as_profile_file):
        raise BadInput(
            "a profile file is for prompts computed in full: drop --cached-input, or give it to plan --config"
        )
    shape = read_config(config, None if model is None else plain_name(model))
    estimates, left_out = estimate_per_gpu(
        shape,
        gpus,
        tensor_parallel=tensor_parallel,
        precision=precision,
        era=era,
        engine=served_by,
        cached_input=share,
    )
    for each in estimates:
        check_cached_input(share, each.profile.era)
    if save:
        for each in estimates:
            place, of = save_estimate(each), each.profile
            how = f"--model {of.model} --precision {of.precision} --era {of.era}"
            if of.engine != MEAN_OF_ENGINES:
                how += f" --engine {of.engine}"
            output.note(f"saved {place}; plan with it: melange-cloud plan {how}")
    output.note(f"{config}: {shape.family}, {shape.parameters:,} parameters")
    for line in shape.notes:
        output.warn(f"{config}: {line}")
    for name, reason in left_out.items():
        output.warn(f"left out: {name}: {reason}")
    if as_profile_file:
        output.emit(estimates[0].text, result)
        return
    shown = [profile_rates(each.profile, slo, cached_input=share) for each in estimates]
    counted = {"parameters": shape.parameters, "family": shape.family, "notes": shape.notes}
    output.show(profile_page(shown, left_out, several=len(gpus) > 1, counted=counted), result)
    refusals = [rates.why_nothing for rates in shown]
    if all(refusals):
        for rates in shown:
            output.warn(f"melange-cloud: {nothing_served(rates)}")
        raise typer.Exit(max(NO_DATA if refusal.no_data else UNSERVABLE for refusal in refusals if refusal is not None))
