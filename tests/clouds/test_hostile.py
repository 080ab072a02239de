"""Whatever one cloud's server does, the other cloud's prices and the plan survive, and one clean line says why."""

import json
import tracemalloc

import pytest
from typer.testing import CliRunner

from melange_cloud import catalog
from melange_cloud.cli.app import app
from melange_cloud.market import gather
from tests.clouds.hostile import MODES, MOST_PAGES, hostile

REGION = {"aws": "us-east-1", "gcp": "us-central1"}
SAID = {
    "drip": "no answer within 60 s",
    "drip in the head": "no answer within 60 s",
    "silence": "no answer within 60 s",
    "endless tokens": f"{MOST_PAGES} pages|{MOST_PAGES} have come",
    "repeated tokens": "repeat without end|keeps repeating the page",
    "gzip bomb": "larger than 1 MiB|no PriceList|malformed",
    "endless body": "larger than 1 MiB",
    "giant length": "larger than 1 MiB",
    "redirected elsewhere": "redirects to another host|AWS rejected the request",
    "redirected to itself": "redirects to another host|AWS rejected the request",
}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("mode", MODES)
def test_a_hostile_server_costs_its_own_cloud_alone(mode, cloud, monkeypatch, tmp_path):
    other = "gcp" if cloud == "aws" else "aws"
    selected = [region for region in catalog.load_regions() if region.name in REGION.values()]
    with hostile(mode, cloud, monkeypatch, tmp_path):
        gathered = gather.gather(selected, ["on_demand"])
    origins = {
        provider: {offer.origin for offer in gathered.catalog.offers_in(provider, region, "on_demand")}
        for provider, region in REGION.items()
    }
    assert origins == {other: {"live"}, cloud: {"snapshot"}}
    (note,) = gathered.notes
    assert note.endswith(" snapshot prices)")
    assert note.isprintable()
    assert len(note) < 400
    assert not SAID.get(mode) or any(words in note for words in SAID[mode].split("|")), note


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize("mode", ["drip", "deep JSON", "escape sequences", "endless tokens"])
def test_a_plan_survives_end_to_end(mode, cloud, monkeypatch, tmp_path):
    ask = ("plan", "--region", "us-east-1", "--region", "us-central1", "--rate", "1", "--format", "json")
    with hostile(mode, cloud, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(app, [*ask])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {one["region"]: one["status"] for one in document["regions"]} == dict.fromkeys(REGION.values(), "optimal")
    assert {one["provider"]: {line["price_origin"] for line in one["allocations"]} for one in document["regions"]} == {
        cloud: {"snapshot"},
        "gcp" if cloud == "aws" else "aws": {"live"},
    }
    assert all(line.isprintable() for line in document["notices"])


def test_what_must_be_fresh_is_refused_with_5_when_the_deadline_passes(monkeypatch, tmp_path):
    with hostile("drip", "aws", monkeypatch, tmp_path, alone=True):
        monkeypatch.chdir(tmp_path)
        result = CliRunner().invoke(app, ["plan", "--region", "us-east-1", "--require-fresh", "--deadline", "30s"])
    assert result.exit_code == 5
    assert "no answer within 30 s" in result.stderr, result.stderr


def test_a_bomb_takes_no_more_memory_than_the_bound(monkeypatch, tmp_path):
    """20 MiB of blanks in 20 kB, with a bound of one MiB."""
    selected = [region for region in catalog.load_regions() if region.name == "us-central1"]
    with hostile("gzip bomb", "gcp", monkeypatch, tmp_path, alone=True):
        gather.gather(selected, ["on_demand"], trust=gather.PricePolicy(offline=True))  # what is imported once
        tracemalloc.start()
        gather.gather(selected, ["on_demand"])
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 60e6
