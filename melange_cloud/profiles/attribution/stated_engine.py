"""Finds the measured engine: from the user, else from labels of the results, else from the tool's backend name."""

from collections.abc import Sequence
from dataclasses import replace

from melange_cloud.domain.engines import SPELLINGS, engines_in, plain_engine
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.suggestions import closest, did_you_mean
from melange_cloud.profiles.attribution.held_precision import labels_of_runs, one_of
from melange_cloud.profiles.benchmark_run import BenchmarkRun

LONGEST_TEXT = 80


def with_engine(runs: Sequence[BenchmarkRun], asked: str | None) -> list[BenchmarkRun]:
    """The runs with the engine and version from the option or their labels.

    Without either, the tool's own name for the server is kept: it names the interface, which may be that of another
    engine.

    Raises:
        BadInput: the option is misspelled, or it and the labels name different engines.
    """
    label = one_of("--engine", None, labels_of_runs(runs, ("engine",)), str)
    if asked is None and label is None:
        return list(runs)
    stated = label if asked is None else engine_text(asked)
    if asked is not None and label is not None and engines_in(label) != engines_in(asked):
        raise BadInput(f"--engine {echoed(asked)}: the results say {echoed(label)}")
    versions = dict.fromkeys(labels_of_runs(runs, ("version",)))
    if asked is None and len(versions) == 1 and not any(char.isdigit() for char in stated or ""):
        stated = f"{stated} {next(iter(versions))}"
    return [replace(run, engine=echoed(stated, LONGEST_TEXT)) for run in runs]


def engine_text(asked: str) -> str:
    """An engine and its version from a user, such as ``vLLM 0.12.0``; unknown engines are allowed.

    Raises:
        BadInput: it is empty, or almost the name of a known engine.
    """
    words = asked.split()
    if not words:
        raise BadInput("--engine: give the engine that was measured and its version, such as 'vLLM 0.12.0'")
    name = plain_engine("".join(char for char in words[0] if char.isalpha()))
    if not engines_in(asked) and (close := closest(name, SPELLINGS)):
        raise BadInput(f"--engine {echoed(asked)}: {did_you_mean(dict.fromkeys(SPELLINGS[match] for match in close))}")
    return echoed(" ".join(words), LONGEST_TEXT)
