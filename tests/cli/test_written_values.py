"""What people type is understood alike on the command line, in the environment and in the settings file."""

import json

import pytest

HERE = ("--region", "us-east-1", "--offline", "--gpu", "L4:1", "--spare", "0")
TYPED = {
    "rate": ("600/min", "peak_requests_per_s", 10),
    "mean-rate": ("432000/day", "mean_requests_per_s", 5),
    "tpot-ms": ("0.1s", "tpot_ms", 100),
    "ttft-ms": ("30s", "ttft_ms", 30_000),
    "e2e-ms": ("10min", "e2e_ms", 600_000),
    "headroom": ("30 %", "headroom", 0.3),
    "cached-input": ("10%", "cached_input", 0.1),
    "min-host-memory-gib": ("32GiB", "min_host_memory_gib", 32),
    "hours-per-month": ("31d", "hours_per_month", 744),
    "time-limit": ("2m", "time_limit_s", 120),
}
"""Option: what is typed, the key of the answer's request, and its value."""


def test_quantities_with_units_are_understood_wherever_they_are_given(run, tmp_path) -> None:
    options = [word for name, (typed, _, _) in TYPED.items() for word in (f"--{name}", typed)]
    variables = {f"MELANGE_CLOUD_{name.replace('-', '_').upper()}": typed for name, (typed, _, _) in TYPED.items()}
    ways = {"options": run("plan", *HERE, *options, "--format", "json")}
    ways["variables"] = run("plan", *HERE, "--format", "json", **variables)
    lines = [f'{name} = "{typed}"' for name, (typed, _, _) in TYPED.items()]
    (tmp_path / "melange-cloud.toml").write_text("\n".join(["[plan]", *lines]))
    ways["settings"] = run("plan", *HERE, "--format", "json")
    for way, result in ways.items():
        assert result.exit_code == 0, (way, result.output)
        request = json.loads(result.stdout)["request"]
        assert {key: request[key] for _, key, _ in TYPED.values()} == {key: value for _, key, value in TYPED.values()}
    assert len({result.stdout for result in ways.values()}) == 1


def test_the_page_says_what_was_understood(run) -> None:
    page = " ".join(run("plan", *HERE, "--rate", "600/min", "--headroom", "20%", "--tpot-ms", "0.1s").stdout.split())
    assert "peak 10 req/s + 20 % headroom = 12" in page.replace("\N{NO-BREAK SPACE}", " ")


REFUSED = [
    (("--headroom", "20"), "--headroom 20: give a fraction from 0 to 10, such as 20% or 0.2"),
    (("--headroom", "5"), "--headroom 5: write 5% or 500%: a number above 1 may mean either"),
    (("--headroom", "1,5"), "--headroom 1,5: write the number without a comma, such as 1.5 or 1500"),
    (("--headroom", "20ms"), "--headroom 20ms: give a fraction from 0 to 10, such as 20% or 0.2"),
    (("--cached-input", "60"), "--cached-input 60: give a share of the input tokens, such as 60% or 0.6"),
    (("--stay-within", "5"), "--stay-within 5: write 5% or 500%: a number above 1 may mean either"),
    (("--tpot-ms", "0.05"), "--tpot-ms 0.05: write 0.05s or 0.05ms: a number below 1 may mean either"),
    (("--tpot-ms", "100s"), "--tpot-ms 100s: write 100ms, or 100000ms if that is meant"),
    (("--tpot-ms", "100m"), "--tpot-ms 100m: m may be minutes or milliseconds: write min or ms"),
    (("--tpot-ms", "fast"), "--tpot-ms fast: give milliseconds above 0, such as 100, 100ms or 0.1s"),
    (("--ttft-ms", "2h"), "--ttft-ms 2h: give milliseconds above 0, such as 100, 100ms or 0.1s"),
    (("--rate", "36,000/h"), "--rate 36,000/h: write the number without a comma, such as 1.5 or 1500"),
    (("--rate", "864000/day"), "--rate 864000/day: a rate per day is a mean; give the busiest hour's, such as 36000/h"),
    (("--rate", "500 tok/s"), "--rate 500 tok/s: write requests, not tokens: tokens/s divided by the mean tokens of a"),
    (("--rate", "600/m"), "--rate 600/m: write /min or /h: m may be a minute or a month"),
    (("--mean-rate", "5/week"), "--mean-rate 5/week: give requests/s, such as 10, 600/min or 864000/day"),
    (("--min-host-memory-gib", "64G"), "--min-host-memory-gib 64G: write 64GiB or 64GB, which are not the same"),
    (("--hours-per-month", "a lot"), "--hours-per-month a lot: give hours, such as 730"),
    (("--time-limit", "0.5s"), "--time-limit 0.5s: give whole seconds, such as 60, 60s or 5m"),
    (("--max-age", "30"), "--max-age 30: give minutes, hours or days, such as 90m, 12h or 3d"),
    (("--deadline", "soon"), "--deadline soon: give seconds, minutes or hours up to a day, such as 90s, 15m or 1h"),
]


@pytest.mark.parametrize(("typed", "says"), REFUSED)
def test_what_may_mean_something_else_is_refused_in_one_line(run, typed: tuple[str, ...], says: str) -> None:
    result = run("plan", *HERE, *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"melange-cloud: {says}")


def test_numbers_of_the_settings_file_are_judged_as_those_of_the_command_line(run, tmp_path) -> None:
    (tmp_path / "melange-cloud.toml").write_text("[plan]\nheadroom = 5\ntpot-ms = 0.05\ntime-limit = true\n")
    result = run("plan", *HERE)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "melange-cloud: melange-cloud.toml, [plan] headroom: 5: write 5% or 500%: a number above 1 may mean either",
        "melange-cloud: melange-cloud.toml, [plan] tpot-ms: 0.05: write 0.05s or 0.05ms: a number below 1 may mean "
        "either",
        "melange-cloud: melange-cloud.toml, [plan] time-limit: True: give a number, or text such as '60s'",
    ]


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        (("rate", "300/min", "1200/min"), ("rate", "5", "20")),
        (("price:L4", "50%", "2x"), ("price:L4", "0.5", "2")),
    ],
)
def test_the_ends_of_a_sweep_are_in_the_unit_of_what_is_swept(run, arguments, same) -> None:
    def swept(over: str, low: str, high: str) -> str:
        ends = ("--over", over, "--from", low, "--to", high)
        result = run("sensitivity", *HERE, "--format", "json", *ends)
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    assert swept(*arguments) == swept(*same)


def test_an_end_of_a_sweep_that_may_mean_something_else_is_refused(run) -> None:
    for over, typed, says in (
        ("tpot", "0.05", "--from 0.05: write 0.05s or 0.05ms"),
        ("rate", "9 tok/s", "--from 9 tok/s: write requests, not tokens"),
        ("price:L4", "1 USD", "--from 1 USD: give a factor, such as 1.5 or 150%"),
    ):
        result = run("sensitivity", *HERE, "--over", over, "--from", typed)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"melange-cloud: {says}")


def test_a_workload_is_scaled_and_mixed_by_shares_and_rates(run) -> None:
    for typed, same in (
        (("scale", "code-week", "--times", "150%"), ("scale", "code-week", "--times", "1.5")),
        (("scale", "code-week", "--rate", "1500/min"), ("scale", "code-week", "--rate", "25")),
        (("mix", "chat=80%", "document=20%"), ("mix", "chat=0.8", "document=0.2")),
    ):
        results = [run("workloads", *words) for words in (typed, same)]
        assert [result.exit_code for result in results] == [0, 0], results[0].output
        assert results[0].stdout == results[1].stdout
