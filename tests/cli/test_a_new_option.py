"""A new option is a field of a part of the question, and a line of the option table: two files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import melange_cloud

PACKAGE = Path(melange_cloud.__file__).parent

USE = """
import json, sys
from pathlib import Path
from typer.testing import CliRunner
from melange_cloud.cli.app import app

def run(*arguments, **environment):
    common = ["--region", "us-east-1", "--offline", "--gpu", "L4:1", "--spare", "0", "--format", "json"]
    return CliRunner().invoke(app, [*arguments, *common], env=environment)

def said(*arguments, **environment):
    ran = run(*arguments, **environment)
    assert ran.exit_code == 0, ran.output
    document = json.loads(ran.stdout)
    return [document["request"]["slack"], "slack" in document["defaulted"]]

found = {"default": said("plan"), "option": said("plan", "--slack", "0.25")}
found["variable"] = said("plan", MELANGE_CLOUD_SLACK="0.75")
Path("melange-cloud.toml").write_text("[plan]\\nslack = 1\\n")
found["settings file"] = said("plan")
found["sweep"] = said("sensitivity", "--over", "router")
refused = run("plan", "--slack", "2")
found["refusal"] = [refused.exit_code, refused.stderr.splitlines()[-1]]
found["help"] = "How much slack [default: 0.5]." in CliRunner().invoke(app, ["plan", "--help"]).stdout
schema = json.loads(CliRunner().invoke(app, ["schema", "plan"]).stdout)
found["schema"] = schema["$defs"]["PlanBasis"]["properties"]["slack"]["description"]
print(json.dumps(found))
"""


def edited(path: Path, before: str, more: str) -> None:
    """Put more text before a place of a file."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, more + before), encoding="utf-8")


def test_two_files_bring_it_everywhere(tmp_path: Path) -> None:
    """In a copy of the package: command line, environment, settings file, sweep, help, JSON, schema."""
    copy = tmp_path / "checkout"
    shutil.copytree(PACKAGE, copy / "melange_cloud", ignore=shutil.ignore_patterns("__pycache__"))
    for data in ("pricing", "profiles"):
        if (PACKAGE.parent / data).is_dir():  # an installed wheel has them inside the package
            (copy / data).symlink_to(PACKAGE.parent / data)
    described = "        hours_per_month: hours in a billed month."
    edited(copy / "melange_cloud/domain/question.py", described, "        slack: how much slack.\n")
    field = '    slack: float = within(0.5, 0, 1, "give 0 to 1")\n'
    edited(copy / "melange_cloud/domain/question.py", "    hours_per_month: float = within(", field)
    option = 'SLACK = Option("slack", float, "How much slack", "0.5", HOW, field="slack")\n'
    edited(copy / "melange_cloud/cli/options.py", "HOURS_PER_MONTH = Option(", option)
    edited(copy / "melange_cloud/cli/options.py", "HOURS_PER_MONTH,\n)", "SLACK, ")
    ran = subprocess.run(
        [sys.executable, "-c", USE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(copy)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "default": [0.5, True],
        "option": [0.25, False],
        "variable": [0.75, False],
        "settings file": [1, False],
        "sweep": [1, False],
        "refusal": [2, "melange-cloud: --slack 2: give 0 to 1"],
        "help": True,
        "schema": "How much slack.",
    }
