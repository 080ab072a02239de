"""Lists the measured rows behind profiles, or those of a file that someone wants to contribute."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from melange_cloud.domain.evidence import CitedSource, ConstantsEvidence, EvidenceList, MeasuredRow
from melange_cloud.errors import BadFile, Fault
from melange_cloud.estimator.spec_files import load_calibrations, load_models
from melange_cloud.profiles.evidence.contradictions import contradictions
from melange_cloud.profiles.evidence.evidence_file import load_evidence, read_evidence
from melange_cloud.profiles.evidence.measurement_sources import load_sources

MOST_ROWS = 5_000
"""Limit of rows in a file; comparing them takes seconds if no two have the same size."""


def evidence_list(gpus: Sequence[str] = (), model: str | None = None) -> EvidenceList:
    """The shipped rows of some GPUs and of a model.

    Args:
        gpus: as GPUS names them; none is all.
        model: a shipped one; None is all.
    """
    rows = tuple(
        row for row in load_evidence() if (not gpus or row.gpu in gpus) and (model is None or row.model == model)
    )
    return EvidenceList(
        gpus=tuple(gpus),
        model=model,
        checked=None,
        rows=rows,
        sources=_sources(rows),
        constants=_constants({row.gpu for row in rows}),
        contradictions=tuple(contradictions(rows)),
    )


def checked_evidence(path: Path) -> EvidenceList:
    """The rows of a file, compared with each other and with the shipped ones.

    Raises:
        BadFile: the file or one of its rows would be refused; with all faults, each with line, field and cure.
    """
    found = read_evidence(path, load_sources(), load_models())
    if len(found) > MOST_ROWS:
        raise BadFile([Fault(path, f"has {len(found):,} rows, more than the limit of {MOST_ROWS:,}", cure="split it")])
    shipped = set(load_evidence())
    known = [line for line, row in found if row in shipped]
    if known and len(known) < len(found):
        raise BadFile([Fault(path, "is already among the shipped rows", line, cure="leave it out") for line in known])
    rows = tuple(row for _, row in found)
    return EvidenceList(
        gpus=(),
        model=None,
        checked=str(path),
        rows=rows,
        sources=_sources(rows),
        constants=(),
        contradictions=tuple(contradictions(rows, () if known else load_evidence())),
    )


def _sources(rows: Sequence[MeasuredRow]) -> tuple[CitedSource, ...]:
    counts = Counter(row.source for row in rows if row.source)
    sources = load_sources()
    return tuple(
        CitedSource(
            name=name,
            title=sources[name].title,
            source_url=sources[name].url,
            licence=sources[name].licence,
            date=sources[name].date,
            rows=count,
            constants=sources[name].engine,
        )
        for name, count in counts.items()
    )


def _constants(gpus: set[str]) -> tuple[ConstantsEvidence, ...]:
    return tuple(
        ConstantsEvidence(gpu, era, precision, dict(constants.rows), constants.borrowed)
        for (gpu, era, precision), constants in load_calibrations().items()
        if gpu in gpus
    )
