"""Whoever hands out credentials may mean ill too: one line, in time, and in little memory."""

import json
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from melange_cloud import catalog, concurrency
from melange_cloud.market import gather
from tests.clouds.hostile import NASTY, Clock
from tests.clouds.loopback import Loopback, Reply, Request

DEEP = '{"a":' * 100_000


class Trouble:
    """Answers of a token service, with a clock of their own."""

    def __init__(self) -> None:
        self.clock, self.over = Clock(), threading.Event()

    def drip(self) -> Iterator[bytes]:
        yield b"{"
        while not self.over.wait(0.01):
            yield b" "
            self.clock.advance(10)

    def flood(self) -> Iterator[bytes]:
        while not self.over.is_set():
            yield b" " * 65536

    def answers(self) -> dict[str, Reply]:
        return {
            "drip": Reply(self.drip()),
            "flood": Reply(self.flood()),
            "deep": Reply(DEEP),
            "list": Reply([1, 2]),
            "web page": Reply("<html>hotel</html>"),
            "refusal": Reply({"error": NASTY, "error_description": NASTY, "message": NASTY}, status=400),
            "elsewhere": Reply(status=302, headers={"Location": "http://127.0.0.1:9/token"}),
        }


def service_account(folder, token_uri) -> str:
    """A key file of a Google service account that gets its tokens from our server."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "key.json"
    account = {
        "type": "service_account",
        "client_email": "a@b.c",
        "private_key_id": "1",
        "private_key": key.decode(),
        "token_uri": token_uri,
    }
    file.write_text(json.dumps(account))
    return str(file)


@pytest.mark.parametrize("who", ["aws role", "aws container", "gcp service account"])
def test_a_hostile_token_service_is_one_line_in_time_and_in_little_memory(who, monkeypatch, tmp_path):
    cloud, region = ("gcp", "us-central1") if who.startswith("gcp") else ("aws", "us-east-1")
    selected = [one for one in catalog.load_regions() if one.name == region]
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    for mode in Trouble().answers():
        monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / mode))
        trouble = Trouble()

        def answer(request: Request, trouble: Trouble = trouble, mode: str = mode) -> Reply:
            return trouble.answers()[mode]

        with Loopback(answer) as server:
            if who == "gcp service account":
                monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", service_account(tmp_path, f"{server.url}/token"))
            elif who == "aws role":
                (tmp_path / "token").write_text("a web identity token")
                monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
                monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/test")
                monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
            else:
                monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/role")
            monkeypatch.setattr(concurrency, "monotonic", trouble.clock)
            if mode == "flood":  # tracing costs time
                tracemalloc.start()
            gathered = gather.gather(selected, ["on_demand"])
            if mode == "flood":
                assert tracemalloc.get_traced_memory()[1] < 120e6
                tracemalloc.stop()
            trouble.over.set()
            assert server.requests, mode
        (note,) = gathered.notes
        assert note.startswith("aws" if cloud == "aws" else ("gcp: ", "Google")), note
        assert note.isprintable()
        assert len(note) < 400
