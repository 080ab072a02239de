"""``melange-cloud profiles evidence``: the measured rows behind profiles, or those of a file to be sent."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.options import AnyFormat, Force, OnlyGpus, OnlyModel, Out
from melange_cloud.cli.result_file import result_of
from melange_cloud.errors import BadInput
from melange_cloud.report.page import Format

EXAMPLES = "Examples: melange-cloud profiles evidence --gpu L4; melange-cloud profiles evidence --check rows.csv"

Check = Annotated[
    Path | None,
    typer.Option(
        "--check", metavar="FILE", help="Check a file of measured rows before you contribute it, and list it."
    ),
]


def evidence(
    gpu: OnlyGpus = None,
    model: OnlyModel = None,
    check: Check = None,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """List the measured rows behind profiles: who measured them, when, with which engine, and their contradictions."""
    from melange_cloud.profiles.evidence.evidence_list import checked_evidence, evidence_list
    from melange_cloud.profiles.lookup import find_model
    from melange_cloud.profiles.one_per_gpu import gpus_of
    from melange_cloud.report.pages.evidence import evidence_page

    result = result_of(out, format_, Format, force=force)
    if check is not None:
        if gpu or model:
            raise BadInput("--check reads a whole file", cure="leave out --gpu and --model")
        output.show(evidence_page(checked_evidence(check)), result)
        return
    found = evidence_list(gpus_of(gpu) if gpu else (), find_model(model).name if model else None)
    output.show(evidence_page(found), result)
    if not found.rows:
        output.warn("this model was not measured on these GPUs: its profiles are estimates")
