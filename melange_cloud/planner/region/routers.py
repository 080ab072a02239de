"""What each router would make of a region's question."""

from melange_cloud.domain import Solution, Status
from melange_cloud.planner.region_question import RegionQuestion


def cheapest_by_router(question: RegionQuestion) -> dict[str, Solution]:
    """The cheapest fleet under each router, including the requested one.

    A router that knows more never costs more (oracle <= prompt <= plain; see ``PosedProblem.coarser``), so where the
    best and the least informed cost the same, the one between them does too.
    """

    def solved(router: str) -> Solution:
        same = router == question.rules.router
        return question.cost_of(question.posed if same else question.posed_with(router=router))

    ends = {router: solved(router) for router in ("plain", "oracle")}
    decided = all(solution.status is Status.OPTIMAL for solution in ends.values())
    level = decided and ends["plain"].fleet_usd_per_hour == ends["oracle"].fleet_usd_per_hour
    prompt = ends["plain"] if level else solved("prompt")
    return {"plain": ends["plain"], "prompt": prompt, "oracle": ends["oracle"]}
