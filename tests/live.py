"""AWS and GCP together on one loopback server, and a machine of its own for each test: no home, cache, credentials."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clouds.aws_cloud import FakeAws, recorded, recorded_spot
from tests.clouds.gcp_recorded import MACHINES_PATH, SKUS_PATH, read_json, skus
from tests.clouds.loopback import Answer, Loopback, Reply, Request, by_path, loopback_only

_GOOGLE = (SKUS_PATH, MACHINES_PATH)


@contextmanager
def machine_of_its_own(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Path]:
    """Yields the cache folder, not yet made."""
    home = folder / "home"
    home.mkdir()
    with loopback_only(monkeypatch, home):
        monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(folder / "cache"))
        yield folder / "cache"


def both_clouds(aws: Answer | None = None, gcp: Answer | None = None) -> Answer:
    """The recorded answers of both, or what is given in place of one."""
    asked_aws = aws or FakeAws(recorded("gpu_products.json"), recorded_spot())

    def machines(request: Request) -> Reply:
        first, second = read_json("machine_types.json")
        return Reply(second if request.query.get("pageToken") == ["page-2"] else first)

    asked_gcp = gcp or by_path({SKUS_PATH: Reply({"skus": skus()}), MACHINES_PATH: machines})

    def answer(request: Request) -> Reply:
        return (asked_gcp if request.path.startswith(_GOOGLE) else asked_aws)(request)

    return answer


def point_at(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both SDKs ask the server, AWS's with credentials."""
    for name in ("AWS_ENDPOINT_URL_PRICING", "AWS_ENDPOINT_URL_EC2"):
        monkeypatch.setenv(name, server.url)
    for name in ("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", "MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT"):
        monkeypatch.setenv(name, server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
