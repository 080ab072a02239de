"""``melange-cloud workloads``: its commands."""

import typer

from melange_cloud.cli.workloads import from_counts, from_trace, list_workloads, mix, scale, show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show and make workloads: request sizes and arrivals.",
    epilog="Example: melange-cloud workloads show conversation",
)

app.command("list", epilog="Example: melange-cloud workloads list")(list_workloads.list_workloads)
app.command(epilog="Example: melange-cloud workloads show conversation --format json")(show.show)
app.command("from-trace", epilog=from_trace.EXAMPLE)(from_trace.from_trace)
app.command("from-counts", epilog=from_counts.EXAMPLE)(from_counts.from_counts)
app.command(epilog=mix.EXAMPLE)(mix.mix)
app.command(epilog=scale.EXAMPLE)(scale.scale)
