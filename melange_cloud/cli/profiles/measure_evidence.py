"""What ``profiles measure`` knows of the server beyond its rates: said before, written as measured rows after."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from melange_cloud.cli import output
from melange_cloud.cli.result_file import refuse_existing
from melange_cloud.errors import BadInput, echoed

if TYPE_CHECKING:
    from melange_cloud.domain.measurement import MeasureQuestion
    from melange_cloud.profiles.measure import GuideLlm, KeptPoints, MeasuredSize, Server
    from melange_cloud.profiles.measure.server_settings import ServerSettings
    from melange_cloud.profiles.measure.session import LoadGenerator


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """What the command line says of the server, checked before it is asked.

    Attributes:
        engine: the user's word for the engine and its version; empty if not given.
        log_path, log: the server's log and what it says; None if not given.
        file: where the measured rows go; None if they are not written.
    """

    engine: str
    log_path: Path | None
    log: "ServerSettings | None"
    file: Path | None


def evidence_options(
    engine: str | None, server_log: Path | None, evidence: Path | None, *, force: bool
) -> EvidenceOptions:
    """The options, with the log read.

    Raises:
        BadInput: an option cannot be right.
        BadFile: the log cannot be read, or is of no server that is known.
    """
    from melange_cloud.profiles.measure import engine_text, read_server_log

    if evidence is not None and evidence.suffix.lower() != ".csv":
        raise BadInput(f"--evidence {echoed(evidence, 200)}: measured rows are CSV; give a file name that ends in .csv")
    if evidence is not None and not evidence.absolute().parent.is_dir():
        raise BadInput(f"--evidence {echoed(evidence, 200)}: folder not found; create it, or give another")
    if evidence is not None:
        refuse_existing(evidence, "--evidence", force=force)
    return EvidenceOptions(
        engine="" if engine is None else engine_text(engine),
        log_path=server_log,
        log=None if server_log is None else read_server_log(server_log),
        file=evidence,
    )


@dataclass(frozen=True, slots=True)
class ServerEvidence:
    """What is known of the server when the measurement starts.

    Attributes:
        settings: of the server.
        generator: makes the load, and reads the GPUs meanwhile where that is possible.
        is_here: whether the GPUs of this machine are the server's.
        file: where the measured rows go; None if they are not written.
    """

    settings: "ServerSettings"
    generator: "LoadGenerator"
    is_here: bool
    file: Path | None

    def write(self, question: "MeasureQuestion", measured: "Sequence[MeasuredSize]", kept: "KeptPoints") -> None:
        """Write the measured rows, where they were asked for.

        Raises:
            MelangeError: the file cannot be written.
        """
        if self.file is None:
            return
        from melange_cloud.domain.evidence import EvidenceList
        from melange_cloud.inputs.write_whole import write_whole
        from melange_cloud.profiles.measure import evidence_rows, processor_name
        from melange_cloud.report.page import Format, written
        from melange_cloud.report.pages.evidence import evidence_page

        host_cpu = processor_name() if self.is_here else None
        rows = tuple(evidence_rows(question, measured, self.settings, kept, host_cpu=host_cpu))
        listed = EvidenceList((), None, None, rows, (), (), ())
        write_whole(self.file, written(evidence_page(listed), Format.CSV, width=None))
        count = "1 measured row" if len(rows) == 1 else f"{len(rows)} measured rows"
        output.note(
            f"wrote {count} to {self.file}; before you contribute, fill in licence and submitter (or source_url), and "
            f"check them: melange-cloud profiles evidence --check {self.file}"
        )


def server_evidence(
    options: EvidenceOptions, server: "Server", question: "MeasureQuestion", tool: "GuideLlm", api_key: str | None
) -> ServerEvidence:
    """Ask the server how it was started, and say what stays unknown.

    Raises:
        BadInput: rows are to be written, and nothing says which engine it is; or the log is of another one.
    """
    from melange_cloud.profiles.measure import (
        MonitoredGenerator,
        NoMonitor,
        find_monitor,
        known_settings,
        settings_of,
        unknown_settings,
    )

    said = settings_of(server, question.served_model, api_key)
    settings, notes = known_settings(said, options.log, options.log_path)
    output.warn(*notes)
    monitor = find_monitor(question.url, question.gpu)
    if options.file is not None:
        if not settings.engine:
            raise BadInput("--evidence: the server does not say what it is; give --engine, such as 'vLLM 0.12.0'")
        unknown = unknown_settings(settings)
        if unknown:
            cure = "; --server-log FILE may have them" if options.log is None else ""
            output.warn(f"unknown about the server, so empty in {options.file}: {', '.join(unknown)}{cure}")
        if isinstance(monitor, NoMonitor):
            output.warn(f"power limit and clock of the GPU stay empty in {options.file}: {monitor.reason}")
    elif isinstance(monitor, NoMonitor) and monitor.other_gpu:
        output.warn(monitor.reason)
    if isinstance(monitor, NoMonitor):
        return ServerEvidence(settings, tool, False, options.file)
    return ServerEvidence(settings, MonitoredGenerator(tool, monitor), True, options.file)
