"""Every option that is a number takes plain numbers alone; what it refuses is one short line with exit code 2."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer
from typer.models import OptionInfo
from typer.testing import CliRunner

from melange_cloud.cli.app import app

NO_NUMBERS = ["1_0", "٣", "9" * 5_000 + "x", "\x1b[31m1"]


def options(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    for command in group.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.rstrip("_")
        for parameter in inspect.signature(command.callback).parameters.values():
            wanted, *more = get_args(parameter.annotation) or (None,)
            for info in more:
                flat = {wanted, *get_args(wanted), *(inner for part in get_args(wanted) for inner in get_args(part))}
                if isinstance(info, OptionInfo) and flat & {float, int}:
                    names = [info.default, *(info.param_decls or ()), f"--{parameter.name}"]
                    yield (*path, name), next(n for n in names if isinstance(n, str) and n.startswith("--")), info
    for one in group.registered_groups:
        assert one.typer_instance is not None
        yield from options(one.typer_instance, (*path, str(one.name)))


def refused(*arguments: str, **environment: str) -> str:
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 2, (arguments, result.output)
    (line,) = result.stderr.splitlines()
    assert line.isprintable()
    assert len(line) < 300
    return line


OPTIONS = sorted({(command, name) for command, name, _ in options(app)})


def test_the_options_are_found():
    assert {name for _, name in OPTIONS} >= {"--tpot-ms", "--time-limit", "--tp", "--times", "--slices", "--mean-input"}
    assert all(info.parser is not None for _, _, info in options(app))


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_what_is_no_plain_number_is_refused_in_one_line_that_names_the_option(command, option):
    for word in NO_NUMBERS:
        assert option in refused(*command, f"{option}={word}")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--max-gpus", "A10G=²"), "--max-gpus A10G=²: give NAME=WHOLE NUMBER"),
        (("--max-gpus", "A10G=٣"), "--max-gpus A10G=٣: give NAME=WHOLE NUMBER"),
        (("--max-gpus", "A10G=1_0"), "give NAME=WHOLE NUMBER"),
        (("--max-gpus", "A10G=" + "9" * 5_000), "give a limit from 0 to 1,000,000,000"),
        (("--max-instances", "g5.xlarge=-1"), "give a limit from 0 to 1,000,000,000"),
        (("--max-vcpus", "aws:G=1e3"), "give NAME=WHOLE NUMBER"),
        (("--gpu", "H100:٢"), "after the colon comes the tensor parallel degree"),
        (("--gpu", "H100:" + "9" * 5_000), "after the colon comes the tensor parallel degree"),
        (("--gpu", "x" * 5_000), "--gpu xxx"),
        (("--rate", "1_0"), "--rate 1_0: give requests/s"),
        (("--rate", "٣"), "--rate ٣: give requests/s"),
        (("--rate", "9" * 5_000), "--rate 999"),
        (("--rate", "1e308"), "more than the 1,000,000"),
        (("--rate", "1e-300"), "at least 1e-06"),
        (("--mean-rate", "1e-300"), "at least 1e-06"),
        (("--tpot-ms", "1e308"), "from 0.001 to 1,000,000,000"),
        (("--headroom", "nan"), "give a fraction from 0 to 10"),
        (("--hours-per-month", "1e-300"), "give 1 to 744"),
        (("--time-limit", "9" * 30), "give whole seconds, such as 60, 60s or 5m"),
        (("--time-limit", "999999999999"), "at most 31,536,000"),
        (("--max-age", "٣d"), "--max-age ٣d: give minutes, hours or days"),
        (("--max-age", "9" * 5_000 + "d"), "give minutes, hours or days"),
        (("--stay-within", "٣%"), "give a fraction such as 2%"),
        (("--stay-within", "1e308"), "give a fraction such as 2%"),
        (("--format", "\x1b]0;x\x07" * 999), "Invalid value for '--format'"),
        (("--\x1b[31m",), "no option --"),
        (("x\x1b[31m" * 999,), "unexpected argument x"),
    ],
)
def test_words_with_numbers_in_them(arguments, says):
    assert says in refused("plan", "--region", "us-east-1", "--offline", *arguments)


def test_environment_and_settings_are_read_the_same_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = ("plan", "--region", "us-east-1", "--offline")
    assert "--tpot-ms 1_0" in refused(*here, MELANGE_CLOUD_TPOT_MS="1_0")
    assert "give NAME=WHOLE NUMBER" in refused(*here, MELANGE_CLOUD_MAX_GPUS="A10G=²")
    assert "--offline" in refused("plan", "--region", "us-east-1", MELANGE_CLOUD_OFFLINE="perhaps\x1b[31m")
    assert "SOURCE_DATE_EPOCH=²" in refused(*here, SOURCE_DATE_EPOCH="²")
    for value, says in (
        ("tpot-ms = 1e400", "[plan] tpot-ms: inf: give a number"),
        ("tpot-ms = nan", "[plan] tpot-ms: nan: give a number"),
        (f"time-limit = {'9' * 5_000}", "more than 20 digits"),
        (f"tpot-ms = {'[' * 5_000}", "nested more than 64 levels"),
        ("spare = 1.5", "give a whole number"),
        (f'rate = ["{"x" * 5_000}"]', "[plan] rate: ['xxx"),
    ):
        (tmp_path / "melange-cloud.toml").write_text(f"[plan]\n{value}\n")
        result = CliRunner().invoke(app, here)
        assert result.exit_code == 2, result.output
        assert says in result.stderr.splitlines()[-1]
        assert all(len(line) < 300 and line.isprintable() for line in result.stderr.splitlines())


@pytest.mark.parametrize("size", ["²", "٣", "0", "9" * 5_000, "1000000000", "x"])
def test_a_page_of_no_size_is_as_one_without_a_size(size):
    usual = CliRunner().invoke(app, ["workloads", "list"], env={"COLUMNS": None, "LINES": None})
    odd = CliRunner().invoke(app, ["workloads", "list"], env={"COLUMNS": size, "LINES": size})
    assert (odd.exit_code, odd.output) == (0, usual.output)
