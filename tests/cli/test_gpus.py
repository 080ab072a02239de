"""``melange-cloud gpus`` and ``regions``: figures by hand from the shipped price sheets, and every way to ask."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.estimator.test_config_json import LLAMA_8B
from tests.schemas import assert_valid

PRICING = Path(__file__).resolve().parents[2] / "pricing"


def sheet(name):
    with (PRICING / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


TYPES = {(row["provider"], row["instance_type"]): row for row in sheet("instance_types.csv")}


def prices(answer, **wanted):
    return [row for row in answer["prices"] if all(row[key] == value for key, value in wanted.items())]


_ANSWERS = {}


@pytest.fixture
def everything(run):
    """Every region's prices, asked once."""
    if not _ANSWERS:
        _ANSWERS.update(run.json("gpus", "--purchase", "on_demand,commit_1y,commit_3y"))
    return _ANSWERS


def test_the_cheapest_of_each_region_is_that_of_the_sheets(everything):
    """Every row of the shipped sheets, read here again: only what is sold as it says, where anything is."""
    cheapest = {}
    for row in (*sheet("on_demand.csv"), *sheet("commitments.csv")):
        if row["region"].startswith("us-gov"):
            continue
        machine = TYPES[row["provider"], row["instance_type"]]
        doubtful = row["sold_as"] == "unknown"
        found = (doubtful, float(row["usd_per_hour"]) / int(machine["gpu_count"]))
        key = (machine["gpu"], row["provider"], row["region"], row["purchase"])
        cheapest[key] = min(found, cheapest.get(key, found))
    answered = {
        (row["gpu"], row["provider"], row["region"], row["purchase"]): row["usd_per_gpu_hour"]
        for row in everything["prices"]
    }
    assert answered.keys() == cheapest.keys()
    assert len(answered) > 200
    for key, (_, usd_per_gpu_hour) in cheapest.items():
        assert answered[key] == pytest.approx(usd_per_gpu_hour, abs=5e-5)


@pytest.mark.parametrize(
    ("gpu", "region", "purchase", "name", "usd_per_hour", "gpu_count", "availability"),
    [
        ("L4", "us-east-1", "on_demand", "g6.xlarge", 0.8048, 1, "not_checked"),
        ("A100-40GB", "us-east-1", "on_demand", "p4d.24xlarge", 21.957642, 8, "often_unavailable"),
        # p5.4xlarge costs the same per GPU, but may not be sold on demand here.
        ("H100", "us-east-1", "on_demand", "p5.48xlarge", 55.04, 8, "often_unavailable"),
        ("H100", "ap-northeast-1", "on_demand", "p5.4xlarge", 8.6, 1, "often_unavailable"),
        # Sixteen GPUs share the host of a2-megagpu; -1g to -8g cost 3.673385 each.
        ("A100-40GB", "us-central1", "on_demand", "a2-megagpu-16g", 55.739504, 16, "not_checked"),
        ("A100-80GB", "us-central1", "on_demand", "a2-ultragpu-1g", 5.068798, 1, "not_checked"),
        ("A10G", "us-east-1", "commit_1y", "g5.xlarge", 0.63378, 1, "not_checked"),
    ],
)
def test_figures_of_the_shipped_sheets(everything, gpu, region, purchase, name, usd_per_hour, gpu_count, availability):
    (found,) = prices(everything, gpu=gpu, region=region, purchase=purchase)
    assert (found["instance_type"], found["gpu_count"], found["availability"]) == (name, gpu_count, availability)
    assert found["usd_per_hour_each"] == pytest.approx(usd_per_hour, abs=1e-4)
    assert found["usd_per_gpu_hour"] == pytest.approx(usd_per_hour / gpu_count, abs=1e-5)


def test_each_price_names_the_quota_and_the_shape_of_its_instance(everything):
    (p4d,) = prices(everything, gpu="A100-40GB", region="us-east-1", purchase="on_demand")
    assert (p4d["quota"], p4d["vcpus"], p4d["host_memory_gib"]) == ("Running On-Demand P instances", 96, 1152)
    (a3,) = prices(everything, gpu="H100", region="us-central1", purchase="commit_1y")
    assert (a3["quota"], a3["vcpus"]) == ("Committed NVIDIA H100 GPUs", 208)


def test_the_table_shows_each_clouds_cheapest_region_with_its_doubts(run):
    table = run("gpus", "--gpu", "H100", "--gpu", "A10G", COLUMNS="80").stdout
    assert "SNAPSHOT PRICES, NOT LIVE" in table
    assert re.search(r"H100 +aws us-east-1 +13 +p5.48xlarge +8 +6.8800! +- +-\n", table)
    assert re.search(r"A10G +aws us-east-1 +17 +g5.xlarge +1 +1.0060 +0.6338 +-\n", table)
    assert "! often unavailable on demand" in table
    assert "us-west-2" not in table
    assert max(map(len, table.splitlines())) <= 80
    everywhere = run("gpus", "--gpu", "A10G", "--all-rows", COLUMNS="120").stdout
    assert "us-west-2" in everywhere


def test_spot_is_listed_on_request_and_never_an_old_quote(run, tmp_path):
    answer = run.json("gpus", "--region", "us-east-1", "--gpu", "L4", "--purchase", "spot")
    assert answer["prices"] == []
    (missing,) = answer["no_price"]
    assert missing["reason"] == "only spot prices of 2026-02-08, too old to use"
    assert "spot" not in run.json("gpus", "--region", "us-east-1")["purchases"]


def test_what_has_no_price_says_why(run):
    answer = run.json("gpus", "--region", "us-east4", "--region", "eu-central-1")
    reasons = {(row["gpu"], row["region"]): row["reason"] for row in answer["no_price"]}
    assert reasons["A10G", "us-east4"] == "no known instance type of gcp has it"
    assert "no such machine type exists in this region" in reasons["A100-40GB", "us-east4"]
    assert reasons["H100", "eu-central-1"] == "no data"
    table = run("gpus", "--region", "us-east4", "--region", "eu-central-1").stdout
    assert "No price" in table


def test_a_named_model_leaves_the_instances_that_hold_a_replica(run):
    """70B in 16 bits: 8 L4 or 4 A100-80GB, and 131.4 GiB of weights + 8 of host memory: not g6.12xlarge."""
    answer = run.json("gpus", "--model", "llama-3.1-70b", "--region", "us-east-1", "--region", "us-east4")
    (l4,) = prices(answer, gpu="L4", region="us-east-1", purchase="on_demand")
    assert l4["instance_type"] == "g6.48xlarge"
    (a100,) = prices(answer, gpu="A100-80GB", region="us-east4", purchase="on_demand")
    assert (a100["instance_type"], a100["gpu_count"]) == ("a2-ultragpu-4g", 4)
    assert answer["host_memory_floor_gib"] == pytest.approx(70_553_706_496 * 2 / 2**30 + 8, abs=0.05)
    fits = {gpu["gpu"]: gpu["models"][0]["tensor_parallel"] for gpu in answer["gpus"]}
    assert fits == {"L4": [8], "A10G": [8], "A100-40GB": [8], "A100-80GB": [4, 8], "H100": [4, 8]}


def test_a_gpu_without_a_profile_says_why_and_the_way_on(run, tmp_path, monkeypatch):
    shown = " ".join(
        run("gpus", "--model", "llama-3.1-8b", "--precision", "fp8", "--region", "us-east-1").stdout.split()
    )
    assert "A10G does not support fp8; use --precision bf16" in shown
    assert "H100 does not support" not in shown
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_8B))
    of_config = run.json("gpus", "--config", "config.json", "--model", "mine", "--region", "us-east-1")
    assert of_config["model"] == "mine"
    assert all(gpu["models"][0]["tensor_parallel"][0] == 1 for gpu in of_config["gpus"])
    estimate = ("profiles", "estimate", "--config", "config.json", "--model", "mine")
    assert run(*estimate, "--gpu", "L4", "--save").exit_code == 0
    own = " ".join(run("gpus", "--model", "mine", "--region", "us-east-1").stdout.split())
    assert "to add it: melange-cloud profiles estimate --config config.json --model mine --gpu A10G --save" in own
    assert "--gpu L4 --save" not in own


def test_every_shipped_model_is_listed_by_gpu(everything):
    fits = {
        (gpu["gpu"], model["model"], model["precision"]): model for gpu in everything["gpus"] for model in gpu["models"]
    }
    assert fits["A10G", "llama-3.1-8b", "fp8"]["tensor_parallel"] == []
    assert "does not support fp8" in fits["A10G", "llama-3.1-8b", "fp8"]["reason"]
    assert fits["H100", "llama-3.1-70b", "fp8"]["tensor_parallel"][0] == 2
    (l4,) = (gpu for gpu in everything["gpus"] if gpu["gpu"] == "L4")
    assert l4["memory_gib"] == 24
    assert l4["instance_types"]["aws"]["g6.48xlarge"] == 8


def test_your_own_sheet_outranks_the_shipped_prices(run, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text(
        "provider,region,instance_type,purchase,usd_per_hour\naws,us-east-1,g6.xlarge,on_demand,0.55\n",
        encoding="utf-8",
    )
    answer = run.json("gpus", "--region", "us-east-1", "--gpu", "L4", "--prices", str(own))
    (found,) = prices(answer, purchase="on_demand")
    assert (found["usd_per_gpu_hour"], found["price_origin"]) == (0.55, "user")


def test_csv_and_json_have_the_same_rows_and_the_banner_goes_to_stderr(run, everything):
    ran = run("gpus", "--purchase", "on_demand,commit_1y,commit_3y", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert [float(row["usd_per_gpu_hour"]) for row in rows] == [row["usd_per_gpu_hour"] for row in everything["prices"]]
    assert "SNAPSHOT PRICES, NOT LIVE" in ran.stderr
    assert {row["memory_gib"] for row in rows if row["gpu"] == "H100"} == {"80.0"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gpu", "H200"), "H200"),
        (("--region", "nowhere"), "unknown region 'nowhere'"),
        (("--purchase", "lease"), "--purchase lease"),
        (("--model", "nonsense"), "--model nonsense: not supported; known are"),
        (("--config", "missing.json"), "missing.json"),
        (("--precision", "fp8"), "--precision needs --model NAME or --config FILE"),
        (("--offline", "--refresh"), "contradict each other"),
        (("--provider", "azure"), "azure"),
        (("--max-age", "soon"), "--max-age soon"),
    ],
)
def test_bad_input_is_one_line(run, arguments, says):
    ran = run("gpus", *arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


# regions


def test_regions_lists_all_of_both_clouds_with_govcloud_marked(run):
    answer = run.json("regions")
    shipped = sheet("regions.csv")
    assert {(row["provider"], row["region"]) for row in answer["regions"]} == {
        (row["provider"], row["region"]) for row in shipped
    }
    government = [row["region"] for row in answer["regions"] if row["government"]]
    assert government == ["us-gov-east-1", "us-gov-west-1"]
    table = run("regions", COLUMNS="80").stdout
    assert "us-gov-west-1 G" in table
    assert "G: AWS GovCloud, used only when named" in table
    assert max(map(len, table.splitlines())) <= 80


def test_a_region_has_its_gpus_prices_and_dates(run):
    answer = run.json("regions", "us-east-1", "af-south-1")
    east, south = sorted(answer["regions"], key=lambda row: row["region"], reverse=True)
    assert {gpu["gpu"]: round(gpu["usd_per_gpu_hour"], 4) for gpu in east["gpus"]} == {
        "L4": 0.8048,
        "A10G": 1.006,
        "A100-40GB": round(21.957642 / 8, 4),
        "A100-80GB": round(27.44705 / 8, 4),
        "H100": 6.88,
    }
    assert (east["as_of_from"], east["as_of_to"]) == ("2026-07-20", "2026-07-20")
    assert (south["gpus"], south["as_of_to"], south["place"]) == ([], None, "Africa (Cape Town)")


def test_globs_providers_and_gpus_choose(run):
    names = [row["region"] for row in run.json("regions", "europe-w*", "--provider", "gcp")["regions"]]
    assert names
    assert all(name.startswith("europe-w") for name in names)
    assert run.json("regions", "--region", "europe-w*")["regions"] == run.json("regions", "europe-w*")["regions"]
    of_h100 = run.json("regions", "--gpu", "H100", "--provider", "aws")["regions"]
    sold = {row["region"] for row in sheet("on_demand.csv") if row["instance_type"].startswith("p5.")}
    assert {row["region"] for row in of_h100 if row["gpus"]} == sold
    ran = run("regions", "nowhere")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "unknown region 'nowhere'" in ran.stderr


def test_regions_as_csv_has_a_row_for_a_region_without_prices(run):
    rows = list(csv.DictReader(io.StringIO(run("regions", "af-south-1", "eu-central-2", "--format", "csv").stdout)))
    assert [(row["region"], row["gpu"]) for row in rows] == [("af-south-1", ""), ("eu-central-2", "L4")]


@pytest.mark.parametrize("arguments", [("gpus", "--region", "us-*"), ("gpus",), ("regions",)])
def test_the_documents_are_valid_by_their_schemas(run, arguments):
    assert_valid(arguments[0], run(*arguments, "--format", "json").stdout)


@pytest.mark.parametrize("command", ["gpus", "regions"])
@pytest.mark.parametrize("width", ["60", "120", "200"])
def test_nothing_is_wider_than_the_terminal(run, command, width):
    ran = run(command, COLUMNS=width)
    assert ran.exit_code == 0
    assert max(map(len, ran.stdout.splitlines())) <= int(width)


# prices that are not shipped


@pytest.mark.parametrize("command", ["gpus", "regions"])
def test_nothing_is_queried_unless_asked(serve, cache, command):
    """On a machine with credentials, by today's clock: no request is made; after --refresh the cache answers."""
    server = serve()
    us_east_1 = (command, "--region", "us-east-1", "--gpu", "L4")

    def origins(*more):
        ran = CliRunner().invoke(app, [*us_east_1, *more, "--format", "json"])
        assert ran.exit_code == 0, ran.output
        answer = json.loads(ran.stdout)
        if command == "regions":
            return set(answer["regions"][0]["price_origins"])
        return {row["price_origin"] for row in answer["prices"] if row["purchase"] == "on_demand"}

    assert origins() == {"snapshot"}
    assert server.requests == []
    assert "live" in origins("--refresh")
    made = len(server.requests)
    assert made > 0
    assert "cached" in origins()
    assert len(server.requests) == made


def test_a_discount_is_in_the_price(run, tmp_path):
    settings = tmp_path / "melange-cloud.toml"
    settings.write_text('[[discount]]\nprovider = "aws"\npercent = 10\n', encoding="utf-8")
    ran = run("gpus", "--region", "us-east-1", "--gpu", "L4", "--format", "json", MELANGE_CLOUD_CONFIG=str(settings))
    (found,) = prices(json.loads(ran.stdout), purchase="on_demand")
    assert found["usd_per_gpu_hour"] == pytest.approx(0.8048 * 0.9)
