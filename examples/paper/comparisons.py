"""Throughput: the published figures, and what the shipped profiles of the paper's era give for the same question."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melange_cloud import profiles
from melange_cloud.domain import Kind, MaxTput, Slo
from melange_cloud.errors import BadInput
from melange_cloud.profiles import Profile

HERE = Path(__file__).resolve().parent
ERA = "vllm-0.2.7"
SMALL = "llama-2-7b"
LARGE = "llama-2-70b"
PRECISION = "fp16"

Found = Mapping[Kind, Profile]


@dataclass(frozen=True)
class Beside:
    """A published figure, or the range that it allows, and ours.

    Attributes:
        place: what it is of, such as (input tokens, output tokens) or (GPU, target).
        low, high: what is published; equal where it is one number.
        ours: None where no profile gives one, and ``reason`` says why.
        error: the fraction by which the profiles may be off, of both in quadrature where ours is a ratio.
    """

    place: tuple[Any, ...]
    low: float
    high: float
    ours: float | None
    error: float = 0.0
    reason: str = ""

    @property
    def off(self) -> float | None:
        """By what fraction ours is above (+) or below (-) what is published; 0 inside its range."""
        if self.ours is None:
            return None
        return self.ours / min(max(self.ours, self.low), self.high) - 1


@dataclass(frozen=True)
class Score:
    """How ratios compare: ``winners`` of ``cells`` name the right GPU; ``clear`` ones are beyond profile error."""

    cells: int
    winners: int
    clear: int
    clear_winners: int
    median_off: float
    worst_off: float
    median_ratio: float


def published() -> dict[str, Any]:
    """published.json."""
    document: dict[str, Any] = json.loads((HERE / "published.json").read_text(encoding="utf-8"))
    return document


def load(model: str, gpus: Iterable[str]) -> Found:
    """The profiles of a model in the paper's era; none where the era has none of it."""
    try:
        found, _ = profiles.load_profiles(model, PRECISION, ERA, gpus)
    except BadInput:
        return {}
    return found


def score(rows: Sequence[Beside]) -> Score | None:
    """The score of ratios, where over 1 one GPU wins and under 1 the other; None where nothing can be compared."""
    known = [(row.low, row.ours, row.error) for row in rows if row.ours is not None]
    if not known:
        return None
    offs = [abs(ours / theirs - 1) for theirs, ours, _ in known]
    clear = [(theirs, ours) for theirs, ours, error in known if abs(ours - 1) > error]
    return Score(
        cells=len(known),
        winners=sum((ours > 1) == (theirs > 1) for theirs, ours, _ in known),
        clear=len(clear),
        clear_winners=sum((ours > 1) == (theirs > 1) for theirs, ours in clear),
        median_off=statistics.median(offs),
        worst_off=max(offs),
        median_ratio=statistics.median(ours / theirs for theirs, ours, _ in known),
    )


def _error(served: MaxTput) -> float:
    """The fraction by which a rate may be off, in the direction in which it may be off more."""
    return max(served.error, served.error_down)


def heat_map_7b(paper: Mapping[str, Any], found: Found) -> list[Beside]:
    """T/$ of A100-80GB over T/$ of A10G, no SLO, by (input, output) tokens."""
    table = paper["heat_map_7b"]
    return [
        _ratio(
            (input_tokens, int(output_tokens)),
            1 + percent / 100,
            (Kind("A100-80GB", 1), Kind("A10G", 1)),
            (input_tokens, int(output_tokens), math.inf),
            found,
            paper["usd_per_hour"],
        )
        for output_tokens, row in table["percent_by_output_tokens"].items()
        for input_tokens, percent in zip(table["input_tokens"], row, strict=True)
    ]


def heat_map_70b(paper: Mapping[str, Any], found: Found) -> list[Beside]:
    """T/$ of 2 x H100 over T/$ of 2 x A100-80GB, no SLO, by (input, output) tokens."""
    table = paper["heat_map_70b"]
    rows = []
    for output_tokens, row in table["winner_by_output_tokens"].items():
        for input_tokens, word in zip(table["input_tokens"], row, strict=True):
            lead = 1 + int(word[1:]) / 100
            rows.append(
                _ratio(
                    (input_tokens, int(output_tokens)),
                    lead if word[0] == "h" else 1 / lead,
                    (Kind("H100", 2), Kind("A100-80GB", 2)),
                    (input_tokens, int(output_tokens), math.inf),
                    found,
                    paper["usd_per_hour"],
                )
            )
    return rows


def by_tpot(paper: Mapping[str, Any], found: Found) -> list[Beside]:
    """T/$ of A100-80GB over T/$ of A10G at one size, by (target,)."""
    table = paper["by_tpot"]
    return [
        _ratio(
            (int(target_ms),),
            ratio,
            (Kind("A100-80GB", 1), Kind("A10G", 1)),
            (table["input_tokens"], table["output_tokens"], float(target_ms)),
            found,
            paper["usd_per_hour"],
        )
        for target_ms, ratio in table["ratio_by_tpot_ms"].items()
    ]


def max_tput(paper: Mapping[str, Any], found: Found) -> list[Beside]:
    """Requests/s of one GPU at one size, by (GPU,)."""
    table = paper["max_tput"]
    rows = []
    for gpu, requests_per_s in table["requests_per_s"].items():
        served = found[Kind(gpu, 1)].max_tput(
            table["input_tokens"], table["output_tokens"], Slo(tpot_ms=table["tpot_ms"])
        )
        if isinstance(served, MaxTput):
            rows.append(Beside((gpu,), requests_per_s, requests_per_s, served.requests_per_s, _error(served)))
        else:
            rows.append(Beside((gpu,), requests_per_s, requests_per_s, None, reason=served.reason))
    return rows


def capacity(paper: Mapping[str, Any], shares: Mapping[tuple[float, float], float], found: Found) -> list[Beside]:
    """Requests/s of one GPU on a traffic, 1 / sum of share / MaxTput, by (target, GPU).

    Args:
        shares: of the traffic by (input tokens, output tokens) that a request is charged at.
    """
    rows = []
    for target_ms, by_gpu in paper["arena_capacity"]["requests_per_s_by_tpot_ms"].items():
        for gpu, (low, high) in by_gpu.items():
            profile = found[Kind(gpu, 1)]
            seconds, error, reason = 0.0, 0.0, ""
            for size, share in shares.items():
                served = profile.max_tput(*size, Slo(tpot_ms=float(target_ms)))
                if isinstance(served, MaxTput):
                    seconds += share / served.requests_per_s
                    error = max(error, _error(served))
                else:
                    reason = served.reason
            ours = None if reason else 1 / seconds
            rows.append(Beside((int(target_ms), gpu), low, high, ours, error, reason))
    return rows


def _ratio(
    place: tuple[int, ...],
    theirs: float,
    kinds: tuple[Kind, Kind],
    question: tuple[int, int, float],
    found: Found,
    usd_per_hour: Mapping[str, float],
) -> Beside:
    """T/$ of the first kind over that of the second; the tokens of a request cancel out."""
    input_tokens, output_tokens, tpot_ms = question
    yields, errors = [], []
    for kind in kinds:
        if kind not in found:
            return Beside(place, theirs, theirs, None, reason=f"no profile of {kind} in era {ERA}")
        served = found[kind].max_tput(input_tokens, output_tokens, Slo(tpot_ms=tpot_ms))
        if not isinstance(served, MaxTput):
            return Beside(place, theirs, theirs, None, reason=f"{kind}: {served.reason}")
        yields.append(served.requests_per_s / (usd_per_hour[kind.gpu] * kind.tensor_parallel))
        errors.append(_error(served))
    ratio = yields[0] / yields[1]
    # The same rule as in `profiles heatmap`: |a - b| against the errors of a and b in quadrature, over b.
    return Beside(place, theirs, theirs, ratio, math.hypot(ratio * errors[0], errors[1]))
