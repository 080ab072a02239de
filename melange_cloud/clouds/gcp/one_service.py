"""Imports one service of google-cloud-compute; importing all ninety takes 1.3 s more of 2.2 s (version 1.57)."""

import gc
import importlib
import importlib.util
import sys
import threading
from typing import Any

_PACKAGE = "google.cloud.compute_v1"
_importing = threading.Lock()


def machine_types_client_class() -> Any:
    """``google.cloud.compute_v1.MachineTypesClient``.

    The package is left in ``sys.modules`` without being executed; access to any other name executes it, so that
    other code in the process sees no difference.

    Raises:
        ModuleNotFoundError: google-cloud-compute is not installed.
    """
    with _importing:
        collecting = gc.isenabled()
        gc.disable()  # two thousand message classes, none of them garbage: collecting would take a third of the time
        try:
            if _PACKAGE not in sys.modules:
                _put_package_that_runs_later()
            return importlib.import_module(f"{_PACKAGE}.services.machine_types").MachineTypesClient
        finally:
            if collecting:
                gc.enable()


def _put_package_that_runs_later() -> None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named '{_PACKAGE}'", name=_PACKAGE)
    package, loader = importlib.util.module_from_spec(spec), spec.loader

    def run_and_get(name: str) -> Any:
        if vars(package).pop("__getattr__", None) is not None:
            loader.exec_module(package)
        return getattr(package, name)

    sys.modules[_PACKAGE] = package
    # The services ask the package for its version; once that is loaded, the package need not be executed for it.
    importlib.import_module(f"{_PACKAGE}.gapic_version")
    vars(package)["__getattr__"] = run_and_get
