"""The cheapest mix of GPU instances to serve LLM traffic within a latency target, region by region.

The same answer as ``melange-cloud plan``, from a script or a notebook::

    import melange_cloud

    plan = melange_cloud.answer(melange_cloud.Question(regions=("us-east-1", "us-central1"), workload="chat",
                                                      peak_requests_per_s=40, tpot_ms=60))
    plan.regions[0].usd_per_month      # cheapest first
    melange_cloud.frames(plan)["allocations"]
    melange_cloud.sensitivity(melange_cloud.Question(regions=("us-east-1",)), "rate", 1, 32)

In a notebook a plan, one of its regions, a sweep and a heat map show themselves as pages.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melange_cloud.domain import Plan, RegionPlan
    from melange_cloud.planner import Question, answer
    from melange_cloud.planner.heatmap import heat_map
    from melange_cloud.planner.sweep.sensitivity import sensitivity
    from melange_cloud.report.data_frames import frames

__all__ = ["Plan", "Question", "RegionPlan", "answer", "frames", "heat_map", "sensitivity"]

_HOMES = {
    "Plan": "melange_cloud.domain",
    "RegionPlan": "melange_cloud.domain",
    "Question": "melange_cloud.planner",
    "answer": "melange_cloud.planner",
    "frames": "melange_cloud.report.data_frames",
    "heat_map": "melange_cloud.planner.heatmap",
    "sensitivity": "melange_cloud.planner.sweep.sensitivity",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that ``import melange_cloud`` is instant.

    From then on answers show themselves in a notebook.
    """
    if name in _HOMES:
        import_module("melange_cloud.domain.displayed").display_with(_notebook_html)
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _notebook_html(answer: object) -> str:
    """An answer's page as HTML; pages are loaded when one is shown."""
    html: str = import_module("melange_cloud.report.notebook").notebook_html(answer)
    return html


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
