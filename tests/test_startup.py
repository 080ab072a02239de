"""What `--help` may import: nothing heavy."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["workloads", "--help"], ["profiles", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from melange_cloud.cli.app import app\n"
        f"try: app({arguments!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'pyomo', 'highspy', 'boto3', 'botocore', 'google'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "HEAVY []"


def test_a_plan_does_not_import_pandas():
    code = (
        "import sys\n"
        "import melange_cloud\n"
        "melange_cloud.answer(melange_cloud.Question(regions=('us-east-1',)))\n"
        "print('pandas' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
