import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import live, properties, smoke
from tests.clouds.loopback import Answer, Loopback
from tests.isolation import isolate

# Before any test starts a process: nothing may look for credentials beyond this machine.
os.environ.update(AWS_EC2_METADATA_DISABLED="true", NO_GCE_CHECK="true")
# Under nohup, or in the background of a shell script, Ctrl-C is ignored by all that is started; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
properties.load_profile()


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    isolate(monkeypatch, tmp_path_factory.mktemp("home"))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine of the test's own: yields its price cache, not yet made. Nothing is reached but 127.0.0.1."""
    with live.machine_of_its_own(monkeypatch, tmp_path) as folder:
        yield folder


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Loopback]]:
    """Starts a loopback server that both SDKs are pointed at, with the recorded answers or others."""
    with ExitStack() as servers:

        def start(answer: Answer | None = None, latency_s: float = 0.0) -> Loopback:
            server = servers.enter_context(Loopback(answer or live.both_clouds(), latency_s))
            live.point_at(server, monkeypatch)
            return server

        yield start


def pytest_collection_modifyitems(items):
    for item in items:
        if smoke.belongs(item.nodeid):
            item.add_marker(pytest.mark.smoke)
