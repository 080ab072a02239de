"""``melange-cloud schema``: the JSON Schema of what another command prints, or of a file that users write."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.options import OUT, Force, one_of
from melange_cloud.cli.output import emit
from melange_cloud.cli.result_file import result_of

if TYPE_CHECKING:
    from melange_cloud.report.schemas import Document


class DocumentName(StrEnum):
    """A document that has a schema."""

    PLAN = "plan"
    PLAN_BRIEF = "plan-brief"
    SENSITIVITY = "sensitivity"
    GPUS = "gpus"
    REGIONS = "regions"
    HEATMAP = "heatmap"
    PROFILES = "profiles"
    PROFILE = "profile"
    EVIDENCE = "evidence"
    IMPORT = "import"
    MEASUREMENT = "measurement"
    SOLVE = "solve"
    PRICES_LIST = "prices-list"
    PRICES_DIFF = "prices-diff"
    PRICES_DOCTOR = "prices-doctor"
    PRICES_REFRESH = "prices-refresh"
    PRICES_RENEW = "prices-renew"
    WORKLOAD = "workload"


def schema(
    name: Annotated[DocumentName, typer.Argument(help=f"{one_of(list(DocumentName))}.", metavar="DOCUMENT")],
    out: Annotated[Path | None, OUT("Write to this file, which ends in .json.")] = None,
    force: Force = False,
) -> None:
    """Print the JSON Schema of an answer or of the workload file.

    It is of draft 2020-12, and has every key with its unit and whether it may be null.

    Example:

    melange-cloud schema plan --output plan.schema.json
    """
    result = result_of(out, None, ["json"], force=force)
    from melange_cloud.report.schemas import schema as schema_of

    emit(json.dumps(schema_of(document_of(name)), indent=2) + "\n", result)


def document_of(name: DocumentName) -> "Document":
    """The document of that name."""
    from melange_cloud.report import json_documents
    from melange_cloud.report.schemas import Document
    from melange_cloud.workload import WorkloadForm

    if name is DocumentName.WORKLOAD:
        about = (
            "Request sizes and how often each comes, with the arrival rates that the source saw. Rates in requests/s, "
            "sizes in tokens, shares and errors as fractions."
        )
        return Document("melange-cloud workload", about, WorkloadForm, schema_version=None, closed=True)
    return {
        DocumentName.PLAN: json_documents.PLAN,
        DocumentName.PLAN_BRIEF: json_documents.BRIEF,
        DocumentName.SENSITIVITY: json_documents.SENSITIVITY,
        DocumentName.GPUS: json_documents.GPUS,
        DocumentName.REGIONS: json_documents.REGIONS,
        DocumentName.HEATMAP: json_documents.HEATMAP,
        DocumentName.PROFILES: json_documents.PROFILES,
        DocumentName.PROFILE: json_documents.PROFILE,
        DocumentName.EVIDENCE: json_documents.EVIDENCE,
        DocumentName.IMPORT: json_documents.IMPORT,
        DocumentName.MEASUREMENT: json_documents.MEASUREMENT,
        DocumentName.SOLVE: json_documents.SOLVE,
        DocumentName.PRICES_LIST: json_documents.PRICES_LIST,
        DocumentName.PRICES_DIFF: json_documents.PRICES_DIFF,
        DocumentName.PRICES_DOCTOR: json_documents.PRICES_DOCTOR,
        DocumentName.PRICES_REFRESH: json_documents.PRICES_REFRESH,
        DocumentName.PRICES_RENEW: json_documents.PRICES_RENEW,
    }[name]
