"""Makes profiles/throughput from gpus.toml, models.toml, eras.toml and calibration.toml, byte for byte the same."""

from collections.abc import Iterable
from pathlib import Path

from melange_cloud.errors import BadInput
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.profiles.estimates.profile_text import profile_text


def profile_key(model: str, precision: str, gpu: str, era: str) -> Path:
    """A profile file's place under profiles/throughput."""
    return Path(era) / model / precision / f"{gpu}.csv"


def build(models: Iterable[str] | None = None) -> dict[Path, str]:
    """All shipped profiles: text by place under profiles/throughput.

    Args:
        models: restrict to these names; None is all.
    """
    wanted = None if models is None else set(models)
    texts: dict[Path, str] = {}
    for era in load_eras().values():
        for name, precisions in sorted(era.models.items()):
            if wanted is not None and name not in wanted:
                continue
            for precision in precisions:
                for gpu in load_gpus().values():
                    constants = "fp8" if precision == "fp8" else "fp16"
                    calibration = load_calibrations().get((gpu.name, era.name, constants))
                    if calibration is None:
                        continue
                    text = profile_text(load_models()[name], gpu, era, precision, calibration)
                    if text is not None:
                        texts[profile_key(name, precision, gpu.name, era.name)] = text
    return texts


def differences(texts: dict[Path, str], folder: Path) -> list[str]:
    """How the files under ``folder`` differ from ``texts``, one line per file; empty if they are the same."""
    lines = []
    for place, text in sorted(texts.items()):
        file = folder / place
        if not file.is_file():
            lines.append(f"{place}: is missing")
        elif file.read_bytes() != text.encode():
            lines.append(f"{place}: differs")
    strays = {path.relative_to(folder) for path in folder.rglob("*.csv")} - texts.keys()
    lines.extend(f"{place}: is not made from the TOML files" for place in sorted(strays))
    return lines


def write(texts: dict[Path, str], folder: Path) -> None:
    """Write the profiles under ``folder``; other files there stay.

    Raises:
        BadInput: a file cannot be written.
    """
    for place, text in sorted(texts.items()):
        file = folder / place
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        except OSError as error:
            raise BadInput(f"{file}: cannot be written ({error.strerror}); choose another --out") from error
