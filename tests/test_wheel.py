"""The wheel carries its data: built, installed into a fresh environment, it plans from there."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_data_and_nothing_that_git_ignores(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"melange_cloud"}
    for shipped in ("pricing/on_demand.csv", "profiles/gpus.toml", "profiles/workloads/conversation.json"):
        assert f"melange_cloud/_data/{shipped}" in names
    assert "melange_cloud/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_an_installed_wheel_plans_from_its_own_data(wheel, tmp_path):
    """Unpacked beside the dependencies of this environment, started elsewhere: nothing of the checkout is seen."""
    home = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(home)
    code = (
        "import melange_cloud, sys, json\n"
        "from melange_cloud.shipped import shipped\n"
        "plan = melange_cloud.answer(melange_cloud.Question(regions=('us-east-1',)))\n"
        "print(json.dumps([str(shipped('pricing')), plan.regions[0].status, plan.regions[0].fleet_usd_per_hour]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(home)}
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    pricing, status, usd_per_hour = json.loads(ran.stdout)
    assert pricing.startswith(str(home))
    assert status == "optimal"
    assert usd_per_hour > 0
