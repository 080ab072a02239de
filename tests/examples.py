"""Runs the folders of examples/ and says what of their answers is compared."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.questions import NOW

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SHELL = {"SOURCE_DATE_EPOCH": str(int(NOW.timestamp())), "MELANGE_CLOUD_OFFLINE": "1"}
"""Environment of a command: the same ages, the same prices."""


def folders() -> list[Path]:
    return sorted(path.parent for path in EXAMPLES.glob("*/command.txt"))


def run(folder: Path) -> dict[str, Any]:
    """What the example's command answers, as JSON."""
    program, *arguments = shlex.split((folder / "command.txt").read_text(encoding="utf-8"))
    assert program == "melange-cloud"
    result = CliRunner().invoke(app, [*arguments, "--format", "json"], env=SHELL)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def reasons(region: dict[str, Any]) -> dict[str, Any]:
    """Of a plan that starts from a fleet of today: what it changes, and why the cheapest is the cheapest."""
    current, explanation = region["current"], region["explanation"]
    if current is None:
        return {}
    entry_prices = {
        entry["instance_type"]: entry["enters_below_usd_per_hour_each"] for entry in explanation["entry_prices"]
    }
    return {
        "changes": current["changes"],
        "runner_up": explanation["runner_up"]["instances"],
        "quotas": {
            f"{quota['option']} {quota['name']}": round(quota["saving_of_one_more_usd_per_hour"], 6)
            for quota in explanation["quotas"]
        },
        "enters_below_usd_per_hour": {
            name: price if price is None else round(price, 4) for name, price in entry_prices.items()
        },
    }


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """What an example stands for: status, cost and fleet, of every region or of the paper's input; heat map; sweep."""
    if "cells" in document:
        return {
            f"{cell['input_tokens']}x{cell['output_tokens']}": [
                f"{'' if cell['clear'] else '~'}{one['gpu']} {one['tokens_per_s_per_usd_per_hour']:.0f}"
                for one in cell["ranked"]
            ]
            for cell in document["cells"]
        }
    if "sweep" in document:
        return {
            "stretches": [
                {
                    "from": round(part["low"], 4),
                    "to": round(part["high"], 4),
                    "usd_per_hour": part["usd_per_hour_at_low"],
                    "instances": part["instances"],
                }
                for part in document["sweep"]["stretches"]
            ]
        }
    if "regions" not in document:
        return {key: document[key] for key in ("status", "usd_per_hour", "instances")}
    return {
        "regions": [
            {
                "region": f"{region['provider']} {region['region']}",
                "status": region["status"],
                "usd_per_hour": region["usd_per_hour"],
                "usd_per_month": region["usd_per_month"],
                "instances": {
                    f"{line['instance_type']} tp{line['tensor_parallel']}": line["instances"]
                    for line in region["allocations"]
                },
                **reasons(region),
            }
            for region in document["regions"]
        ]
    }


def kept() -> Iterator[tuple[Path, str]]:
    """Each expected.json, as it is now."""
    for folder in folders():
        yield folder / "expected.json", json.dumps(summary(run(folder)), indent=2) + "\n"
