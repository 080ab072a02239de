"""Rates far below one request per second keep their significant digits, on every page."""

import json

import pytest

from melange_cloud.report.text import quantity, short_rate


@pytest.mark.parametrize(
    ("value", "short", "four"),
    [
        (0, "0", "0"),
        (1 / 300, "0.00333", "0.003333"),
        (0.5, "0.5", "0.5"),
        (83.634, "83.6", "83.63"),
        (1155, "1,155", "1,155"),
        (2e-7, "2e-07", "0.0000002"),
        (3e-300, "3e-300", "3.000e-300"),
        (None, "-", "-"),
        (float("nan"), "-", "-"),
    ],
)
def test_what_is_above_nothing_never_reads_zero(value, short, four):
    assert (short_rate(value), quantity(value)) == (short, four)


def test_one_request_per_five_minutes_is_seen_on_every_page(run, alone):
    rows = [f"{300 * at},{100 + at % 7},{50 + at % 5}\n" for at in range(400)]
    (alone / "slow.csv").write_text("timestamp,input_tokens,output_tokens\n" + "".join(rows))
    made = run("workloads", "from-trace", "slow.csv", "--time-unit", "s", "--out", "slow.json")
    assert made.exit_code == 0
    # 12 requests in each hour: 12 / 3,600 s = 0.00333
    assert "mean 0.00333, p95 0.00333, peak 0.00333 requests/s" in made.stderr
    page = " ".join(run("workloads", "show", "slow.json").stdout.split())
    assert "mean 0.00333, p95 0.00333, peak 0.00333 requests/s" in page
    assert "a full bar is 0.00333" in page
    assert json.loads(run("workloads", "show", "slow.json", "--format", "json").stdout)["requests_per_s"][
        "peak"
    ] == pytest.approx(1 / 300)
    asked = ("--offline", "--region", "us-east-1", "--workload", "slow.json", "--rate", "mean")
    assert "0.003333 requests/s" in " ".join(run("plan", *asked).stdout.split())
    swept = ("sensitivity", "--offline", "--region", "us-east-1", "--gpu", "L4", "--workload", "slow.json")
    shown = run(*swept, "--over", "rate", "--from", "0.001", "--to", "0.01").stdout
    assert "from 0.001 to 0.01" in " ".join(shown.split())
