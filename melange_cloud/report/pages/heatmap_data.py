"""A HeatMap as JSON and as CSV."""

import csv
import json
from io import StringIO
from typing import Any

from melange_cloud.domain.heatmap import HeatMap
from melange_cloud.inputs.spreadsheet_cells import safe_cell
from melange_cloud.report.pages.heatmap import UNIT
from melange_cloud.report.text import clean, utc

SCHEMA_VERSION = 1

COLUMNS = (
    "generated_at",
    "provider",
    "region",
    "model",
    "precision",
    "era",
    "purchase",
    "input_tokens",
    "output_tokens",
    "tpot_ms",
    "rank",
    "gpu",
    "tensor_parallel",
    "requests_per_s",
    "tokens_per_s",
    "tokens_per_s_per_usd_per_hour",
    "clear_of_next",
    "profile_origin",
    "profile_grade",
    "profile_error",
    "limited_by",
    "refused",
    "instance_type",
    "replicas_per_instance",
    "usd_per_hour_each",
    "usd_per_hour_per_replica",
    "price_origin",
    "price_age",
    "price_source",
    "price_as_of_from",
    "price_as_of_to",
)
"""The columns of the CSV: one row per cell and GPU, the best first, those that cannot serve last with the reason."""


def heat_map_json(shown: HeatMap) -> str:
    """The map as JSON: the fields of domain/heatmap.py under their own names; None and what is infinite are null."""
    first, last = shown.prices_as_of
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "generated_at": utc(shown.generated_at),
        "notices": list(shown.notices),
        "defaulted": list(shown.defaulted),
        "provider": shown.provider,
        "region": shown.region,
        "model": shown.model,
        "precision": shown.precision,
        "era": shown.era,
        "purchase": shown.purchase,
        "api_servers": shown.api_servers,
        "tpot_ms": shown.tpot_ms,
        "over": shown.over,
        "unit": UNIT,
        "gpus": list(shown.gpus),
        "missing": dict(shown.missing),
        "prices_as_of": [first.isoformat(), last.isoformat()],
        "prices": [
            {
                "gpu": price.gpu,
                "tensor_parallel": price.tensor_parallel,
                "instance_type": price.instance_type,
                "replicas_per_instance": price.replicas_per_instance,
                "usd_per_hour_each": price.usd_per_hour_each,
                "usd_per_hour": price.usd_per_hour,
                "price_origin": price.price_origin,
                "price_age": price.price_age,
                "price_source": price.price_source,
                "price_as_of_from": price.price_as_of_from.isoformat(),
                "price_as_of_to": price.price_as_of_to.isoformat(),
            }
            for price in shown.prices
        ],
        "cells": [
            {
                "input_tokens": cell.input_tokens,
                "output_tokens": cell.output_tokens,
                "tpot_ms": cell.tpot_ms,
                "ranked": [
                    {
                        "gpu": one.gpu,
                        "tensor_parallel": one.tensor_parallel,
                        "requests_per_s": one.requests_per_s,
                        "tokens_per_s": one.tokens_per_s,
                        "tokens_per_s_per_usd_per_hour": one.tokens_per_s_per_usd_per_hour,
                        "origin": one.origin,
                        "grade": one.grade,
                        "error": one.error,
                        "limited_by": one.limited_by,
                    }
                    for one in cell.ranked
                ],
                "clear": len(cell.ranked) > 1 and cell.ranked[0].is_clear_of(cell.ranked[1]),
                "refused": dict(sorted(cell.refused.items())),
            }
            for cell in shown.cells
        ],
        "left_out": [
            {"instance_type": item.instance_type, "reason": item.reason, "code": item.code} for item in shown.left_out
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def heat_map_csv(shown: HeatMap) -> str:
    """The map as CSV, see COLUMNS."""
    prices = {(price.gpu, price.tensor_parallel): price for price in shown.prices}
    page = StringIO()
    writer = csv.DictWriter(page, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()

    def write(row: dict[str, object]) -> None:
        writer.writerow({column: safe_cell(value) for column, value in row.items()})

    for cell in shown.cells:
        common: dict[str, object] = {
            "generated_at": utc(shown.generated_at),
            "provider": shown.provider,
            "region": clean(shown.region),
            "model": shown.model,
            "precision": shown.precision,
            "era": shown.era,
            "purchase": shown.purchase,
            "input_tokens": cell.input_tokens,
            "output_tokens": cell.output_tokens,
            "tpot_ms": "" if cell.tpot_ms is None else cell.tpot_ms,
        }
        for rank, one in enumerate(cell.ranked, 1):
            price = prices[one.gpu, one.tensor_parallel]
            behind = cell.ranked[rank] if rank < len(cell.ranked) else None
            write(
                {
                    **common,
                    "rank": rank,
                    "gpu": one.gpu,
                    "tensor_parallel": one.tensor_parallel,
                    "requests_per_s": one.requests_per_s,
                    "tokens_per_s": one.tokens_per_s,
                    "tokens_per_s_per_usd_per_hour": one.tokens_per_s_per_usd_per_hour,
                    "clear_of_next": "" if behind is None else "yes" if one.is_clear_of(behind) else "no",
                    "profile_origin": one.origin,
                    "profile_grade": one.grade,
                    "profile_error": one.error,
                    "limited_by": one.limited_by,
                    "instance_type": clean(price.instance_type),
                    "replicas_per_instance": price.replicas_per_instance,
                    "usd_per_hour_each": price.usd_per_hour_each,
                    "usd_per_hour_per_replica": price.usd_per_hour,
                    "price_origin": price.price_origin,
                    "price_age": price.price_age,
                    "price_source": clean(price.price_source),
                    "price_as_of_from": price.price_as_of_from.isoformat(),
                    "price_as_of_to": price.price_as_of_to.isoformat(),
                }
            )
        for gpu, reason in sorted(cell.refused.items()):
            write({**common, "gpu": gpu, "refused": clean(reason)})
    return page.getvalue()
