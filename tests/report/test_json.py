"""The JSON: valid by its schema, nothing undescribed, and enough to recompute the answer."""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_type_hints

import pytest
from jsonschema import Draft202012Validator

from melange_cloud.domain import Plan, PlanBasis
from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema
from tests.report import forms, plans
from tests.schemas import closed

SCHEMA: dict[str, Any] = schema(json_documents.PLAN)
PAGES = plans.pages()
Document = dict[str, Any]


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def document(plan: Plan) -> Document:
    loaded: Document = json.loads(forms.as_json(plan), parse_constant=refuse_constant)
    return loaded


def faults(loaded: Document, schema: Any = SCHEMA) -> list[str]:
    checker = Draft202012Validator.FORMAT_CHECKER
    return [error.message for error in Draft202012Validator(schema, format_checker=checker).iter_errors(loaded)]


def test_the_schema_is_one_and_describes_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    def check(schema: Any, path: str) -> None:
        for name, part in schema.get("properties", {}).items():
            assert "description" in part or "$ref" in part or path.endswith("routers"), f"{path}.{name}"
            check(part, f"{path}.{name}")

    check(SCHEMA, "")
    for name, part in SCHEMA["$defs"].items():
        assert part["description"], name
        check(part, name)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_document_is_valid_and_holds_nothing_undescribed(name: str) -> None:
    assert faults(document(PAGES[name]), closed(SCHEMA)) == []


def test_the_documented_fields_are_there() -> None:
    loaded = document(PAGES["one-region"])
    assert list(loaded) == [
        "schema_version",
        "generated_at",
        "notices",
        "defaulted",
        "request",
        "regions",
        "imports",
        "first_rank",
        "no_profile",
        "named",
        "against",
        "minor_notices",
    ]
    assert loaded["schema_version"] == 1
    assert loaded["generated_at"] == "2026-11-22T12:00:05Z"
    assert loaded["notices"][:2] == [plans.EXAMPLE, plans.SNAPSHOT]
    assert set(loaded["request"]) == {
        field.name for part in get_type_hints(PlanBasis).values() for field in fields(part)
    }
    region = loaded["regions"][0]
    assert region["status"] == "optimal"
    assert region["allocations"][0]["price_as_of_to"] == "2026-07-20"
    assert region["routing"][0]["input_tokens"] == [25, 100]
    assert region["single_gpu"][0]["instances"] == {"g5.2xlarge": 11}
    assert region["gap"] == 0
    assert set(region["routers"]) == {"plain", "prompt", "oracle"}


Breakage = Callable[[Document], object]
BROKEN: dict[str, Breakage] = {
    "another version": lambda loaded: loaded.update(schema_version=2),
    "no notices": lambda loaded: loaded.pop("notices"),
    "a local time": lambda loaded: loaded.update(generated_at="2026-11-22 12:00:05"),
    "an unknown status": lambda loaded: loaded["regions"][0].update(status="ok"),
    "a fleet without a cost": lambda loaded: loaded["regions"][0].update(usd_per_hour=None),
    "a fleet without allocations": lambda loaded: loaded["regions"][0].update(allocations=[]),
    "a fleet with a reason against it": lambda loaded: loaded["regions"][0].update(reason="too dear"),
    "no fleet but allocations": lambda loaded: loaded["regions"][0].update(status="infeasible", usd_per_hour=None),
    "a cost in words": lambda loaded: loaded["regions"][0].update(usd_per_hour="12.39"),
    "half an instance": lambda loaded: loaded["regions"][0]["allocations"][0].update(instances=0.5),
    "no instance": lambda loaded: loaded["regions"][0]["allocations"][0].update(instances=0),
    "a free price": lambda loaded: loaded["regions"][0]["allocations"][0].update(usd_per_hour_each=0),
    "a price without a source": lambda loaded: loaded["regions"][0]["allocations"][0].pop("price_source"),
    "no date": lambda loaded: loaded["regions"][0]["allocations"][0].update(price_as_of_to="July"),
    "a day that is not": lambda loaded: loaded["regions"][0]["allocations"][0].update(price_as_of_to="2026-02-30"),
    "a share above one": lambda loaded: loaded["regions"][0]["routing"][0].update(share=1.2),
    "a range with one end": lambda loaded: loaded["regions"][0].update(usd_per_month_range=[1.0]),
    "an open bucket": lambda loaded: loaded["regions"][0]["routing"][0].update(input_tokens=[25]),
    "an unknown router": lambda loaded: loaded["request"].update(router="magic"),
    "no rate": lambda loaded: loaded["request"].update(peak_requests_per_s=0),
    "a silent omission": lambda loaded: loaded["regions"][0]["left_out"][0].update(reason=""),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_the_schema_rejects(name: str) -> None:
    loaded = document(PAGES["one-region"])
    broken = copy.deepcopy(loaded)
    BROKEN[name](broken)
    assert faults(loaded) == []
    assert faults(broken) != []


def test_later_fields_are_tolerated() -> None:
    loaded = document(PAGES["one-region"])
    loaded["regions"][0]["carbon_g_per_hour"] = 1.0
    assert faults(loaded) == []


@pytest.mark.parametrize("name", ["one-region", "several-regions", "seventy-b", "spot", "commitment"])
def test_cost_coverage_load_and_capacity_can_be_recomputed(name: str) -> None:
    loaded = document(PAGES[name])
    request = loaded["request"]
    for region in loaded["regions"]:
        if region["usd_per_hour"] is None:
            continue
        cost = sum(line["instances"] * line["usd_per_hour_each"] for line in region["allocations"])
        assert region["usd_per_hour"] == pytest.approx(cost, rel=1e-9)
        assert region["usd_per_month"] == pytest.approx(cost * request["hours_per_month"], rel=1e-9)
        per_million = region["usd_per_month"] / region["million_tokens_per_month"]
        assert region["usd_per_million_tokens"] == pytest.approx(per_million, rel=1e-9)
        served: dict[tuple[int, ...], float] = {}
        rates: dict[tuple[int, ...], float] = {}
        load: dict[tuple[str, int], float] = {}
        for line in region["routing"]:
            bucket = (*line["input_tokens"], *line["output_tokens"])
            kind = (line["gpu"], line["tensor_parallel"])
            served[bucket] = served.get(bucket, 0.0) + line["share"]
            rates[bucket] = line["bucket_requests_per_s"]
            busy = line["share"] * line["bucket_requests_per_s"] / line["load_requests_per_s"]
            load[kind] = load.get(kind, 0.0) + busy
        assert all(share == pytest.approx(1, rel=1e-9) for share in served.values())
        assert sum(rates.values()) == pytest.approx(request["planned_requests_per_s"], rel=1e-9)
        replicas: dict[tuple[str, int], int] = {}
        for line in region["allocations"]:
            kind = (line["gpu"], line["tensor_parallel"])
            hosted = line["instances"] * (line["gpu_count"] // line["tensor_parallel"])
            assert line["replicas"] == hosted
            replicas[kind] = replicas.get(kind, 0) + hosted
        for use in region["kinds"]:
            kind = (use["gpu"], use["tensor_parallel"])
            assert use["replicas"] == replicas[kind]
            assert use["busy_replicas"] == pytest.approx(load[kind], rel=1e-9)


def test_figures_read_back_as_the_very_same_numbers() -> None:
    price = 0.1 + 0.2
    region = plans.region_plan((plans.allocation(plans.G5, 3, price=price),))
    loaded = document(plans.plan(region))
    assert loaded["regions"][0]["allocations"][0]["usd_per_hour_each"] == price
    assert loaded["regions"][0]["usd_per_hour"] == region.fleet_usd_per_hour


def test_what_is_not_a_number_is_null() -> None:
    region = plans.us_east_1(usd_per_month_range=(math.nan, math.inf), usd_per_million_tokens=math.nan)
    loaded = document(plans.plan(region))
    assert loaded["regions"][0]["usd_per_month_range"] == [None, None]
    assert loaded["regions"][0]["usd_per_million_tokens"] is None


def test_same_plan_same_bytes() -> None:
    plan = plans.plan(plans.us_east_1(), max_gpus={"L4": 3, "A10G": 9})
    turned = plans.plan(plans.us_east_1(), max_gpus={"A10G": 9, "L4": 3})
    assert forms.as_json(plan) == forms.as_json(turned)
    assert forms.as_json(plan).endswith("}\n")
    assert forms.as_json(plan).startswith('{\n  "schema_version": 1,\n')


def test_times_are_utc() -> None:
    summer = datetime(2026, 11, 22, 14, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    for moment in (summer, datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC), summer.astimezone(UTC).replace(tzinfo=None)):
        loaded = document(replace(PAGES["one-region"], generated_at=moment))
        assert loaded["generated_at"] == "2026-11-22T12:00:05Z"


def test_names_from_outside_come_back_unchanged_and_as_ascii() -> None:
    plan = PAGES["hostile"]
    assert document(plan)["regions"][0]["region"] == plan.regions[0].region
    assert forms.as_json(plan).isascii()
