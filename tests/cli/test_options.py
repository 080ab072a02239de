"""What help says of an option is what the planner does, for every option of the table."""

import re
from inspect import signature
from typing import get_args

import pytest

from melange_cloud import planner, profiles
from melange_cloud.catalog import load_instance_types
from melange_cloud.cli import options
from melange_cloud.cli.app import app
from melange_cloud.cli.option_type import Option, duration
from melange_cloud.cli.plain_numbers import _callbacks
from melange_cloud.cli.profiles import measure
from melange_cloud.clouds.deadline import deadline_of
from melange_cloud.market.policy import PricePolicy, age_of
from melange_cloud.planner.resolve import resolve
from melange_cloud.profiles.measure.request_sizes import DEFAULT_SIZES
from melange_cloud.report.page import Format

EVERY = (*options.QUESTION, *options.ONE_ANSWER)


def resolved(**more):
    question = planner.Question(regions=("us-east-1",), trust=PricePolicy(offline=True), **more)
    return question, resolve(question, load_instance_types().values())


def default_in_help(option: Option) -> str:
    found = re.search(r"\[default: (.*)\]\.$", option.help())
    return "" if found is None else found[1]


def in_force() -> dict[str, str]:
    """What a question that says nothing gets, as help would write it."""
    question, asked = resolved()
    basis = asked.basis
    _, spot = resolved(purchase="spot")
    beside_weights_gib = basis.fleet.host_memory_floor_gib - asked.choice.weight_gib
    return {
        "model": basis.served.model,
        "era": basis.served.era,
        "engine": basis.served.engine,
        "workload": basis.traffic.workload,
        "tpot_ms": f"{basis.targets.tpot_ms:g}",
        "headroom": f"{100 * basis.traffic.headroom:g}%",
        "cached_input": f"that of the workload's log, else {100 * basis.traffic.cached_input:g}%",
        "router": basis.fleet.router,
        "api_servers": str(basis.served.api_servers),
        "purchase": basis.fleet.purchase,
        "sold_as": basis.fleet.sold_as,
        "spare": f"{basis.fleet.spare}; {spot.basis.fleet.spare} on spot",
        "min_host_memory_gib": f"weights + {beside_weights_gib:g}",
        "max_age": duration(question.market.trust.max_age),
        "deadline": f"{question.market.trust.deadline_s:g}s",
        "solver": basis.calculation.solver,
        "hours_per_month": f"{basis.calculation.hours_per_month:g}",
        "alternatives": str(asked.detail.alternatives),
        "stay_within": f"{100 * asked.detail.stay_within:g}%",
        "rate": f"peak of the workload you choose, else {basis.traffic.peak_requests_per_s:g}",
    }


IN_WORDS = {"precision", "mean_rate", "format_"}
"""Defaults that are a rule: the tests below hold them."""


def test_every_default_in_help_is_the_one_in_force() -> None:
    said = {option.name: default for option in EVERY if (default := default_in_help(option))}
    assert said.keys() - IN_WORDS == in_force().keys()
    assert {name: default for name, default in said.items() if name not in IN_WORDS} == in_force()


def test_the_defaults_that_are_rules() -> None:
    _, asked = resolved(workload="code-week")
    assert asked.basis.traffic.rate_source.startswith("peak of")  # "of the workload you choose where it has arrivals"
    assert asked.basis.traffic.mean_requests_per_s == pytest.approx(16_803_695 / 168 / 3600)  # "the workload's"
    for model in ("llama-3.1-8b", "llama-2-7b"):
        _, asked = resolved(model=model)
        assert asked.basis.served.precision == profiles.choose(model, None, asked.basis.served.era).precision
    assert next(iter(Format)) == "table"


def test_ages_and_deadlines_are_written_as_they_are_read() -> None:
    for text in ("30s", "60s", "90s", "5m", "1h", "90m"):
        assert duration_of(deadline_of(text)) == text
    for text in ("5m", "90m", "12h", "3d"):
        assert duration(age_of(text)) == text


def duration_of(seconds: float) -> str:
    from datetime import timedelta

    return duration(timedelta(seconds=seconds))


def test_no_other_help_writes_a_default_of_the_table_by_hand() -> None:
    """A ``--tpot-ms`` anywhere says ``[default: ...]`` as the table does, or in words that are no number."""
    shared = {name: option for option in EVERY for name in option.spelled}
    for command in _callbacks(app):
        for parameter in signature(command).parameters.values():
            for info in get_args(parameter.annotation)[1:]:
                name = next((word for word in (info.default, *(info.param_decls or ())) if word in shared), None)
                found = re.search(r"\[default: ([0-9.]+)[^]]*\]", info.help or "") if name else None
                assert found is None or found[0] in shared[name].help(), f"{command.__name__} {name}: {info.help}"


def test_each_option_names_a_keyword_of_the_question_once() -> None:
    fields = [option.field for option in EVERY if option.field]
    assert len(fields) == len(set(fields))
    planner.Question(regions=("us-east-1",), **dict.fromkeys(set(fields) - {"regions"}))


def test_the_grid_that_measure_states_is_the_one_it_measures() -> None:
    (info,) = get_args(signature(measure.measure).parameters["sizes"].annotation)[1:]
    inputs, outputs = (re.findall(r"[0-9]+", part) for part in info.help.partition("Default: ")[2].split(" by "))
    assert [(size.input_tokens, size.output_tokens) for size in DEFAULT_SIZES] == [
        (int(before), int(after)) for before in inputs for after in outputs
    ]
