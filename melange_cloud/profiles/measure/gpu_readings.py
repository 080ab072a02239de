"""Reads power limit and clock of the GPUs while a load runs, with this machine's ``nvidia-smi``.

A card at its power limit lowers its clock and serves less than its data sheet promises; an L4 does so in every run.
Readings are taken only if the server runs on this machine; those of an idle GPU do not count.
"""

import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from urllib.parse import urlsplit

from melange_cloud.domain.measurement import MeasureQuestion
from melange_cloud.errors import BadFile, echoed
from melange_cloud.inputs import NotANumber, parse_number, read_text
from melange_cloud.profiles.measure.pace import LoadPoint
from melange_cloud.profiles.measure.resume import readings_file
from melange_cloud.profiles.measure.session import LoadGenerator

PROGRAM = "nvidia-smi"
_QUERY = "--query-gpu=index,name,power.limit,clocks.sm,utilization.gpu"
_EVERY_MS = 500
_MOST_BYTES = 64 * 2**20
_BUSY_PERCENT = 50.0
_ANSWERS_WITHIN_S = 30.0
_ENDS_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class GpuReadings:
    """The GPUs of a replica during one load.

    Attributes:
        power_limit_w: of one GPU, W; None if the driver does not say.
        sm_clock_mhz_mean: mean clock of their cores while they were busy, MHz; None if the driver does not say.
        gpu_count: GPUs of the machine.
    """

    power_limit_w: float | None
    sm_clock_mhz_mean: float | None
    gpu_count: int


@dataclass(frozen=True, slots=True)
class _Reading:
    index: int
    name: str
    power_limit_w: float | None
    sm_clock_mhz: float | None
    utilization_percent: float | None


@dataclass(frozen=True, slots=True)
class GpuMonitor:
    """This machine's ``nvidia-smi``."""

    program: str

    @contextmanager
    def recording(self, file: Path) -> Iterator[None]:
        """Write readings of all GPUs to a file, twice a second, until the block ends."""
        with file.open("wb") as stream:
            command = [self.program, _QUERY, "--format=csv,noheader,nounits", "-lms", str(_EVERY_MS)]
            process = None  # after a Ctrl-C at any time it must not go on reading for ever
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.DEVNULL)
                yield
            finally:
                if process is not None:
                    _end(process)


@dataclass(frozen=True, slots=True)
class NoMonitor:
    """Why the GPUs of a server cannot be read.

    Attributes:
        reason: one clause.
        other_gpu: whether there are GPUs, but none of the kind on which the server is said to run.
    """

    reason: str
    other_gpu: bool = False


@dataclass(frozen=True, slots=True)
class MonitoredGenerator:
    """A load generator with a monitor; readings are next to its report (``readings_file``)."""

    generator: LoadGenerator
    monitor: GpuMonitor

    def run(
        self,
        question: MeasureQuestion,
        load: LoadPoint,
        result: Path,
        api_key: str | None,
        on_tick: Callable[[float], None],
    ) -> str:
        """Like the generator's own ``run``."""
        with self.monitor.recording(readings_file(result)):
            return self.generator.run(question, load, result, api_key, on_tick)


def find_monitor(url: str, gpu: str) -> GpuMonitor | NoMonitor:
    """The monitor of a server's GPUs.

    Args:
        url: the server's address.
        gpu: the GPU on which it is said to run.
    """
    if not _is_here(urlsplit(url).hostname or ""):
        return NoMonitor("the server runs on another machine")
    program = shutil.which(PROGRAM)
    if program is None:
        return NoMonitor(f"{PROGRAM} is not on the PATH")
    try:
        answer = subprocess.run(
            [program, _QUERY, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWERS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return NoMonitor(f"{program} does not start ({echoed(error)})")
    readings = _parsed(answer.stdout)
    if answer.returncode != 0 or not readings:
        return NoMonitor(f"{program} lists no GPU")
    if not any(_is_named(gpu, reading.name) for reading in readings):
        names = ", ".join(sorted({reading.name for reading in readings}))
        return NoMonitor(f"{program} lists {names}: is --gpu {gpu} right?", other_gpu=True)
    return GpuMonitor(program)


def read_readings(file: Path, gpu: str, tensor_parallel: int) -> GpuReadings | None:
    """The readings of the replica's GPUs during a load: the busiest of this name; None if there are too few.

    Args:
        file: written by ``GpuMonitor.recording``; it may be missing.
    """
    try:
        readings = _parsed(read_text(file, _MOST_BYTES))
    except BadFile:
        return None
    by_gpu: dict[int, list[_Reading]] = {}
    for reading in readings:
        by_gpu.setdefault(reading.index, []).append(reading)
    busiest = sorted(
        (index for index, of in by_gpu.items() if _is_named(gpu, of[0].name)),
        key=lambda index: (-(_mean([one.utilization_percent for one in by_gpu[index]]) or 0.0), index),
    )[:tensor_parallel]
    if len(busiest) < tensor_parallel:
        return None
    of_replica = [reading for index in busiest for reading in by_gpu[index]]
    busy = [one for one in of_replica if (one.utilization_percent or 0.0) >= _BUSY_PERCENT]
    return GpuReadings(
        _mean([one.power_limit_w for one in of_replica]), _mean([one.sm_clock_mhz for one in busy]), len(by_gpu)
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDS_WITHIN_S)
    if process.poll() is None:
        process.kill()
        process.wait()


def _parsed(text: str) -> list[_Reading]:
    """Parse lines such as ``0, NVIDIA L4, 72.00, 1380, 100``; the last one may be incomplete."""
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 5 and re.fullmatch(r"[0-9]{1,4}", fields[0]):
            found.append(_Reading(int(fields[0]), echoed(fields[1]), *map(_number, fields[2:])))
    return found


def _number(text: str) -> float | None:
    """A figure; None for ``[N/A]``."""
    try:
        return parse_number(text)
    except NotANumber:
        return None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def _is_named(gpu: str, name: str) -> bool:
    """True if a driver's name, such as ``NVIDIA A100-SXM4-40GB``, may be that of a GPU."""
    return re.search(rf"\b{re.escape(gpu.partition('-')[0])}\b", name) is not None


def _is_here(host: str) -> bool:
    """True if a host is this machine: only its own addresses can be bound."""
    try:
        places = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    for family, kind, protocol, _, address in places:
        with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
            return True
    return False


__all__ = [
    "GpuMonitor",
    "GpuReadings",
    "MonitoredGenerator",
    "NoMonitor",
    "find_monitor",
    "read_readings",
]
