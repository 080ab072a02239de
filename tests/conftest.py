import os

import pytest


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    """What a user may have set, and what pytest-xdist sets (COLUMNS), must not shape an answer."""
    for name in list(os.environ):
        if name in ("COLUMNS", "NO_COLOR", "SOURCE_DATE_EPOCH") or name.startswith("MELANGE_CLOUD_"):
            monkeypatch.delenv(name)
