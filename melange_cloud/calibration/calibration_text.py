"""Writes calibration.toml: constants with what each row rests on."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from melange_cloud.calibration.calibrate import calibrated, engine_of, made, trials_of, unwatched
from melange_cloud.calibration.constant_groups import COLUMNS, GROUPS, ConstantGroup
from melange_cloud.calibration.trials import Trial
from melange_cloud.estimator.spec_files import FRONT_END_PARTS
from melange_cloud.estimator.specs import FrontEnd
from melange_cloud.inputs import read_text

HEADER = """\
# The estimator's constants, one row per (GPU, era, precision); melange_cloud/estimator/roofline.py has the formulas.
# They are effective numbers that make the formulas meet measurements, not physics: read a row as a whole.
# Made by `melange-cloud maintain calibrate` from profiles/measured; edit calibration/constant_groups.py, not this.
#
#   precision           "fp16" stands for both 16-bit precisions, which are equally fast
#   read_weights        fraction of the memory bandwidth reached when a step reads the weights
#   read_cache          the same for the KV cache; above 1 it makes up for a cache read that other work hides
#   compute             fraction of the dense peak FLOP/s reached in matrix products
#   block_scaled        what of `compute` is left with fp8 weights that carry a scale per block
#   attention           fraction of the 16-bit peak FLOP/s reached by the attention of a prefill
#   step_s              time that every step takes on top, s; the mean over today's engines
#   layer_s             time that every step takes on top per layer: the starts of its kernels, s
#   block_layer_s       the same, only with fp8 weights that carry a scale per block, s
#   step_per_request_s  time that every step takes on top per request in it, s
#   server_share        what an HTTP server in the engine's own process (vLLM 0.x) adds, over step_per_request_s
#   sampling_s          time that every step takes on top per request, GPU and 100,000 words of vocabulary, s
#   prefill_s           time that every prefill takes on top, s
#   cache_loss          reading the cache slows down by 1 + cache_loss x log2(tensor_parallel); the mean over today's
#   link_gb_per_s       all-reduce bandwidth within an instance, GB/s
#   link_latency_s      all-reduce latency, s
#   switch_share        part of an all-reduce that is left where the switch of 8 GPUs adds up (NVLink SHARP)
#   front_end           what the front end of the measured servers, one process, needs of a step, s: that of the engine
#                       which needs the most. Profiles are of the engine behind it: they leave it out
#   engine_step_s, engine_cache_loss, engine_front_end   by engine; an engine that was not measured on a GPU takes as
#                       much longer or shorter than the measured ones as on H100
#   grade               by tensor parallel degree: B calibrated on one or two of this GPU, C on more of them or on
#                       a few points; degrees not named are D
#   rests_on            the measurements, or what the row was borrowed from
#   rows                measured rows of the fit, by source (measured/sources.toml)
#   fitted, chosen      constants that the rows determine; constants set beforehand
#   borrowed            the row that all others come from
"""

_TABLES = {
    "saturation": "saturated runs",
    "closed_loop": "closed-loop runs",
    "open_loop": "runs of random arrivals",
    "static": "static batches",
}


def calibration_text(progress: Callable[[int, int], None] = unwatched) -> str:
    """The text of calibration.toml; ``progress`` as for ``calibrated``."""
    found = calibrated(progress)
    return HEADER + "".join("\n" + _row(group, found[group.key]) for group in GROUPS)


def _row(group: ConstantGroup, values: Mapping[str, float]) -> str:
    entries = _entries(group, values)
    return "".join(["[[calibration]]\n", *(f"{name} = {_toml(value)}\n" for name, value in entries)])


def _entries(group: ConstantGroup, values: Mapping[str, float]) -> Iterator[tuple[str, object]]:
    trials = trials_of(group)
    constants = made(group, values, _engines(trials))
    for name in ("gpu", "era", "precision"):
        yield name, getattr(constants, name)
    for name in COLUMNS:
        yield name, float(getattr(constants, name))
    if constants.front_end.per_prefill_s:
        yield "front_end", _front_end(constants.front_end)
        yield "engine_front_end", {engine: _front_end(law) for engine, law in constants.engine_front_end.items()}
    for name in ("engine_step_s", "engine_cache_loss"):
        by_engine: Mapping[str, float] = getattr(constants, name)
        if len(set(by_engine.values())) > 1:
            yield name, by_engine
    yield "grade", group.grade
    yield "rests_on", _rests_on(group, trials)
    if trials:
        yield "rows", Counter(each.row.source.name for each in trials)
        yield "fitted", group.own
    if group.chosen:
        yield "chosen", tuple(group.chosen)
    if group.borrowed:
        yield "borrowed", ", ".join(group.borrowed)


def _front_end(law: FrontEnd) -> dict[str, float]:
    return {part: getattr(law, part) for part in FRONT_END_PARTS}


def _toml(value: object) -> str:
    """A value as TOML writes it; a float has three digits, an inline table keeps its order."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)  # escaped as TOML's basic strings are
        case int():
            return str(value)
        case float():
            return f"{value:.3g}"
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            entries = ", ".join(f"{_toml(str(name))} = {_toml(item)}" for name, item in value.items())
            return f"{{ {entries} }}" if entries else "{}"
    raise TypeError(f"{value!r} has no place in calibration.toml")


def _engines(trials: list[Trial]) -> list[str]:
    return sorted({engine_of(each) for each in trials})


def _rests_on(group: ConstantGroup, trials: list[Trial]) -> str:
    parts = []
    if trials:
        counts = {table: sum(each.row.table == table for each in trials) for table in _TABLES}
        counted = " and ".join(f"{count} {_TABLES[table]}" for table, count in counts.items() if count)
        days = [each.row.source.date for each in trials]
        years = str(min(days).year) if min(days).year == max(days).year else f"{min(days).year}-{max(days).year}"
        models = sorted({each.row.model for each in trials})
        parts.append(f"{counted} of {', '.join(_engines(trials))}; {', '.join(models)} ({years})")
    if group.borrowed:
        parts.append(f"the rest borrowed from {', '.join(group.borrowed)}" if trials else
                     f"borrowed from {', '.join(group.borrowed)}")  # fmt: skip
    if group.because:
        parts.append(group.because)
    return "; ".join(parts)


def difference(text: str, path: Path) -> str:
    """How a calibration file first differs from the text, one clause; empty if it is the same.

    Raises:
        BadFile: it cannot be read.
    """
    kept = read_text(path)
    if kept == text:
        return ""
    pairs = zip(text.splitlines(), kept.splitlines(), strict=False)
    for number, (fitted, line) in enumerate(pairs, start=1):
        if fitted != line:
            return f"line {number} is {line!r}, but the measurements give {fitted!r}"
    return "the number of lines differs from what the measurements give"
