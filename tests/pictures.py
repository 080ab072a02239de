"""Makes the pictures of examples/heat-map and examples/over-rate, and all of examples/paper.

Tests compare the texts of a picture (titles, labels, every number in it) and not its bytes, which move with the version
of matplotlib.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.examples import EXAMPLES, SHELL

HEAT_MAP = EXAMPLES / "heat-map" / "heatmap.svg"
OVER_RATE = EXAMPLES / "over-rate" / "rate.svg"
PAPER = EXAMPLES / "paper"


def texts(svg: str) -> list[str]:
    """The texts of an SVG, in its order."""
    return [re.sub(r"<[^>]*>", "", text).strip() for text in re.findall(r"<text\b.*?</text>", svg, re.DOTALL)]


def heat_map(out: Path) -> None:
    """Draw the heat map that the README shows."""
    arguments = ["profiles", "heatmap", "--region", "us-east-1", "--out", str(out)]
    result = CliRunner().invoke(app, arguments, env=SHELL)
    assert result.exit_code == 0, result.output


def over_rate(out: Path) -> None:
    """Draw the sweep that the README shows."""
    arguments = ["sensitivity", "--region", "us-east-1", "--over", "rate", "--from", "1", "--to", "32"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)], env=SHELL)
    assert result.exit_code == 0, result.output


def paper(out: Path) -> str:
    """Run examples/paper into a folder; what it prints."""
    # Without byte code, which would lie in the example's folder.
    environment = {**os.environ, **SHELL, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(PAPER / "reproduce.py"), "--out", str(out)]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=environment).stdout


def kept() -> Iterator[tuple[Path, str]]:
    """The pictures of the two examples, as they are drawn now."""
    with tempfile.TemporaryDirectory() as folder:
        for path, draw in ((HEAT_MAP, heat_map), (OVER_RATE, over_rate)):
            draw(Path(folder) / path.name)
            yield path, (Path(folder) / path.name).read_text(encoding="utf-8")


def kept_of_paper() -> Iterator[tuple[Path, str]]:
    """All that examples/paper makes, as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        paper(Path(folder))
        for made in sorted(Path(folder).iterdir()):
            yield PAPER / made.name, made.read_text(encoding="utf-8")
