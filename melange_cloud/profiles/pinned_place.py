"""The paths of shipped measured profiles, for each engine and for the mean of engines."""

from pathlib import Path

from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.estimator.specs import Era


def pinned_place(era: Era, engine: str, model: str, precision: str, gpu: str) -> Path:
    """A measured profile's path under profiles/pinned: ``2025/...`` for the mean, ``2025-vllm/...`` for an engine.

    Args:
        engine: MEAN_OF_ENGINES, or one of the era's; some eras have only one.
    """
    has_several = MEAN_OF_ENGINES in era.engines and engine != MEAN_OF_ENGINES
    return Path(f"{era.name}-{engine}" if has_several else era.name) / model / precision / f"{gpu}.csv"
