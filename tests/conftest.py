import os
import signal

import hypothesis
import pytest

from tests import smoke

# Before any test starts a process: nothing may look for credentials beyond this machine.
os.environ.update(AWS_EC2_METADATA_DISABLED="true", NO_GCE_CHECK="true")
# Under nohup, or in the background of a shell script, Ctrl-C is ignored by all that is started; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The same examples on every machine, however slow: a suite that turns red has met a change, not chance or a clock.
# `--hypothesis-profile explore` looks at new examples, and prints how to repeat what it finds.
_NO_CLOCK = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow], "print_blob": True}
hypothesis.settings.register_profile("same", derandomize=True, **_NO_CLOCK)
hypothesis.settings.register_profile("explore", derandomize=False, **_NO_CLOCK)
hypothesis.settings.load_profile("same")

CREDENTIALS = ("AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_")


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch, tmp_path_factory):
    """What a user may have set, and what pytest-xdist sets (COLUMNS), must not shape an answer."""
    for name in set(os.environ) - {"AWS_EC2_METADATA_DISABLED"}:
        if name in ("COLUMNS", "NO_COLOR", "SOURCE_DATE_EPOCH") or name.startswith(("MELANGE_CLOUD_", *CREDENTIALS)):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(home / "cache"))


@pytest.fixture(autouse=True)
def time_to_prove(monkeypatch):
    """A figure beside the plan is proven on a busy machine, too; how long it may take there is no test's business."""
    monkeypatch.setattr("melange_cloud.planner.answer_question.LINE_LIMIT_S", 60)


def pytest_collection_modifyitems(items):
    for item in items:
        if smoke.belongs(item.nodeid):
            item.add_marker(pytest.mark.smoke)
