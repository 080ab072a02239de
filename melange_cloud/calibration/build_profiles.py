"""What maintainers keep of the estimated profiles: a fingerprint of each, and the measured points pinned over them.

The estimates themselves are computed when they are asked (``profiles/estimates/estimate_table.py``). Their fingerprints
say that they are the same on every machine, and in a change which of them moved.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from melange_cloud.errors import BadInput
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.profiles.estimates.estimate_table import EstimateTable, estimate_table

FINGERPRINTS = Path("fingerprints.csv")
_COLUMNS = "era,model,precision,gpu,sizes,points,sha256"


def estimates(models: Iterable[str] | None = None) -> Iterator[EstimateTable]:
    """The estimates of every shipped model, era and precision on every GPU that has constants and can hold it.

    Args:
        models: restrict to these names; None is all.
    """
    wanted = None if models is None else set(models)
    for era in load_eras().values():
        for name, precisions in sorted(era.models.items()):
            if wanted is not None and name not in wanted:
                continue
            for precision in precisions:
                for gpu in load_gpus().values():
                    constants = load_calibrations().get((gpu.name, era.name, "fp8" if precision == "fp8" else "fp16"))
                    if constants is not None and gpu.peak_tflops(precision) is not None:
                        table = estimate_table(load_models()[name], gpu, era, precision, constants)
                        if table is not None:
                            yield table


def fingerprints(models: Iterable[str] | None = None) -> str:
    """One line per estimated profile: its sizes and operating points, and the SHA-256 of its profile file."""
    lines = [_COLUMNS]
    for table in estimates(models):
        header = table.header
        sizes = sum(len(table.sizes(kind)) for kind in table.replicas)
        text = table.text
        points = sum(not line.startswith("#") for line in text.splitlines()) - 1
        digest = hashlib.sha256(text.encode()).hexdigest()
        lines.append(f"{header.era},{header.model},{header.precision},{header.gpu},{sizes},{points},{digest}")
    return "\n".join(lines) + "\n"


def differences(texts: Mapping[Path, str], folder: Path) -> list[str]:
    """How the files under ``folder`` differ from ``texts``, one line per file; empty if they are the same."""
    lines = []
    for place, text in sorted(texts.items()):
        file = folder / place
        if not file.is_file():
            lines.append(f"{place}: is missing")
        elif file.read_bytes() != text.encode():
            lines.append(f"{place}: differs")
    strays = {path.relative_to(folder) for path in folder.rglob("*.csv")} - texts.keys()
    lines.extend(f"{place}: is not made from the measurements" for place in sorted(strays))
    return lines


def different_estimates(text: str, folder: Path) -> list[str]:
    """The estimated profiles that are not what the kept fingerprints say, one line each."""
    file = folder / FINGERPRINTS
    if not file.is_file():
        return [f"{FINGERPRINTS}: is missing"]
    made, kept = (set(lines.splitlines()) for lines in (text, file.read_text(encoding="utf-8", errors="replace")))
    names = sorted({" ".join(line.split(",")[:4]) for line in made ^ kept})
    return [f"{FINGERPRINTS}: the estimate of {name} differs" for name in names]


def write(texts: Mapping[Path, str], folder: Path) -> None:
    """Write files under ``folder``; others there stay.

    Raises:
        BadInput: a file cannot be written.
    """
    for place, text in sorted(texts.items()):
        file = folder / place
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        except OSError as error:
            raise BadInput(f"{file}: cannot be written ({error.strerror}); choose another --output") from error
