"""Ctrl-C, threads, and what importing costs."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from melange_cloud.clouds.aws.pool import side_by_side
from tests.clouds.loopback import Loopback, Reply, in_turn

_ASK = """
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.domain import InstanceType
AwsPrices().fetch(["us-east-1"], ["on_demand"], [InstanceType("aws", "g6.xlarge", "L4", 1, 4, 16, "aws:G")])
"""


def test_an_interrupt_ends_a_hanging_fetch_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with Loopback(in_turn(Reply(fault="hang"))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
        asking = subprocess.Popen([sys.executable, "-c", _ASK], stderr=subprocess.PIPE, text=True)
        began = time.monotonic()
        while not server.requests and time.monotonic() - began < 20:
            time.sleep(0.02)
        assert server.requests
        asking.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        _, said = asking.communicate(timeout=10)
    assert time.monotonic() - interrupted < 3
    assert "KeyboardInterrupt" in said
    assert asking.returncode != 0


def test_importing_it_does_not_import_boto3() -> None:
    code = "import sys, melange_cloud.clouds.aws; print('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_calls_run_side_by_side_and_answers_come_as_they_end() -> None:
    second_ended = threading.Event()

    def first() -> str:
        assert second_ended.wait(5)
        return "first"

    def second() -> str:
        return "second"

    ended = []
    for index, answer in side_by_side([first, second], threads=2):
        ended.append((index, answer))
        second_ended.set()
    assert ended == [(1, "second"), (0, "first")]


def test_no_more_threads_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    assert len(list(side_by_side([call] * 9, threads=3))) == 9
    assert most == 3


def test_what_a_call_raises_is_raised_to_the_caller_and_ends_the_rest() -> None:
    begun: list[int] = []

    def fails() -> None:
        raise ZeroDivisionError

    def later() -> None:
        begun.append(1)
        time.sleep(0.05)

    with pytest.raises(ZeroDivisionError):
        list(side_by_side([fails] + [later] * 50, threads=1))
    time.sleep(0.3)
    assert len(begun) < 10


def test_no_calls_are_no_answers() -> None:
    assert list(side_by_side([], threads=4)) == []
