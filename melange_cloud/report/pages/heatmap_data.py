"""What programs and spreadsheets read of a HeatMap."""

from collections.abc import Iterator

from melange_cloud.domain.heatmap import HeatMap
from melange_cloud.report.json_ import object_of, values_of
from melange_cloud.report.text import clean

UNIT = "input + output tokens/s per USD/h"

COLUMNS = (
    "generated_at",
    "provider",
    "region",
    "model",
    "precision",
    "era",
    "engine",
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
    "profile_error_down",
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


def document(shown: HeatMap) -> dict[str, object]:
    """The fields of domain/heatmap.py under their own names, and the unit of T/$."""
    return {"unit": UNIT, **object_of(shown)}


def rows(shown: HeatMap) -> Iterator[tuple[object, ...]]:
    """The rows under COLUMNS."""
    for row in _named_rows(shown):
        yield tuple(row.get(column) for column in COLUMNS)


def _named_rows(shown: HeatMap) -> Iterator[dict[str, object]]:
    prices = {(price.gpu, price.tensor_parallel): price for price in shown.prices}
    for cell in shown.cells:
        common: dict[str, object] = {
            "generated_at": shown.generated_at,
            "provider": shown.provider,
            "region": clean(shown.region),
            "model": shown.model,
            "precision": shown.precision,
            "era": shown.era,
            "engine": shown.engine,
            "purchase": shown.purchase,
            "input_tokens": cell.input_tokens,
            "output_tokens": cell.output_tokens,
            "tpot_ms": cell.tpot_ms,
        }
        for rank, one in enumerate(cell.ranked, 1):
            price = prices[one.gpu, one.tensor_parallel]
            behind = cell.ranked[rank] if rank < len(cell.ranked) else None
            yield {
                **common,
                "rank": rank,
                "gpu": one.gpu,
                "tensor_parallel": one.tensor_parallel,
                "requests_per_s": one.requests_per_s,
                "tokens_per_s": one.tokens_per_s,
                "tokens_per_s_per_usd_per_hour": one.tokens_per_s_per_usd_per_hour,
                "clear_of_next": None if behind is None else "yes" if one.is_clear_of(behind) else "no",
                "profile_origin": one.origin,
                "profile_grade": one.grade,
                "profile_error": one.error,
                "profile_error_down": one.error_down,
                "limited_by": one.limited_by,
                "instance_type": clean(price.instance_type),
                "replicas_per_instance": price.replicas_per_instance,
                "usd_per_hour_each": price.usd_per_instance_hour,
                "usd_per_hour_per_replica": price.usd_per_replica_hour,
                **values_of(price.price),
                "price_source": clean(price.price.source),
            }
        for gpu, reason in sorted(cell.refused.items()):
            yield {**common, "gpu": gpu, "refused": clean(reason)}
