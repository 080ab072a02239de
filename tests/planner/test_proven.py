"""Every solved figure says whether it is proven, also where a solver is cut short."""

import sys
import textwrap

import pytest
from typer.testing import CliRunner

import melange_cloud
from melange_cloud.cli.app import app
from melange_cloud.domain import Status
from melange_cloud.domain.question import FIGURE_LIMIT_S
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.sweep.sensitivity import sensitivity
from melange_cloud.solver.programs.find import GLPSOL_VARIABLE
from tests.questions import NOW, ask
from tests.report import forms
from tests.report.forms import as_json
from tests.solver.problems import toy

OUT_OF_TIME = """
    import re, sys
    at = {name: sys.argv[sys.argv.index(name) + 1] for name in ("--lp", "--write", "--wglp")}
    open(at["--wglp"], "w")
    open(at["--write"], "w").write("s mip 1 1 u 0\\n")
    print("TIME LIMIT EXCEEDED; SEARCH TERMINATED")
"""


@pytest.fixture
def out_of_time(tmp_path, monkeypatch):
    """A glpsol that has found nothing when its time is up."""
    program = tmp_path / "glpsol"
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(OUT_OF_TIME)}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv(GLPSOL_VARIABLE, str(program))


def ask_glpk(**fields):
    return ask(solver="glpk", **fields)


def test_what_is_counted_is_proven_whatever_the_solver_does(out_of_time):
    plan = ask_glpk(peak_requests_per_s=5, time_limit_s=1, explain=True)
    (region,) = plan.regions
    assert (region.status, region.gap) == (Status.OPTIMAL, 0)
    bars = region.context.error_bars
    assert all(end.proven for end in (bars.better, bars.stated, bars.worse, *bars.profiles))
    assert region.context.routers_proven == {"plain": True, "prompt": False, "oracle": False}
    assert {change.status for change in region.context.what_if} == {Status.OPTIMAL}
    assert {fleet.status for fleet in region.context.single_gpu} == {Status.OPTIMAL}
    assert all(entry.proven for entry in region.context.explanation.entry_prices)
    assert all(other.proven for other in region.context.explanation.alternatives)
    page = forms.table(plan, width=200, colour=False)
    assert page.count("not proven") == 2
    assert "(at most; not proven cheapest)" in page.replace("\u00a0", " ")


def test_what_is_cut_short_says_so(out_of_time):
    plan = ask_glpk(peak_requests_per_s=5, router="oracle", time_limit_s=1, explain=True)
    (region,) = plan.regions
    assert region.status is Status.FEASIBLE
    bars = region.context.error_bars
    assert not any(end.proven for end in (bars.better, bars.stated, bars.worse))
    assert not any(swing.proven for swing in bars.profiles)
    assert region.context.routers_proven == {"plain": True, "prompt": False, "oracle": False}
    assert {change.status for change in region.context.what_if} == {Status.FEASIBLE}
    assert not any(entry.proven for entry in region.context.explanation.entry_prices)
    assert not any(other.proven for other in region.context.explanation.alternatives)
    document = as_json(plan)
    assert document.count('"proven": false') >= 3 + len(bars.profiles)
    page = forms.table(plan, width=200, colour=False)
    assert "Not proven, so an upper bound: the better end, as stated and the worse end." in page
    assert "(at most; not proven cheapest)" in page


def test_stretches_of_a_sweep_carry_whether_they_are_proven(out_of_time):
    def stretches(router):
        question = melange_cloud.Question(
            regions=("us-east-1",), solver="glpk", router=router, peak_requests_per_s=3, time_limit_s=1
        )
        return sensitivity(question, "rate", 2.0, 3.0, now=NOW).sweep.stretches

    assert {stretch.status for stretch in stretches("plain")} == {Status.OPTIMAL}
    assert {stretch.status for stretch in stretches("oracle")} == {Status.FEASIBLE}


def test_the_time_of_a_line_is_bounded_and_that_of_the_plan_is_not(monkeypatch):
    given = []

    def listening(problem, *, solver, time_limit_s, **_):
        given.append(time_limit_s)
        return melange_cloud.domain.Solution(Status.UNKNOWN)

    monkeypatch.setattr("melange_cloud.solver.solve", listening)
    monkeypatch.setattr("melange_cloud.solver.solve_for_cost", listening)
    for limit in (None, 2, 60):
        solving = ProblemSolver("auto", limit, FIGURE_LIMIT_S)
        solving.solve_for_cost(toy())
        solving.solve_aside(toy())
        solving.solve(toy())
    assert given == [10, 10, None, 2, 2, 2, 10, 10, 60]


def test_the_help_states_the_time_of_a_line():
    ran = CliRunner().invoke(app, ["plan", "--help"], env={"COLUMNS": "200"})
    assert f"up to {FIGURE_LIMIT_S} s for every other figure" in " ".join(ran.stdout.replace("│", " ").split())
