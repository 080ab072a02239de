"""Regenerates the paper's figures with its prices and engine era, and prints beside each what we get.

    python examples/paper/reproduce.py              report.md, summary.txt, expected.json and the
                                                    pictures, beside this file
    python examples/paper/reproduce.py --out DIR    the same elsewhere

Same profiles, same bytes. The report also goes to stdout. Pictures need matplotlib: pip install 'melange-cloud[plots]'.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import charts
import comparisons
import pages
from comparisons import HERE, LARGE, SMALL, Beside
from fleets import Costs, all_costs, mean_sizes, upper_edges

from melange_cloud.errors import MelangeError
from melange_cloud.inputs.write_whole import write_whole
from melange_cloud.report.chart_drawing import drawn
from melange_cloud.report.charts import Chart
from melange_cloud.workload import load_workload


def main() -> int:
    """Write everything; 0, or 1 with one line where something is missing."""
    parser = argparse.ArgumentParser(description="Regenerate the paper's figures beside ours.")
    parser.add_argument("--out", type=Path, default=HERE, help="folder; default: this example's own")
    folder = parser.parse_args().out
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in texts_and_pictures().items():
            write_whole(folder / name, content)
    except (MelangeError, OSError) as error:
        sys.stderr.write(f"reproduce.py: {error}\n")
        return 1
    sys.stdout.write((folder / "report.md").read_text(encoding="utf-8"))
    return 0


def texts_and_pictures() -> dict[str, str | bytes]:
    """Every file that this example makes, by name."""
    paper = comparisons.published()
    small = comparisons.load(SMALL, paper["usd_per_hour"])
    large = comparisons.load(LARGE, ("A100-80GB", "H100"))
    chat = load_workload("chat")
    found = {
        "heat_map_7b": comparisons.heat_map_7b(paper, small),
        "heat_map_70b": comparisons.heat_map_70b(paper, large),
        "by_tpot": comparisons.by_tpot(paper, small),
        "max_tput": comparisons.max_tput(paper, small),
        "arena_capacity": comparisons.capacity(paper, upper_edges(chat, paper["edges"]), small),
        "arena_capacity_mean": comparisons.capacity(paper, mean_sizes(chat), small),
    }
    answers = all_costs(paper, small)
    weight_read_ms = next(profile.weight_read_ms for kind, profile in small.items() if kind.gpu == "L4")
    document = load_workload("document")
    facts = {
        "interpolated": pages.interpolated(paper, paper["by_tpot"]["input_tokens"]),
        "read_ms": weight_read_ms or 0.0,
        "our_in": chat.mean_input_tokens,
        "our_out": chat.mean_output_tokens,
        "beyond": round(
            (document.requests or 0)
            * sum(
                bucket.share
                for bucket in document.buckets
                if bucket.input_high_tokens > paper["edges"]["input_tokens"][-1]
                or bucket.output_high_tokens > paper["edges"]["output_tokens"][-1]
            )
        ),
    }
    files: dict[str, str | bytes] = {
        "report.md": pages.report(paper, found, answers, facts),
        "summary.txt": pages.summary(paper, found, answers),
        "expected.json": expected(found, answers),
    }
    for name, chart in all_charts(found, answers).items():
        files[name] = drawn(chart, "svg")
    return files


def all_charts(found: Mapping[str, Sequence[Beside]], answers: Sequence[Costs]) -> dict[str, Chart]:
    """The pictures, by file name."""
    ours_are = f"era {comparisons.ERA}, estimated"
    made = {
        "heat-map-7b.svg": charts.heat_map(found["heat_map_7b"], "A100-80GB", "A10G", "Llama-2-7B", ours_are),
        "by-tpot.svg": charts.by_tpot(found["by_tpot"], f"profiles of {ours_are}"),
        "costs.svg": charts.costs(answers),
    }
    if any(row.ours is not None for row in found["heat_map_70b"]):
        made["heat-map-70b.svg"] = charts.heat_map(
            found["heat_map_70b"], "H100", "A100-80GB", "Llama-2-70B on two GPUs", ours_are
        )
    return made


def expected(found: Mapping[str, Sequence[Beside]], answers: Sequence[Costs]) -> str:
    """What the example stands for, as JSON: every figure of ours, four digits, and every fleet with its cost."""
    figures: dict[str, Any] = {
        name: {"/".join(map(str, row.place)): _rounded(row.ours) for row in rows} for name, rows in found.items()
    }
    figures["scores"] = {
        name: {key: _rounded(value) for key, value in asdict(one).items()}
        for name in ("heat_map_7b", "heat_map_70b", "by_tpot")
        if (one := comparisons.score(found[name])) is not None
    }
    figures["costs"] = [
        {
            "workload": one.workload,
            "tpot_ms": one.tpot_ms,
            "requests_per_s": one.requests_per_s,
            "mix_usd_per_hour": round(one.mix_usd_per_hour, 6),
            "shares_usd_per_hour": round(one.shares_usd_per_hour, 6),
            "fleet": dict(one.fleet),
            "single_usd_per_hour": {
                gpu: None if usd is None else round(usd, 6) for gpu, usd in one.single_usd_per_hour.items()
            },
        }
        for one in answers
    ]
    return json.dumps(figures, indent=2) + "\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


if __name__ == "__main__":
    sys.exit(main())
