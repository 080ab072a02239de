"""One service of google-cloud-compute is imported in place of ninety, and nobody else in the process is the poorer."""

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from melange_cloud.clouds.gcp.one_service import machine_types_client_class

def services():
    return sum(name.endswith(".client") and ".compute_v1.services." in name for name in sys.modules)

client = machine_types_client_class()
again = machine_types_client_class()
alone = services()
from google.cloud import compute_v1
untouched = services()
from google.cloud.compute_v1 import InstancesClient, MachineTypesClient
print(json.dumps({
    "alone": alone,
    "untouched": untouched,
    "all": services(),
    "same": client is again is MachineTypesClient is compute_v1.MachineTypesClient is machine_types_client_class(),
    "types": compute_v1.types.Instance is compute_v1.Instance,
    "version": compute_v1.__version__,
    "unknown": hasattr(compute_v1, "NoSuchClient"),
    "collecting": __import__("gc").isenabled(),
}))
"""


def test_the_rest_of_the_package_runs_when_somebody_asks_for_it() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    said = json.loads(ran.stdout)
    assert said["alone"] == said["untouched"] == 1
    assert said["all"] > 50
    assert said["same"]
    assert said["types"]
    assert said["version"][0].isdigit()
    assert not said["unknown"]
    assert said["collecting"]


def test_a_package_that_is_not_installed_is_named() -> None:
    script = (
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *_: None if 'compute_v1' in name else found(name)\n"
        "from melange_cloud.clouds.gcp.one_service import machine_types_client_class\n"
        "try: machine_types_client_class()\n"
        "except ModuleNotFoundError as error: print(error.name)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "google.cloud.compute_v1"
