"""``melange-cloud profiles show``: what one replica serves by request size, and how long its steps take."""

from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.exit_codes import NO_DATA
from melange_cloud.cli.option_checks import latency_targets
from melange_cloud.cli.options import (
    AnyFormat,
    ApiServers,
    CachedInput,
    ConfigFile,
    E2eMs,
    Engine,
    Era,
    Force,
    GpuNames,
    Model,
    Out,
    P99TpotMs,
    Precision,
    TensorParallel,
    TpotMs,
    TtftMs,
)
from melange_cloud.cli.result_file import result_of
from melange_cloud.domain import Slo
from melange_cloud.domain.question import DEFAULT_API_SERVERS, DEFAULT_CACHED_INPUT
from melange_cloud.report.page import Format

EXAMPLES = """
Examples:

melange-cloud profiles show --model llama-2-7b --gpu A10G --tpot-ms 120 --era vllm-0.2.7

melange-cloud profiles show --config config.json --gpu L4 --tpot-ms 60

melange-cloud profiles show --model qwen3-32b --gpu H100 --law --format json
"""


def show(
    gpu: GpuNames,
    model: Model = None,
    config: ConfigFile = None,
    tensor_parallel: TensorParallel = None,
    tpot_ms: TpotMs = None,
    p99_tpot_ms: P99TpotMs = None,
    ttft_ms: TtftMs = None,
    e2e_ms: E2eMs = None,
    era: Era = None,
    engine: Engine = None,
    precision: Precision = None,
    api_servers: ApiServers = None,
    cached_input: CachedInput = None,
    law: Annotated[
        bool, typer.Option("--law", help="Also show the step law: how long one step of a replica takes.")
    ] = False,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Show a profile: MaxTput by request size, with its grade and where it comes from.

    Exit code 5: --law is given, and no profile has a step law.
    """
    from melange_cloud.planner.resolve import check_api_servers, check_cached_input
    from melange_cloud.profiles import find_era, resolve_engine
    from melange_cloud.profiles.one_per_gpu import gpus_of, one_per_gpu
    from melange_cloud.profiles.profile_rates import profile_rates
    from melange_cloud.report.pages.profile import nothing_served, profile_page

    result = result_of(out, format_, Format, force=force)
    targets = {"tpot_ms": tpot_ms, "p99_tpot_ms": p99_tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}
    slo = Slo(**latency_targets(targets))
    share = DEFAULT_CACHED_INPUT if cached_input is None else cached_input
    found, left_out = one_per_gpu(
        model,
        gpus_of(gpu),
        tensor_parallel=tensor_parallel,
        era=era,
        precision=precision,
        engine=resolve_engine(engine, find_era(era)),
        cached_input=share,
        config=config,
    )
    servers = DEFAULT_API_SERVERS if api_servers is None else api_servers
    for profile in found:
        check_api_servers(servers, profile.era, profile.precision)
        check_cached_input(share, profile.era)
    for name, reason in left_out.items():
        output.warn(f"left out: {name}: {reason}")
    shown = [profile_rates(profile, slo, servers, share, with_law=law) for profile in found]
    output.show(profile_page(shown, left_out, several=len(found) > 1 or bool(left_out)), result)
    for refusal in filter(None, map(nothing_served, shown)):
        output.warn(refusal)
    refused = [rates.law_refused for rates in shown if rates.law_refused is not None]
    for finding in refused:
        output.warn(f"no step law: {finding}")
    if refused and len(refused) == len(shown):
        raise typer.Exit(NO_DATA)
