"""``melange-cloud profiles show``: what one replica serves by request size."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.profiles.targets import slo_of
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.report.page import Format


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
    format_: Annotated[
        Format | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
    ] = None,
    out: Annotated[Path | None, output_option()] = None,
) -> None:
    """Show a profile: MaxTput by request size, with its grade and where it comes from."""
    from melange_cloud.planner.question import check_api_servers
    from melange_cloud.profiles import DEFAULT_API_SERVERS
    from melange_cloud.profiles.one_per_gpu import gpus_of, one_per_gpu
    from melange_cloud.profiles.profile_rates import profile_rates
    from melange_cloud.report.pages.profile import nothing_served, profile_page

    result = result_of(out, format_, Format)
    slo = slo_of(tpot_ms=tpot_ms, p99_tpot_ms=p99_tpot_ms, ttft_ms=ttft_ms, e2e_ms=e2e_ms)
    found, left_out = one_per_gpu(model, gpus_of(gpu), tensor_parallel=tensor_parallel, era=era, precision=precision)
    servers = DEFAULT_API_SERVERS if api_servers is None else api_servers
    for profile in found:
        check_api_servers(servers, profile.era, profile.precision)
    for name, reason in left_out.items():
        output.note(f"left out: {name}: {reason}")
    shown = [profile_rates(profile, slo, servers) for profile in found]
    output.show(profile_page(shown, left_out, several=len(found) > 1 or bool(left_out)), result)
    for refusal in filter(None, map(nothing_served, shown)):
        output.note(refusal)
