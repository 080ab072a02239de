"""``melange-cloud workloads mix``: one workload file out of several."""

from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.options import Force
from melange_cloud.cli.output import emit
from melange_cloud.cli.result_file import result_of
from melange_cloud.cli.workloads.workload_options import JsonOut, Note
from melange_cloud.errors import BadInput, echoed, shown
from melange_cloud.inputs import NotANumber
from melange_cloud.inputs.written_quantities import fraction

if TYPE_CHECKING:
    from melange_cloud.domain import WorkloadFile

EXAMPLE = "Example: melange-cloud workloads mix chat=0.8 document=0.2 --name mixed --output mixed.json"


def mix(
    parts: Annotated[
        list[str], typer.Argument(metavar="NAME|FILE=WEIGHT...", help="Workloads and their fractions; they sum to 1.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Short name [default: that of --output, else mix].")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="What it is [default: the parts].")] = None,
    note_: Note = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file from several workloads, each with its fraction of the requests.

    Arrival rates are not mixed: give the mixture its own with `workloads from-counts --rates`, or plan with --rate.
    """
    from melange_cloud import workload

    result = result_of(out, None, ["json"], force=force)
    weighted: dict[str, tuple[WorkloadFile, float]] = {}
    for part in parts:
        part_name, weight = name_and_weight(part)
        if part_name in weighted:
            raise BadInput(f"{echoed(part_name)} is given twice: give it once, with the sum of its weights")
        weighted[part_name] = workload.load_workload_file(part_name), weight
    mixed = workload.mix(
        {part: (held.workload, weight) for part, (held, weight) in weighted.items()},
        name or (result.path.stem if result.path else "mix"),
        title or " + ".join(f"{100 * weight:g} % {part}" for part, (_, weight) in weighted.items()),
        notes=[*(note_ or ()), *workload.rates_left_out(weighted)],
    )
    cached = workload.mixed_cached_input(weighted.values())
    emit(workload.write_workload(workload.WorkloadFile(mixed, cached_input_share=cached)), result)


def name_and_weight(part: str) -> tuple[str, float]:
    """``chat=0.8`` and ``chat=80%`` as (``chat``, 0.8).

    Raises:
        BadInput: it is not of that form, or the weight is not above 0 and at most 1.
    """
    name, _, text = part.rpartition("=")
    try:
        weight = fraction(text, most=1)
    except NotANumber:
        weight = 0.0
    if not name or weight <= 0:
        raise BadInput(
            f"{shown(part)}: write NAME=WEIGHT, such as chat=80% or chat=0.8, with a weight above 0 and at most 1"
        )
    return name, weight
