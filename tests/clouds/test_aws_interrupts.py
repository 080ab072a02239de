"""Ctrl-C, threads, and what importing costs."""

import signal
import subprocess
import sys
import threading

import pytest

from melange_cloud.clouds.aws.pool import side_by_side
from tests.clouds.loopback import Loopback, Reply, Request

_ASK = """
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.clouds.aws.client import Clients, Patience
from melange_cloud.domain import InstanceType
source = AwsPrices(Clients(patience=Patience(read_s=86_400)))
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


def test_calls_run_side_by_side_and_answers_come_as_they_end() -> None:
    second_ended = threading.Event()

    def first() -> str:
        assert second_ended.wait(120)
        return "first"

    def second() -> str:
        return "second"

    ended = []
    for index, answer in side_by_side([first, second], threads=2):
        ended.append((index, answer))
        second_ended.set()
    assert ended == [(1, "second"), (0, "first")]


def test_no_more_threads_than_allowed() -> None:
    running, most, lock, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait(120)  # each runs until three do
        with lock:
            running -= 1

    assert len(list(side_by_side([call] * 9, threads=3))) == 9
    assert most == 3


def test_what_a_call_raises_is_raised_to_the_caller_and_ends_the_rest() -> None:
    threads: set[threading.Thread] = set()
    begun: list[int] = []
    raised = threading.Event()

    def fails() -> None:
        threads.add(threading.current_thread())
        raise ZeroDivisionError

    def later() -> None:
        begun.append(1)
        assert raised.wait(120)

    with pytest.raises(ZeroDivisionError):
        list(side_by_side([fails] + [later] * 50, threads=1))
    raised.set()
    [thread] = threads
    thread.join(120)
    assert not thread.is_alive()
    assert len(begun) <= 1


def test_no_calls_are_no_answers() -> None:
    assert list(side_by_side([], threads=4)) == []
