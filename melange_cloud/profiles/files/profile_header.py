"""The ``# key: value`` lines at the top of a profile file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.domain import GPUS
from melange_cloud.errors import Fault, echoed, shown
from melange_cloud.profiles.files.profile_fields import LONGEST_VALUE, positive, whole
from melange_cloud.profiles.files.profile_format import COLUMNS_OF

REQUIRED = (
    "format", "model", "precision", "gpu", "era", "max_total_tokens", "max_num_seqs", "source", "calibration",
    "made by",
)  # fmt: skip
OPTIONAL = ("weights_gib", "layers", "weight_read_ms", "cache_tokens", "saved", "engine", "doubt", "error_down")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a profile file.

    Attributes:
        max_total_tokens: longest input + output, tokens: the engine's context limit.
        weights_gib: weights of the model in this precision, GiB; None if not stated.
        weight_read_ms: by tensor parallel degree, time to read all weights once; empty if not stated.
        cache_tokens: by tensor parallel degree, tokens that the KV cache holds; empty if not stated.
        layers: of the model; None if not stated.
        saved: when a user saved it, UTC, as 2026-11-22T18:39:12Z; empty if not stated.
        engine: the measured server and its version; empty if not stated.
        doubt: why its measurements are not fully trusted; empty if they are.
        error_down: by what fraction its rates may be lower, if that is more than their ``error``; else None.
    """

    format: str

    model: str
    precision: str
    gpu: str
    era: str
    max_total_tokens: int
    max_num_seqs: int
    source: str
    calibration: str
    made_by: str
    weights_gib: float | None
    weight_read_ms: Mapping[int, float]
    cache_tokens: Mapping[int, int]
    layers: int | None = None
    saved: str = ""
    engine: str = ""
    doubt: str = ""
    error_down: float | None = None


def parse_header(path: Path, lines: list[str], faults: list[Fault]) -> Header | None:
    """The header in these lines; None, with at least one fault, if it is broken."""
    found: dict[str, tuple[int, str]] = {}
    before = len(faults)
    for number, line in enumerate(lines, start=1):
        key, colon, value = line.removeprefix("#").partition(":")
        key, value = key.strip(), echoed(value, LONGEST_VALUE)
        if not colon or key not in (*REQUIRED, *OPTIONAL):
            faults.append(Fault(path, f"has no known key ({', '.join(REQUIRED + OPTIONAL)})", number, key or None))
        elif key in found:
            faults.append(Fault(path, f"repeats line {found[key][0]}; keep one of the two", number, key))
        else:
            found[key] = (number, value)
    faults.extend(
        Fault(path, f"is missing; add a line '# {key}: ...' at the top", field=key)
        for key in REQUIRED
        if key not in found or not found[key][1]
    )
    if len(faults) > before:
        return None
    for key, wanted in (("format", tuple(COLUMNS_OF)), ("gpu", GPUS)):
        number, value = found[key]
        if value not in wanted:
            faults.append(Fault(path, f"is {shown(value)}; it must be {' or '.join(wanted)}", number, key))
    limits = {
        key: whole(path, found[key][0], key, found[key][1], faults) for key in ("max_total_tokens", "max_num_seqs")
    }
    reads = _by_degree(path, found.get("weight_read_ms"), "weight_read_ms", faults)
    cache_tokens = _by_degree(path, found.get("cache_tokens"), "cache_tokens", faults)
    weights, layers = found.get("weights_gib"), found.get("layers")
    if found["format"][1] not in COLUMNS_OF:
        return None
    return Header(
        format=found["format"][1],
        model=found["model"][1],
        precision=found["precision"][1],
        gpu=found["gpu"][1],
        era=found["era"][1],
        max_total_tokens=limits["max_total_tokens"],
        max_num_seqs=limits["max_num_seqs"],
        source=found["source"][1],
        calibration=found["calibration"][1],
        made_by=found["made by"][1],
        weights_gib=positive(path, weights[0], "weights_gib", weights[1], faults) if weights else None,
        weight_read_ms=reads,
        cache_tokens={degree: int(tokens) for degree, tokens in cache_tokens.items()},
        layers=whole(path, layers[0], "layers", layers[1], faults) if layers else None,
        saved=found["saved"][1] if "saved" in found else "",
        engine=found["engine"][1] if "engine" in found else "",
        doubt=found["doubt"][1] if "doubt" in found else "",
        error_down=_error_down(path, found.get("error_down"), faults),
    )


def _error_down(path: Path, found: tuple[int, str] | None, faults: list[Fault]) -> float | None:
    if found is None:
        return None
    number, text = found
    value = positive(path, number, "error_down", text, faults)
    if value > 1:
        faults.append(Fault(path, f"is {shown(text)}; it must be a fraction of at most 1", number, "error_down"))
    return value


def _by_degree(path: Path, found: tuple[int, str] | None, key: str, faults: list[Fault]) -> dict[int, float]:
    """Parse ``1=53.5 2=26.8`` to {1: 53.5, 2: 26.8}."""
    if found is None:
        return {}
    number, text = found
    values: dict[int, float] = {}
    for item in text.split():
        degree, _, value = item.partition("=")
        values[whole(path, number, key, degree, faults)] = positive(path, number, key, value, faults)
    return values
