"""The HTTP front end on the command line: what one server takes, `--api-servers`, and where it is said."""

import csv
import io
import json

import jsonschema
import pytest

from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema
from tests.estimates_by_hand import HandReplica, HandServer

CHAT = ("plan", "--region", "us-east-1", "--offline", "--gpu", "H100", "--workload", "chat", "--rate", "300")
SECONDS, SECONDS_PER_TOKEN = 0.00519 + 32 * 0.000546, 2.14e-5
"""What a request before a model of 32 layers, and every token after its first, takes of the slowest HTTP server,
TensorRT-LLM's (calibration.toml, H100)."""


def seconds_of(output_tokens):
    """What a request takes of an HTTP server, s."""
    return SECONDS + (output_tokens - 1) * SECONDS_PER_TOKEN


def test_no_replica_serves_more_than_its_front_end_takes(run):
    """360 requests/s of 256 tokens take 360 x (0.02266 + 255 x 0.0000214) = 10.1 servers: more than one p5 has GPUs."""
    document = run.json(*CHAT)
    jsonschema.validate(document, schema(json_documents.PLAN))
    assert document["request"]["api_servers"] == 1
    assert "api_servers" in document["defaulted"]
    (region,) = document["regions"]
    (use,) = region["kinds"]
    assert {line["instance_type"]: line["instances"] for line in region["allocations"]} == {"p5.48xlarge": 2}
    by_hand, busy, alone = HandServer(HandReplica("llama-3.1-8b", "H100")), 0.0, 0.0
    for line in region["routing"]:
        most = 1 / seconds_of(line["mean_output_tokens"])
        # Within 100 ms of TPOT engine and front end slow each other down where both are busy.
        _, both = by_hand.served(line["mean_input_tokens"], line["mean_output_tokens"], 100.0)
        at_most = both if line["limited_by"] == "front_end" else most
        assert line["max_tput_requests_per_s"] <= at_most * (1 + 1e-5)
        busy += line["bucket_requests_per_s"] / at_most
        alone += line["bucket_requests_per_s"] / most
    assert {line["limited_by"] for line in region["routing"]} > {"front_end"}
    # Sizes come in one mixture, whose sum fills a replica at some 34 requests/s, whatever limits each of them alone.
    assert use["busy_replicas"] == pytest.approx(busy, rel=1e-5)
    assert alone == pytest.approx(360 * seconds_of(256.198), abs=1e-4)
    assert alone < busy < 1.06 * alone
    assert use["front_end_load_share"] == 1
    assert use["front_end_requests_per_s"] == pytest.approx(360 / busy, abs=1e-3)
    assert region["explanation"]["limits"][0]["limits"] == [{"limited_by": "front_end", "load_share": 1}]


def test_the_page_and_the_csv_say_where_it_binds_and_what_more_servers_would_do(run):
    page = " ".join(run(*CHAT, "--full").stdout.split())
    assert "The HTTP front end (1 API server* per replica) limits H100 to 33.6 requests/s; --api-servers 2 " in page
    assert "--api-servers 2 would make it $40,179 (-50.0 %)." in page
    assert "2 HTTP server processes per replica (--api-servers 2)" in page
    row = next(csv.DictReader(io.StringIO(run(*CHAT, "--format", "csv").stdout)))
    assert row["api_servers"] == "1"
    assert float(row["front_end_load_share"]) == 1


def test_with_two_servers_half_the_replicas_do(run):
    two = run(*CHAT, "--api-servers", "2", "--full")
    assert two.exit_code == 0
    page = " ".join(two.stdout.split())
    assert "1 p5.48xlarge (H100 only): this plan 40,179 0 %" in page
    # 4.89 servers of 8 x 2: the engines are busier now, and more servers would not help.
    assert "front end" not in page
    assert "--api-servers 4" not in page


def test_a_better_engine_does_not_help_a_fleet_that_waits_for_its_front_end(run):
    bars = run.json(*CHAT, "--engine", "tensorrt-llm")["regions"][0]["error_bars"]
    assert bars["better"]["instances"] == bars["stated"]["instances"] == {"p5.48xlarge": 2}
    # Where the engine is not known, it may be vLLM or SGLang, whose front end needs less than half of that.
    assert run.json(*CHAT)["regions"][0]["error_bars"]["better"]["instances"] == {"p5.48xlarge": 1}
    swept = json.loads(
        run("sensitivity", *CHAT[1:], "--over", "throughput:H100", "--to", "3", "--format", "json").stdout
    )
    assert any("the HTTP front end (1 API server per replica) limits H100" in notice for notice in swept["notices"])
    assert swept["sweep"]["stretches"][-1]["instances"] == {"p5.48xlarge": 2}


def test_a_comparison_says_it_above(run):
    page = " ".join(run("plan", "--region", "us-east-1", "--region", "us-east-2", *CHAT[3:]).stdout.split())
    assert "the HTTP front end (1 API server per replica) limits H100; see --api-servers" in page


def test_a_router_that_knows_sizes_fills_front_ends_and_engines_apart(run):
    """Each size is a row of its own: what it counts for is the front end's rate where that is the lower."""
    asked = ("--offline", "--workload", "chat", "--rate", "30", "--router", "oracle")
    command = ("plan", "--region", "eu-west-2", *asked)
    (region,) = run.json(*command)["regions"]
    shares = []
    for use in region["kinds"]:
        lines = [line for line in region["routing"] if line["gpu"] == use["gpu"]]
        loads = [line["share"] * line["bucket_requests_per_s"] / line["load_requests_per_s"] for line in lines]
        most = [1 / seconds_of(line["mean_output_tokens"]) for line in lines]
        http = [load for load, line, rate in zip(loads, lines, most, strict=True) if line["limited_by"] == "front_end"]
        assert all(line["load_requests_per_s"] <= rate * (1 + 1e-9) for line, rate in zip(lines, most, strict=True))
        assert use["busy_replicas"] == pytest.approx(sum(loads))
        assert use["front_end_load_share"] == pytest.approx(sum(http) / sum(loads))
        shares.append(use["front_end_load_share"])
    assert 0 < max(shares) < 1
    assert "% of its load; --api-servers 2 would make it" in " ".join(run(*command, "--full").stdout.split())


def test_it_binds_where_more_servers_would_change_nothing(run):
    """30 requests/s are one p5 either way; it is busy with HTTP first."""
    page = " ".join(run(*CHAT[:-1], "30", "--full").stdout.split())
    assert "limits H100 to 33.6 requests/s; more of them (--api-servers 2) would not make the fleet cheaper." in page


def test_profiles_show_marks_what_the_front_end_limits(run):
    page = run("profiles", "show", "--gpu", "H100").stdout
    assert "43^B" in page
    assert "586" not in page
    assert "^ limited by the HTTP front end (1 API server: at most 44.1 requests/s, fewer with longer" in page
    shown = run.json("profiles", "show", "--gpu", "H100", "--precision", "fp8", "--api-servers", "2")
    first = shown["cells"][0]
    assert (first["input_tokens"], first["output_tokens"], first["limited_by"]) == (25, 25, "front_end")
    two = HandServer(HandReplica("llama-3.1-8b", "H100", precision="fp8"), 2).served(25, 25, float("inf"))
    assert first["requests_per_s"] == pytest.approx(min(two), rel=1e-4)
    assert shown["api_servers"] == 2
    assert "^" not in run("profiles", "show", "--gpu", "H100", "--era", "vllm-0.2.7", "--model", "llama-2-7b").stdout


def test_a_heat_map_is_behind_the_front_end(run):
    shown = run.json("profiles", "heatmap", "--offline", "--gpu", "H100")
    by_size = {(cell["input_tokens"], cell["output_tokens"]): cell["ranked"][0] for cell in shown["cells"]}
    _, by_hand = HandServer(HandReplica("llama-3.1-8b", "H100")).served(25, 25, 100.0)
    assert by_size[25, 25]["limited_by"] == "front_end"
    assert by_size[25, 25]["requests_per_s"] == pytest.approx(by_hand, rel=1e-4)
    assert any("the HTTP front end (1 API server per replica) limits" in notice for notice in shown["notices"])


@pytest.mark.parametrize("command", [("plan", "--region", "us-east-1"), ("profiles", "show", "--gpu", "H100")])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--api-servers", "0"), "--api-servers 0: give 1 to 64 server processes per replica"),
        (("--api-servers", "65"), "--api-servers 65: give 1 to 64"),
        (("--api-servers", "9" * 400), "--api-servers 99999"),
        (
            ("--api-servers", "2", "--era", "vllm-0.2.7", "--model", "llama-2-7b"),
            "profiles of era vllm-0.2.7 include the HTTP server",
        ),
    ],
)
def test_a_number_of_servers_that_cannot_be_is_refused(run, command, asked, said):
    result = run(*command, *asked)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize("region", ["us-east-1", "us-central1"])
def test_a_workload_of_long_answers_is_planned(run, region):
    document = run.json("plan", "--region", region, "--offline", "--workload", "deepseek-r1", "--rate", "5")
    (plan,) = document["regions"]
    assert plan["status"] == "optimal"
    assert document["request"]["served_requests_share"] == 1
    assert sum(line["max_tput_requests_per_s"] > 0 for line in plan["routing"]) >= 86
