"""Every reader: 200 mutated inputs in process, five through the command line; ``python -m tests.fuzz`` tries more."""

import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from melange_cloud.catalog import load_regions
from melange_cloud.catalog.regions import select_regions
from melange_cloud.cli import option_checks, options, value_types
from melange_cloud.cli.profiles import heatmap, measure
from melange_cloud.cli.workloads.mix import name_and_weight
from melange_cloud.errors import BadInput, MelangeError
from melange_cloud.market.policy import age_of
from melange_cloud.planner.gpus_and_quotas import gpus_asked_for
from melange_cloud.planner.planned_rate import rate_of
from melange_cloud.workload import checked_edges
from melange_cloud.workload.load import load_workload_file
from tests.fuzz import check
from tests.fuzz.mutate import word
from tests.fuzz.readers import READERS, finite

INPUTS, COMMANDS, OPTION_WORDS = 200, 5, 300


REFUSED = ("import-aibrix-simulated", "import-aibrix-unstated", "import-guidellm-v1")
"""Results that are kept because they must be refused."""


@pytest.mark.parametrize("reader", READERS)
def test_valid_inputs_are_read(reader, tmp_path):
    one = READERS[reader]
    for number, seed in enumerate(one.seeds()):
        path = tmp_path / str(number) / one.name
        path.parent.mkdir()
        path.write_bytes(seed)
        with pytest.raises(BadInput) if reader in REFUSED else nullcontext():
            assert finite(one.read(path))


@pytest.mark.parametrize("reader", READERS)
def test_any_input_is_read_or_refused_in_clean_lines(reader):
    for number in range(INPUTS):
        assert check.fault_of(reader, number) is None


@pytest.mark.parametrize("reader", [name for name, one in READERS.items() if one.command])
def test_any_input_ends_a_command_with_a_documented_code(reader):
    for number in range(COMMANDS):
        assert check.fault_of_command(reader, number) is None


of_tpot = value_types.PER_TOKEN_MS.parser("--tpot-ms")
WORD_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "--max-gpus": ("A10G=8", lambda text: option_checks.limits("--max-gpus", [text])),
    "--stay-within": ("2.5%", options.STAY_WITHIN.takes.parser("--stay-within")),
    "--tpot-ms": ("50ms", lambda text: option_checks.latency_targets({"tpot_ms": of_tpot(text)})),
    "--mean-rate": ("600 req/min", value_types.MEAN_RATE_PER_S.parser("--mean-rate")),
    "--weights-gib": ("15GiB", value_types.MEMORY_GIB.parser("--weights-gib")),
    "--time-limit": ("1m30s", value_types.WHOLE_SECONDS.parser("--time-limit")),
    "--rate": ("p99.5", lambda text: rate_of(text, load_workload_file("code-week"))),
    "--max-age": ("12h", age_of),
    "--gpu": ("H100:2,L4", lambda text: gpus_asked_for([text])),
    "--region": ("us-east-1", lambda text: select_regions([text], None, load_regions())),
    "--input-edges": ("100,1000,8000", lambda text: checked_edges(text, "--input-edges")),
    "--size": ("64x64", lambda text: heatmap._over(heatmap.HeatMapAxis.TPOT, text, [])),
    "--sizes": ("128x128,1024x256", lambda text: measure._sizes(text, None)),
    "mix": ("chat=0.8", name_and_weight),
}


@pytest.mark.parametrize("option", WORD_READERS)
def test_any_word_of_an_option_is_read_or_refused_in_clean_lines(option):
    seed, read = WORD_READERS[option]
    assert finite(read(seed))
    for number in range(OPTION_WORDS):
        text = word(seed, random.Random(f"{option} {number}"))  # noqa: S311 inputs, not secrets
        wrong = None
        try:
            if not finite(read(text)):
                wrong = "not finite"
        except MelangeError as refused:
            wrong = check.fault_of_text(str(refused))
        assert wrong is None, (number, text[:100])


def test_an_input_is_the_same_each_time():
    for reader in ("price-sheet", "workload", "settings", "trace-parquet"):
        assert [check.input_of(reader, n) for n in range(20)] == [check.input_of(reader, n) for n in range(20)]
        assert len({check.input_of(reader, n) for n in range(20)}) > 15


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda path: [].pop(), "IndexError"),
        (lambda path: float("nan"), "not finite"),
        (lambda path: {"a": (1.0, [float("inf")])}, "not finite"),
        (lambda path: _refuse("x" * 400), "too long"),
        (lambda path: _refuse(""), "says nothing"),
        (lambda path: _refuse("a\n\nb"), "empty"),
    ],
)
def test_what_a_reader_does_wrong_is_seen(monkeypatch, read, said):
    monkeypatch.setitem(READERS, "settings", replace(READERS["settings"], read=read))
    fault = check.fault_of("settings", 7)
    assert fault is not None
    assert said in fault
    assert fault.endswith("python -m tests.fuzz settings --from 7 --count 1")


def test_control_characters_are_seen():
    assert check.fault_of_text("a\x1b[31m") is not None
    assert check.fault_of_page("a\tb\nc") is None
    assert check.fault_of_page("a\n\x1b]0;t\x07") is not None


def _refuse(text: str) -> Path:
    raise MelangeError(text)
