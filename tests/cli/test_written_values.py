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
    assert "10 requests/s + 20 %, 1,155 in / 211 out tokens*, mean TPOT <= 100 ms" in page.replace(
        "\N{NO-BREAK SPACE}", " "
    )


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


NAMES = {
    "region": ("US-EAST-1,us-west-2", "us-east-1 us-west-2"),
    "provider": ("Amazon", ""),
    "model": ("meta-llama/Llama-3.1-8B-Instruct", "model"),
    "precision": ("BFloat16", "precision"),
    "engine": ("vLLM", "engine"),
    "workload": ("Chat", "workload"),
    "router": ("Plain", "router"),
    "gpu": ("nvidia-l4,A10G", "gpus"),
    "purchase": ("RI-1y", "purchase"),
    "max-gpus": ("nvidia-a100-80gb=8,a10g=40", "max_gpus"),
    "max-vcpus": ("G=960", "max_vcpus"),
    "solver": ("HiGHS", "solver"),
}
"""Option: what is typed, and the key of the answer's request."""

UNDERSTOOD = {
    "model": "llama-3.1-8b", "precision": "bf16", "engine": "vllm", "workload": "chat", "router": "plain",
    "gpus": ["A10G", "L4"], "purchase": "commit_1y", "max_gpus": {"A100-80GB": 8, "A10G": 40},
    "max_vcpus": {"aws:G": 960}, "solver": "highs",
}  # fmt: skip


def test_names_are_understood_wherever_they_are_given(run, tmp_path) -> None:
    offline = ("--offline", "--format", "json")
    options = [word for name, (typed, _) in NAMES.items() for word in (f"--{name}", typed)]
    variables = {f"MELANGE_CLOUD_{name.replace('-', '_').upper()}": typed for name, (typed, _) in NAMES.items()}
    ways = {"options": run("plan", *offline, *options), "variables": run("plan", *offline, **variables)}
    lines = [f'{name} = "{typed}"' for name, (typed, _) in NAMES.items()]
    (tmp_path / "melange-cloud.toml").write_text("\n".join(["[plan]", *lines]))
    ways["settings"] = run("plan", *offline)
    for way, result in ways.items():
        assert result.exit_code == 0, (way, result.output)
        document = json.loads(result.stdout)
        assert sorted(region["region"] for region in document["regions"]) == ["us-east-1", "us-west-2"]
        assert {key: document["request"][key] for key in UNDERSTOOD} == UNDERSTOOD
    assert len({result.stdout for result in ways.values()}) == 1


NOT_KNOWN = [
    (("--gpu", "H200"), "--gpu H200: not supported; known are L4, A10G, A100-40GB, A100-80GB and H100"),
    (("--gpu", "L4,A100"), "--gpu A100: comes in several sizes; give A100-40GB or A100-80GB"),
    (("--gpu", "H100x2"), "--gpu H100x2: for 2 GPUs per replica give H100:2"),
    (("--max-gpus", "B200=8"), "--max-gpus B200=8: not supported; known are L4, A10G"),
    (("--max-gpus", "a10g=8", "--max-gpus", "nvidia-a10g=9"), "--max-gpus A10G: given twice, as 8 and 9"),
    (("--max-vcpus", "aws:G=96,G=48"), "--max-vcpus aws:G: given twice, as 96 and 48"),
    (("--max-instances", "g5.xlarge=1,G5.XLARGE=2"), "--max-instances g5.xlarge: given twice, as 1 and 2"),
    (("--max-gpus", "8"), "--max-gpus 8: give NAME=WHOLE NUMBER, such as H100=8"),
    (("--max-instances", "g6e.xlarge=2"), "--max-instances g6e.xlarge=2: not supported; known are a2*, a3*, g2*, g5*"),
    (("--max-vcpus", "Z=96"), "--max-vcpus Z=96: not supported; known are aws:G, aws:P, gcp:A2, gcp:A3 and gcp:G2"),
    (("--purchase", "ri"), "--purchase ri: for how long? Give commit_1y or commit_3y (AWS: standard RI; Google: CUD)"),
    (
        ("--purchase", "savings-plan"),
        "--purchase savings-plan: prices of Savings Plans are not supported; give commit_1y",
    ),
    (("--provider", "azure"), "--provider azure: not supported; known are aws and gcp"),
    (("--region", "azure:eastus"), "region 'azure:eastus', cloud 'azure': not supported; known are aws and gcp"),
    (("--model", "gpt-4"), "--model gpt-4: not supported; known are llama-3.1-8b, llama-3.1-70b"),
    (
        ("--model", "llama-3.3-70b"),
        "--model llama-3.3-70b: not shipped; use llama-3.1-70b, which has the same shape and speed",
    ),
    (("--model", "Llama-3.1-8B-FP8"), "--model Llama-3.1-8B-FP8: did you mean --model llama-3.1-8b --precision fp8?"),
    (("--precision", "int4"), "--precision int4: not supported; known are bf16, fp16 and fp8"),
    (("--engine", "tgi"), "--engine tgi: not supported; known are vllm, sglang, tensorrt-llm and mean"),
    (("--era", "2024"), "--era 2024: not supported; known are 2025 and vllm-0.2.7"),
    (("--workload", "voice"), "unknown workload 'voice': known are chat, code, "),
    (("--router", "least"), "--router least: not supported; known are plain, prompt and oracle"),
    (("--solver", "gurobi"), "--solver gurobi: not supported; known are auto, glpk, cbc and highs"),
]


@pytest.mark.parametrize(("typed", "says"), NOT_KNOWN)
def test_what_is_not_known_is_never_answered_with_the_nearest(run, typed: tuple[str, ...], says: str) -> None:
    result = run("plan", *HERE[:3], *typed)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"melange-cloud: {says}")
    assert len(line) < 300


def test_a_discount_may_call_cloud_and_contract_as_people_do(run, tmp_path) -> None:
    def listed(provider: str, purchase: str) -> str:
        text = f'[[discount]]\nprovider = "{provider}"\npurchase = "{purchase}"\npercent = 10\n'
        (tmp_path / "melange-cloud.toml").write_text(text)
        words = ("--region", "us-east-1", "--gpu", "nvidia-l4", "--purchase", "on-demand,RI-1y", "--format", "csv")
        result = run("prices", "list", "--offline", *words)
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    assert listed("Amazon", "1yr RI") == listed("aws", "commit_1y") != listed("gcp", "commit_1y")


def test_all_faults_of_a_question_are_named_together(run) -> None:
    result = run("plan", *HERE[:3], "--headroom", "5", "--tpot-ms", "0.05", "--api-servers", "two")
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [
        "--headroom 5", "--tpot-ms 0.05", "--api-servers two",
    ]  # fmt: skip
    typed = ("--gpu", "H200", "--model", "gpt-4", "--purchase", "ri", "--workload", "voice", "--tpot-ms", "0")
    for command in (("plan",), ("sensitivity", "--over", "rate")):
        result = run(*command, *HERE[:3], *typed)
        assert (result.exit_code, result.stdout) == (2, "")
        assert {line.split(": ")[1] for line in result.stderr.splitlines()} == {
            "--gpu H200", "--model gpt-4", "--purchase ri", "unknown workload 'voice'", "--tpot-ms 0",
        }  # fmt: skip


def test_a_region_to_compare_with_may_be_written_as_answers_print_it(run) -> None:
    cheap = ("--offline", "--gpu", "L4:1", "--rate", "1", "--spare", "0", "--brief", "--format", "json")
    for typed in ("us-east-1", "US-EAST-1", "aws us-east-1", "Amazon:us-east-1"):
        result = run("plan", "--region", "us-east-1,us-west-2", "--against", typed, *cheap)
        assert result.exit_code == 0, result.output


def test_words_of_a_closed_list_are_taken_in_any_case(run) -> None:
    for typed, same in (
        (("workloads", "scale", "code-week", "--rate", "20", "--at", "PEAK"), ("--at", "peak")),
        (("workloads", "list", "--format", "JSON"), ("--format", "json")),
        (("prices", "list", "--region", "us-east-1", "--offline", "-f", "Csv"), ("-f", "csv")),
        (("schema", "Plan"), ("plan",)),
    ):
        found = [run(*words) for words in (typed, (*typed[: -len(same)], *same))]
        assert [result.exit_code for result in found] == [0, 0], found[0].output
        assert found[0].stdout == found[1].stdout
    assert run("workloads", "list", "--format", "XLSX").exit_code == 2
