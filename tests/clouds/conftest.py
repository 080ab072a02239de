"""Every test of the clouds runs against 127.0.0.1 and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clouds.loopback import loopback_only


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    empty_home = tmp_path / "home"
    empty_home.mkdir()
    with loopback_only(monkeypatch, empty_home):
        yield
