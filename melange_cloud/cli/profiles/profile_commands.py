"""``melange-cloud profiles``: its commands."""

import typer

from melange_cloud.cli.profiles import estimate, evidence, heatmap, import_results, list_profiles, measure, show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Show, estimate, import and measure what a replica serves.",
    epilog="Example: melange-cloud profiles show --model llama-3.1-8b --gpu L4 --tpot-ms 100",
)

app.command("list", epilog="Example: melange-cloud profiles list")(list_profiles.list_profiles)
app.command(epilog=show.EXAMPLES)(show.show)
app.command(epilog=evidence.EXAMPLES)(evidence.evidence)
app.command(epilog=heatmap.EXAMPLES)(heatmap.heatmap)
app.command(epilog=estimate.EXAMPLES)(estimate.estimate)
app.command("import", epilog=import_results.EXAMPLES)(import_results.import_)
app.command(epilog=measure.EXAMPLES)(measure.measure)
