"""A profile's rates by request size within targets, behind its HTTP front end."""

from melange_cloud.domain import MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.domain.profile_rates import MeasuredRate, ProfileRates, RefusedSize, ServedSize
from melange_cloud.domain.question import DEFAULT_CACHED_INPUT
from melange_cloud.errors import Finding
from melange_cloud.estimator.specs import TENSOR_PARALLEL_DEGREES
from melange_cloud.profiles.estimates.listed_sizes import INPUT_TOKENS, LONG_OUTPUT_TOKENS, OUTPUT_TOKENS
from melange_cloud.profiles.front_end import DEFAULT_API_SERVERS, request_s
from melange_cloud.profiles.law.find_law import law_of
from melange_cloud.profiles.law.profile_law import ProfileLaw
from melange_cloud.profiles.max_tput.profile import GridCell, Profile
from melange_cloud.profiles.served_profile import served_profile
from melange_cloud.profiles.user_measurements import import_notices, imports_of


def profile_rates(
    profile: Profile,
    slo: Slo,
    api_servers: int = DEFAULT_API_SERVERS,
    cached_input: float = DEFAULT_CACHED_INPUT,
    *,
    with_law: bool = False,
) -> ProfileRates:
    """MaxTput at every size that the profile has operating points for.

    Args:
        cached_input: the share with which the profile was loaded.
        with_law: whether to include how long one step takes.

    Raises:
        BadFile: a row of the profile is broken.
    """
    served = served_profile(profile, api_servers)
    cells, front_end = served.cells(slo), served.front_end
    imports = imports_of(profile)
    found = law_of(profile) if with_law else None
    return ProfileRates(
        model=profile.model,
        gpu=profile.kind.gpu,
        tensor_parallel=profile.kind.tensor_parallel,
        era=profile.era,
        engine=profile.engine,
        precision=profile.precision,
        target_tpot_ms=_none_if_infinite(slo.tpot_ms),
        target_p99_tpot_ms=_none_if_infinite(slo.p99_tpot_ms),
        target_ttft_ms=_none_if_infinite(slo.ttft_ms),
        target_e2e_ms=_none_if_infinite(slo.e2e_ms),
        max_total_tokens=profile.max_total_tokens,
        max_num_seqs=profile.max_num_seqs,
        api_servers=api_servers,
        source=profile.source,
        calibration=profile.table.header.calibration,
        imports=tuple(imports),
        cells=tuple(_served(cell, cell.served, profile) for cell in cells if isinstance(cell.served, MaxTput)),
        refused=tuple(
            _refused(cell, cell.served, profile) for cell in cells if isinstance(cell.served, UnservableSize)
        ),
        reach_tokens=profile.reach_tokens,
        front_end_requests_per_s=None if front_end is None else api_servers / request_s(front_end.law, 1),
        notices=(*import_notices(imports, profile.engine), *profile.notes),
        cached_input=cached_input,
        law=found.stated if isinstance(found, ProfileLaw) else None,
        law_refused=found if isinstance(found, Finding) else None,
    )


def _served(cell: GridCell, served: MaxTput, profile: Profile) -> ServedSize:
    measured = None
    if served.engine_origin == "measured":
        measured = _measured(served, profile.points[cell.input_tokens, cell.output_tokens])
    return ServedSize(
        input_tokens=cell.input_tokens,
        output_tokens=cell.output_tokens,
        requests_per_s=served.requests_per_s,
        tpot_ms=cell.tpot_ms,
        origin=served.origin,
        grade=served.grade,
        error=served.error,
        error_down=served.error_down,
        limited_by=served.limited_by,
        on_grid=_on_grid(cell),
        measured=measured,
    )


def _measured(served: MaxTput, points: tuple[OperatingPoint, ...]) -> MeasuredRate:
    return MeasuredRate(
        requests_per_s=served.engine_requests_per_s,
        grade=served.engine_grade,
        limited_by=served.engine_limited_by,
        sources=tuple(sorted({point.source.partition(";")[0] for point in points if point.source})),
        measured_on=max((point.measured_on for point in points if point.measured_on is not None), default=None),
    )


def _refused(cell: GridCell, refusal: UnservableSize, profile: Profile) -> RefusedSize:
    return RefusedSize(
        input_tokens=cell.input_tokens,
        output_tokens=cell.output_tokens,
        reason=refusal.reason,
        no_data=refusal.no_data,
        may_be_requests_per_s=None if refusal.may_be is None else refusal.may_be.requests_per_s,
        more_gpus_help=refusal.more_gpus_help and profile.kind.tensor_parallel < max(TENSOR_PARALLEL_DEGREES),
        on_grid=_on_grid(cell),
    )


def _on_grid(cell: GridCell) -> bool:
    return cell.input_tokens in INPUT_TOKENS and cell.output_tokens in (*OUTPUT_TOKENS, *LONG_OUTPUT_TOKENS)


def _none_if_infinite(target_ms: float) -> float | None:
    return None if target_ms == float("inf") else target_ms
