"""The cheapest fleet of each GPU alone."""

from melange_cloud.domain import Kind, Problem, SingleGpuFleet, Solution, Status
from melange_cloud.planner.obstacles import why_not_alone
from melange_cloud.planner.posed_problem import PosedProblem
from melange_cloud.planner.problem_solver import best_of, only_gpu, serves_all
from melange_cloud.planner.region_question import RegionQuestion


def single_gpu_fleets(question: RegionQuestion, plan_usd_per_hour: float | None) -> tuple[SingleGpuFleet, ...]:
    """The cheapest fleet of each GPU alone, in whatever degrees, or why it has none."""
    posed = question.posed
    if posed.problem is None:
        return _refused_alone(posed)
    gpus = sorted({kind.gpu for kind in posed.problem.kinds})
    # A GPU that serves with one degree is not refused for another that cannot.
    fleets = [fleet for fleet in _refused_alone(posed) if fleet.gpu not in gpus]
    for gpu in gpus:
        alone = [only_gpu(problem, gpu) for problem in posed.problems]
        obstacles = _obstacles(alone[0], question)
        if obstacles:
            fleets += [_single_gpu_fleet(gpu, kind.tensor_parallel, solution, None) for kind, solution in obstacles]
            continue
        solution = best_of([question.solving.solve_one_gpu(one) for one in alone if serves_all(one)])
        degrees = {kind.tensor_parallel for _, kind in solution.instances}
        fleets.append(_single_gpu_fleet(gpu, degrees.pop() if len(degrees) == 1 else None, solution, plan_usd_per_hour))
    return tuple(sorted(fleets, key=lambda fleet: (fleet.gpu, fleet.tensor_parallel or 0)))


def _obstacles(alone: Problem, question: RegionQuestion) -> list[tuple[Kind, Solution]]:
    """Why a GPU cannot serve everything, by degree; empty where its degrees together can."""
    if serves_all(alone):
        return []
    buckets, table = question.asked.workload.buckets, question.evaluated.max_tput
    found = {kind: why_not_alone(kind, buckets, table) for kind in alone.kinds}
    return [
        (kind, Solution(Status.INFEASIBLE, reason=str(obstacle)))
        for kind, obstacle in found.items()
        if obstacle is not None
    ]


def _refused_alone(posed: PosedProblem) -> tuple[SingleGpuFleet, ...]:
    return tuple(
        _single_gpu_fleet(
            kind.gpu,
            kind.tensor_parallel,
            Solution(Status.UNKNOWN if kind in posed.unknown_kinds else Status.INFEASIBLE, reason=str(obstacle)),
            None,
        )
        for kind, obstacle in sorted(posed.refused_kinds.items())
    )


def _single_gpu_fleet(
    gpu: str, tensor_parallel: int | None, solution: Solution, plan_usd_per_hour: float | None
) -> SingleGpuFleet:
    """What one GPU alone would cost, next to the plan; without a degree where the fleet has several."""
    saving = None
    if solution.fleet_usd_per_hour and plan_usd_per_hour is not None:
        saving = 1 - plan_usd_per_hour / solution.fleet_usd_per_hour
    return SingleGpuFleet(
        gpu=gpu,
        tensor_parallel=tensor_parallel,
        status=solution.status,
        reason=solution.reason,
        fleet_usd_per_hour=solution.fleet_usd_per_hour,
        instances=solution.instance_counts,
        saving_fraction=saving,
    )
