"""``melange-cloud prices``: fetches, lists, compares and exports prices, and finds out why they are old."""

import typer

from melange_cloud.cli.prices import diff, doctor, export, list_prices, refresh

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Fetch, list, compare and export prices. `prices doctor` says why they are old.",
    epilog="Example: melange-cloud prices list --region us-east-1 --gpu H100 --purchase on_demand",
)
app.command("refresh", epilog=refresh.EXAMPLE)(refresh.refresh)
app.command("list", epilog=list_prices.EXAMPLE)(list_prices.list_)
app.command("diff", epilog=diff.EXAMPLE)(diff.diff)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("doctor", epilog=doctor.EXAMPLE)(doctor.doctor)
