"""Ctrl-C, threads, and what importing costs."""

import signal
import subprocess
import sys
import threading

import pytest

from tests.clouds.loopback import Loopback, Reply, Request

_ASK = """
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.clouds.aws.client import AwsClients, AwsPatience
from melange_cloud.domain import InstanceType
source = AwsPrices(AwsClients(patience=AwsPatience(read_s=86_400)))
source.fetch(["us-east-1"], ["on_demand"], [InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16, "aws:G")])
"""
"""Waits for a day: only an interrupt ends it."""


def test_an_interrupt_ends_a_hanging_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    asked = threading.Event()

    def hang(request: Request) -> Reply:
        asked.set()
        return Reply(fault="hang")

    with Loopback(hang) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
        asking = subprocess.Popen([sys.executable, "-c", _ASK], stderr=subprocess.PIPE, text=True)
        assert asked.wait(120)
        asking.send_signal(signal.SIGINT)
        _, said = asking.communicate(timeout=120)
    assert "KeyboardInterrupt" in said
    assert asking.returncode != 0


def test_importing_it_does_not_import_boto3() -> None:
    code = "import sys, melange_cloud.clouds.aws; print('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
