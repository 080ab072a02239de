"""What somebody sees who does not know the program yet: no command, wrong words, the list of commands."""

import re

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), prog_name="melange-cloud", env={"COLUMNS": "80"})


def test_alone_it_says_what_to_try_first_and_every_line_works() -> None:
    said = run()
    assert (said.exit_code, said.stdout) == (2, "")
    lines = said.stderr.splitlines()
    assert len(lines) <= 6
    commands = [re.split(r"  +", line.strip())[0].split() for line in lines if line.startswith("  melange-cloud ")]
    assert commands[0][1:] == ["plan", "--region", "us-east-1"]
    for _, *arguments in commands[1:]:
        assert run(*arguments).exit_code == 0


def test_commands_are_in_panels_with_plans_first() -> None:
    titles = re.findall(r"^(\w.*):$", run("--help").stdout, re.MULTILINE)
    assert titles == ["Plans", "Prices, traffic and profiles", "More", "Options", "Example"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "us-east-1"), "unexpected argument us-east-1; did you mean --region us-east-1?"),
        (("plan", "H100"), "unexpected argument H100; did you mean --gpu H100?"),
        (("plan", "chat"), "unexpected argument chat; did you mean --workload chat?"),
        (("plan", "zzz"), "unexpected argument zzz; see melange-cloud plan --help"),
        (("workloads", "show", "chat", "code"), "unexpected argument code; see melange-cloud workloads show --help"),
        (("plan", "--regoin", "x"), "no option --regoin; did you mean --region? See melange-cloud plan --help"),
        (("--region", "x"), "no option --region; did you mean melange-cloud plan --region? See melange-cloud --help"),
        (
            ("plan", "--re", "x"),
            "no option --re; did you mean --region, --refresh or --require-fresh? See melange-cloud plan --help",
        ),
        (("plan", "-f"), "Option '-f' requires an argument; see melange-cloud plan --help"),
        (("plan", "--zzz"), "no option --zzz; see melange-cloud plan --help"),
        (("plan", "--frobnicate"), "no option --frobnicate; see melange-cloud plan --help"),
        (("plan", "--chart"), "no option --chart; see melange-cloud plan --help"),
        (("plan", "--tptms", "9"), "no option --tptms; see melange-cloud plan --help"),
        (("plan", "--wrkload", "x"), "no option --wrkload; did you mean --workload? See melange-cloud plan --help"),
        (("plan", "--spar", "1"), "no option --spar; did you mean --spare? See melange-cloud plan --help"),
        (
            ("--install-completion",),
            "no option --install-completion; use melange-cloud completion. See melange-cloud --help",
        ),
        (("workload", "list"), "no command workload; did you mean workloads? See melange-cloud --help"),
        (("estimate",), "no command estimate; did you mean melange-cloud profiles estimate? See melange-cloud --help"),
        (("build",), "no command build; see melange-cloud --help"),
        (("frobnicate",), "no command frobnicate; see melange-cloud --help"),
        (("plan",), "give --region NAME (such as us-east-1), a glob ('eu-*') or all"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_wrong_word_is_one_line_with_the_cure(arguments: tuple[str, ...], said: str) -> None:
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == f"melange-cloud: {said}\n"
