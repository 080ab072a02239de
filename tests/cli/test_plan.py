"""`melange-cloud plan` end to end: real files, real solvers, what a user types and sees."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import jsonschema
import pytest

from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema

MELANGE = (sys.executable, "-c", "from melange_cloud.cli.app import main; main()")


def test_table_leads_with_both_banners_and_marks_defaults(run):
    result = run("plan", "--region", "us-east-1")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert "EXAMPLE TRAFFIC, NOT YOURS" in lines[0]
    assert "--workload --rate --tpot-ms" in lines[0]
    assert "SNAPSHOT PRICES, NOT LIVE - AWS list of 2026-07-20, 125 days old" in lines[1]
    assert "10 requests/s*" in result.stdout
    assert "a month for llama-3.1-8b*" in lines[3]


def test_the_example_banner_goes_when_workload_and_rate_are_set(run):
    document = run.json("plan", "--region", "us-east-1", "--workload", "chat", "--rate", "5")
    assert not any("EXAMPLE TRAFFIC" in notice for notice in document["notices"])
    assert any("SNAPSHOT PRICES" in notice for notice in document["notices"])
    assert {"workload", "peak_requests_per_s"}.isdisjoint(document["defaulted"])
    assert {"model", "tpot_ms", "router"} <= set(document["defaulted"])


def test_json_follows_its_schema_and_can_be_recomputed(run):
    document = run.json("plan", "--region", "us-east-1", "--region", "us-central1", "--router", "prompt")
    jsonschema.validate(document, schema(json_documents.PLAN))
    for region in document["regions"]:
        assert region["status"] == "optimal"
        cost = sum(line["instances"] * line["usd_per_hour_each"] for line in region["allocations"])
        assert cost == pytest.approx(region["usd_per_hour"], abs=1e-6)
        covered, busy = {}, {}
        for line in region["routing"]:
            bucket = (*line["input_tokens"], *line["output_tokens"])
            covered[bucket] = covered.get(bucket, 0) + line["share"]
            kind = line["gpu"], line["tensor_parallel"]
            load = line["share"] * line["bucket_requests_per_s"] / line["load_requests_per_s"]
            busy[kind] = busy.get(kind, 0) + load
        assert all(share == pytest.approx(1, abs=1e-6) for share in covered.values())
        rates = {(*r["input_tokens"], *r["output_tokens"]): r["bucket_requests_per_s"] for r in region["routing"]}
        assert sum(rates.values()) == pytest.approx(document["request"]["planned_requests_per_s"])
        for use in region["kinds"]:
            assert busy[use["gpu"], use["tensor_parallel"]] == pytest.approx(use["busy_replicas"])
            assert use["busy_replicas"] <= use["replicas"] * (1 + 1e-6)
        low, high = region["usd_per_month_range"]
        assert low <= region["usd_per_month"] <= high
        routers = region["routers"]
        assert routers["oracle"] <= routers["prompt"] <= routers["plain"]
        assert routers["prompt"] == region["usd_per_hour"]
        assert region["lower_bound_usd_per_hour"] <= region["usd_per_hour"] + 1e-6
        for fleet in region["single_gpu"]:
            if fleet["usd_per_hour"] is not None:
                assert fleet["usd_per_hour"] >= region["usd_per_hour"] - 1e-6


def test_same_inputs_give_the_same_bytes(run):
    arguments = ("plan", "--region", "us-east-1", "--router", "oracle", "--format", "json")
    assert run(*arguments).stdout == run(*arguments).stdout


@pytest.mark.parametrize("solver", ["glpk", "highs"])
def test_solvers_agree_on_cost_and_routing(run, solver):
    ask = ("plan", "--region", "us-east-1", "--router", "oracle", "--rate", "7")
    one, other = run.json(*ask), run.json(*ask, "--solver", solver)
    assert one["regions"][0]["usd_per_hour"] == pytest.approx(other["regions"][0]["usd_per_hour"], abs=1e-6)


def test_csv_has_origin_and_dates_in_every_row_and_banners_on_stderr(run):
    result = run("plan", "--region", "us-east-1", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert rows
    assert all(row["price_origin"] == "snapshot" and row["price_as_of_to"] == "2026-07-20" for row in rows)
    assert "EXAMPLE TRAFFIC" in result.stderr
    assert "SNAPSHOT PRICES" in result.stderr


def test_markdown_begins_with_the_banners(run):
    text = run("plan", "--region", "us-east-1", "--format", "markdown").stdout
    assert text.index("EXAMPLE TRAFFIC") < text.index("SNAPSHOT PRICES") < text.index("|")


def test_out_writes_the_file_whole_and_keeps_stdout_clean(run, tmp_path):
    result = run("plan", "--region", "us-east-1", "--format", "json", "--out", "plan.json")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert json.loads((tmp_path / "plan.json").read_text())["schema_version"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_out_that_cannot_be_written_is_one_line_and_leaves_the_old_file(run, tmp_path):
    result = run("plan", "--region", "us-east-1", "--out", "no/such/folder/plan.txt")
    assert result.exit_code == 1
    assert "no/such/folder/plan.txt: cannot be written" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give --region NAME"),
        (("--region", "us-esat-1"), "did you mean"),
        (("--region", "us-east-1", "--gpu", "H200"), "--gpu H200: not supported; known are L4, A10G"),
        (("--region", "us-east-1", "--model", "llama-3.1-8c"), "llama-3.1-8b"),
        (("--region", "us-east-1", "--workload", "caht"), "chat"),
        (("--region", "us-east-1", "--precision", "int4"), "int4"),
        (("--region", "us-east-1", "--era", "1999"), "1999"),
        (("--region", "us-east-1", "--rate", "0"), "--rate 0"),
        (("--region", "us-east-1", "--rate", "-3"), "--rate -3"),
        (("--region", "us-east-1", "--rate", "nan"), "--rate nan"),
        (("--region", "us-east-1", "--rate", "inf"), "--rate inf"),
        (("--region", "us-east-1", "--rate", "1e9"), "--rate 1e+09"),
        (("--region", "us-east-1", "--mean-rate", "11"), "--mean-rate 11 is above --rate 10"),
        (("--region", "us-east-1", "--tpot-ms", "0"), "--tpot-ms 0"),
        (("--region", "us-east-1", "--headroom", "-0.1"), "--headroom -0.1"),
        (("--region", "us-east-1", "--headroom", "20"), "such as 20% or 0.2"),
        (("--region", "us-east-1", "--router", "best"), "--router best"),
        (("--region", "us-east-1", "--purchase", "lease"), "--purchase lease"),
        (("--region", "us-east-1", "--sold-as", "all"), "--sold-as all"),
        (("--region", "us-east-1", "--spare", "2"), "--spare 2"),
        (("--region", "us-east-1", "--max-gpus", "H100"), "NAME=WHOLE NUMBER"),
        (("--region", "us-east-1", "--max-gpus", "H100=1.5"), "NAME=WHOLE NUMBER"),
        (("--region", "us-east-1", "--max-gpus", "V100=1"), "V100"),
        (("--region", "us-east-1", "--max-instances", "p5.49xlarge=1"), "did you mean p5.4xlarge or p5.48xlarge"),
        (("--region", "us-east-1", "--max-vcpus", "aws:g5=1"), "did you mean aws:G"),
        (("--region", "us-east-1", "--max-gpus", "H100=1", "--max-gpus", "H100=2"), "given twice"),
        (("--region", "us-east-1", "--hours-per-month", "0"), "--hours-per-month 0"),
        (("--region", "us-east-1", "--time-limit", "0"), "--time-limit 0"),
        (("--region", "us-east-1", "--min-host-memory-gib", "-1"), "--min-host-memory-gib -1"),
        (("--region", "us-east-1", "--solver", "gurobi"), "gurobi"),
        (("--region", "us-east-1", "--prices", "absent.csv"), "absent.csv"),
        (("--region", "us-east-1", "--provider", "azure"), "azure"),
    ],
)
def test_bad_input_is_one_line_with_the_cure_and_exit_2(run, arguments, says):
    result = run("plan", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_tiny_rate_still_rents_an_instance(run):
    region = run.json("plan", "--region", "us-east-1", "--rate", "0.001")["regions"][0]
    assert sum(line["instances"] for line in region["allocations"]) == 1
    assert region["usd_per_hour"] > 0.5


def test_an_slo_that_no_gpu_meets_is_exit_3_and_says_why(run):
    result = run("plan", "--region", "us-east-1", "--tpot-ms", "0.5ms")
    assert result.exit_code == 3
    assert "ms to read the weights > 0.5 ms" in result.stdout


def test_a_request_too_long_for_every_gpu_names_bucket_share_and_reach(run, tmp_path):
    (tmp_path / "long.csv").write_text("input\\output,1-100\n1-1000,99\n1000001-1100000,1\n")
    result = run("plan", "--region", "us-east-1", "--workload", "long.csv", "--rate", "1")
    assert result.exit_code == 3
    assert "1,000,001-1,100,000" in result.stdout
    assert "1.0 % of requests" in result.stdout


def test_a_quota_that_makes_it_impossible_says_which_and_what_it_would_need(run):
    result = run("plan", "--region", "us-east-1", "--gpu", "A10G", "--max-gpus", "A10G=2")
    assert result.exit_code == 3
    assert "--max-gpus A10G=2 is too low: the cheapest fleet without it uses" in " ".join(result.stdout.split())


def test_one_more_of_the_needed_quota_is_enough(run):
    free = run.json("plan", "--region", "us-east-1", "--gpu", "A10G")["regions"][0]
    needed = sum(line["instances"] * line["gpu_count"] for line in free["allocations"])
    ask = ("plan", "--region", "us-east-1", "--gpu", "A10G", "--max-gpus")
    assert run.json(*ask, f"A10G={needed}")["regions"][0]["usd_per_hour"] == free["usd_per_hour"]
    assert run(*ask, "A10G=1").exit_code == 3


def test_missing_prices_are_no_data_and_exit_5(run):
    result = run("plan", "--region", "us-east-1", "--purchase", "commit_3y")
    assert result.exit_code == 5
    assert "unknown: no 3-year commitment price" in result.stdout
    assert "infeasible" not in result.stdout


@pytest.mark.parametrize("restricted", [("--gpu", "H100"), ("--tpot-ms", "4")])
def test_a_gpu_whose_price_is_not_known_is_no_data_not_infeasible(run, restricted):
    """In us-east-1 the shipped data have no 1-year price of p5.48xlarge, which could serve."""
    result = run("plan", "--region", "us-east-1", "--purchase", "commit_1y", *restricted, "--format", "json")
    assert result.exit_code == 5
    region = json.loads(result.stdout)["regions"][0]
    assert region["status"] == "unknown"
    assert region["reason"].startswith("no 1-year commitment price")
    left_out = {item["instance_type"]: item["code"] for item in region["left_out"]}
    assert left_out["p5.48xlarge"] == "no_data"


def test_what_has_no_price_for_the_purchase_is_listed_with_a_plan(run):
    shown = run("plan", "--region", "us-east-1", "--purchase", "commit_1y", "--full").stdout
    assert "p5.48xlarge: no 1-year commitment price" in " ".join(shown.split())


def test_a_sheet_for_an_unknown_region_is_not_silently_ignored(run, tmp_path):
    sheet = "provider,region,instance_type,purchase,usd_per_hour\n"
    (tmp_path / "ours.csv").write_text(f"{sheet}aws,us-east-9,g5.2xlarge,on_demand,0.97\n")
    document = run.json("plan", "--region", "us-east-1", "--prices", "ours.csv")
    assert any("aws us-east-9: did you mean us-east-" in notice for notice in document["notices"])


def test_own_prices_are_not_called_list_prices(run, tmp_path):
    sheet = "provider,region,instance_type,purchase,usd_per_hour\n"
    (tmp_path / "ours.csv").write_text(f"{sheet}aws,us-east-1,g5.2xlarge,on_demand,0.97\n")
    shown = run("plan", "--region", "us-east-1", "--gpu", "A10G", "--prices", "ours.csv").stdout
    assert "at your own price" in " ".join(shown.split())
    assert "at list price" in " ".join(run("plan", "--region", "us-east-1", "--full").stdout.split())


def test_a_region_without_a_plan_stays_in_the_comparison(run):
    document = run.json("plan", "--region", "us-east-1", "--region", "us-east4", "--gpu", "A10G")
    by_name = {region["region"]: region for region in document["regions"]}
    assert by_name["us-east-1"]["status"] == "optimal"
    assert by_name["us-east4"]["usd_per_hour"] is None
    assert by_name["us-east4"]["reason"]


def test_time_limit_without_proof_is_exit_6_with_plan_and_gap(run):
    """The oracle's question over many offers is far from proven by GLPK in one second."""
    hard = ("--router", "oracle", "--solver", "glpk", "--time-limit", "1", "--workload", "mixed", "--rate", "317")
    result = run("plan", "--region", "us-east-1", *hard, "--max-gpus", "H100=64", "--max-gpus", "A10G=900", "--full")
    assert result.exit_code in (0, 6)
    assert ("Proven cheapest if" in result.stdout) == (result.exit_code == 0)
    assert ("Not proven" in result.stdout) == (result.exit_code == 6)


def test_a_spare_costs_more_and_survives(run):
    plain = run.json("plan", "--region", "us-east-1")["regions"][0]
    spare = run.json("plan", "--region", "us-east-1", "--spare", "1")["regions"][0]
    assert spare["usd_per_hour"] > plain["usd_per_hour"]
    for use in spare["kinds"]:
        lines = [
            line
            for line in spare["allocations"]
            if (line["gpu"], line["tensor_parallel"]) == (use["gpu"], use["tensor_parallel"])
        ]
        largest = max(line["replicas"] // line["instances"] for line in lines)
        assert use["busy_replicas"] <= use["replicas"] - largest + 1e-6
    offered = {what["option"]: what["usd_per_hour"] for what in plain["what_if"]}
    assert offered["--spare 1"] == pytest.approx(spare["usd_per_hour"])


def _what_if(run):
    return run.json("plan", "--region", "us-east-1")["regions"][0]["what_if"]


def test_what_if_promises_what_typing_it_gives(run):
    for what in _what_if(run):
        typed = run.json("plan", "--region", "us-east-1", *what["option"].split())["regions"][0]
        assert typed["usd_per_hour"] == pytest.approx(what["usd_per_hour"]), what["option"]


def test_own_prices_replace_and_are_named(run, tmp_path):
    sheet = "provider,region,instance_type,purchase,usd_per_hour,as_of_to\n"
    (tmp_path / "ours.csv").write_text(f"{sheet}aws,us-east-1,g5.2xlarge,on_demand,0.9,2026-11-01\n")
    document = run.json("plan", "--region", "us-east-1", "--gpu", "A10G", "--prices", "ours.csv")
    (line,) = document["regions"][0]["allocations"]
    assert (line["instance_type"], line["usd_per_hour_each"], line["price_origin"]) == ("g5.2xlarge", 0.9, "user")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("aws,us-east-1,g5.2xlarge,on_demand,0,", "0"),
        ("aws,us-east-1,g5.2xlarge,on_demand,-1,", "-1"),
        ("aws,us-east-1,g5.2xlarge,on_demand,,", "usd_per_hour"),
        ("aws,us-east-1,g5.2xlarge,on_demand,nan,", "nan"),
        ("aws,us-east-1,g5.2xlarge,on_demand,1.2,EUR", "EUR"),
        ("aws,us-east-1,g5.2xlarge,on_demand,12.1,", "8.1 times off 1.48849"),
    ],
)
def test_a_bad_price_is_refused_with_file_line_and_field(run, tmp_path, row, says):
    (tmp_path / "ours.csv").write_text(f"provider,region,instance_type,purchase,usd_per_hour,currency\n{row}\n")
    result = run("plan", "--region", "us-east-1", "--prices", "ours.csv")
    assert result.exit_code == 2
    assert "ours.csv, line 2" in result.stderr
    assert says in result.stderr


def test_settings_file_sets_defaults_that_are_not_marked(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text('[plan]\nregion = ["us-east-1"]\nworkload = "chat"\ntpot-ms = 60\n')
    document = run.json("plan")
    assert document["request"]["workload"] == "chat"
    assert document["request"]["tpot_ms"] == 60
    assert "tpot_ms" not in document["defaulted"]


def test_flag_outranks_environment_outranks_file(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text('[plan]\nregion = "us-east-1"\nrate = 3\n')

    def rate(*arguments, **environment):
        result = run("plan", "--format", "json", *arguments, **environment)
        return json.loads(result.stdout)["request"]["peak_requests_per_s"]

    assert rate() == 3
    assert rate(MELANGE_CLOUD_RATE="4") == 4
    assert rate("--rate", "5", MELANGE_CLOUD_RATE="4") == 5


def test_a_settings_file_with_faults_names_all_of_them(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text("[plan]\nraet = 3\ncolour = 1\n[plann]\nx = 1\n")
    result = run("plan", "--region", "us-east-1")
    assert result.exit_code == 2
    assert "raet" in result.stderr
    assert "did you mean rate" in result.stderr
    assert "colour" in result.stderr
    assert "plann" in result.stderr


def test_values_of_the_wrong_type_in_the_settings_file_are_named_together(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text("[plan]\nrate = true\ntime-limit = 1.5\nrouter = 3\nregion = 5\n")
    result = run("plan", "--region", "us-east-1")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert all("melange-cloud.toml, [plan] " in line for line in lines)
    assert run("workloads", "list").exit_code == 0


def test_a_full_or_closed_stdout_is_one_line(tmp_path):
    command = " ".join(f"'{part}'" for part in (*MELANGE, "plan", "--region", "us-east-1"))
    for redirect in (">/dev/full", ">&-"):
        ran = subprocess.run(["sh", "-c", f"{command} {redirect}"], capture_output=True, text=True, cwd=tmp_path)
        assert ran.returncode == 1, ran
        assert len(ran.stderr.splitlines()) == 1
        assert "use --output FILE" in ran.stderr


def test_a_closed_stderr_does_not_lose_the_answer(tmp_path):
    command = " ".join(f"'{part}'" for part in (*MELANGE, "plan", "--region", "us-east-1", "--format", "csv"))
    for redirect in ("2>&-", "2>/dev/full"):
        ran = subprocess.run(["sh", "-c", f"{command} {redirect}"], capture_output=True, text=True, cwd=tmp_path)
        assert ran.returncode == 0
        assert "g5.2xlarge" in ran.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_solver_too_and_leaves_no_file(tmp_path, number):
    pid_file, temporary = tmp_path / "pid", tmp_path / "tmp"
    temporary.mkdir()
    fake = tmp_path / "glpsol"
    fake.write_text(f"#!/bin/sh\necho $$ > {pid_file}\nexec sleep 86400\n")
    fake.chmod(0o755)
    environment = {**os.environ, "MELANGE_CLOUD_GLPSOL": str(fake), "TMPDIR": str(temporary)}
    running = subprocess.Popen(
        [*MELANGE, "plan", "--region", "us-east-1", "--solver", "glpk"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (pid_file.exists() and pid_file.read_text().strip()):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    running.communicate(timeout=120)
    assert running.returncode == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("epoch", ["99999999999999", "soon"])
def test_a_source_date_that_cannot_be_is_bad_input(run, epoch):
    result = run("plan", "--region", "us-east-1", SOURCE_DATE_EPOCH=epoch)
    assert result.exit_code == 2
    assert f"SOURCE_DATE_EPOCH={epoch}" in result.stderr


def test_a_closed_pipe_is_no_traceback():
    shell = subprocess.Popen(
        [*MELANGE, "plan", "--region", "all", "--format", "json", "--gpu", "L4"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    shell.stdout.close()
    errors = shell.stderr.read()
    shell.stderr.close()
    assert shell.wait() == 141
    assert errors == ""


def test_piped_output_is_not_squeezed_to_80_columns():
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    ran = subprocess.run(
        [*MELANGE, "plan", "--region", "us-east-1"], capture_output=True, text=True, check=True, env=environment
    )
    widest = max(map(len, ran.stdout.splitlines()))
    assert 80 < widest <= 120
    assert "\x1b" not in ran.stdout
