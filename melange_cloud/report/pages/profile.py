"""What one replica of a profile serves by request size, as a page."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from melange_cloud.domain import FRONT_END
from melange_cloud.domain.profile_rates import MeasuredRate, ProfileRates, RefusedSize, ServedSize
from melange_cloud.report.blocks import Block, Column, LabelledLines, Paragraph, Sheet
from melange_cloud.report.json_ import object_of
from melange_cloud.report.page import Page
from melange_cloud.report.pages.law_terms import law_blocks
from melange_cloud.report.sentences import CACHE_EFFECT, era_and_engine, of_input
from melange_cloud.report.text import GLUE, UNKNOWN, clean, number

SCHEMA_VERSION = 1

COLUMNS = (
    "model",
    "precision",
    "gpu",
    "tensor_parallel",
    "era",
    "engine",
    "api_servers",
    "cached_input",
    "target_tpot_ms",
    "target_p99_tpot_ms",
    "target_ttft_ms",
    "target_e2e_ms",
    "input_tokens",
    "output_tokens",
    "requests_per_s",
    "tpot_ms",
    "origin",
    "grade",
    "error",
    "error_down",
    "limited_by",
    "refused",
)
"""One row per size; ``refused`` says why one is not served, and its rate is empty then."""

FRONT_END_MARK = "^"
MAY_BE_NONE_MARK = "?"
NONE_OR_FEW_MARK = "D?"
_CORNER = f"Input{GLUE}\\{GLUE}output"


def profile_page(
    shown: Sequence[ProfileRates],
    left_out: Mapping[str, str],
    *,
    several: bool,
    counted: Mapping[str, object] | None = None,
) -> Page:
    """One profile after the other.

    Args:
        left_out: GPU -> why it has no profile.
        several: whether the JSON lists profiles, as several GPUs were requested; else it is that of the only one.
        counted: what else the JSON says of a model that was estimated by its config.
    """
    return Page(
        blocks=lambda _: _blocks(shown, left_out),
        document=_document(shown, left_out, several=several, more=counted or {}),
        columns=COLUMNS,
        rows=[row for rates in shown for row in _rows(rates)],
        schema_version=SCHEMA_VERSION,
    )


def _document(
    shown: Sequence[ProfileRates], left_out: Mapping[str, str], *, several: bool, more: Mapping[str, object]
) -> dict[str, object]:
    if not several:
        return {**object_of(shown[0]), **more}
    profiles = [{"schema_version": SCHEMA_VERSION, **object_of(rates)} for rates in shown]
    return {**more, "profiles": profiles, "left_out": left_out}


def _blocks(shown: Sequence[ProfileRates], left_out: Mapping[str, str]) -> Iterator[Block]:
    for rates in shown:
        yield from _profile(rates)
    if left_out:
        yield Paragraph(tuple(f"Left out: {gpu}: {clean(reason)}" for gpu, reason in left_out.items()))


def _profile(rates: ProfileRates) -> Iterator[Block]:
    title = f"{clean(rates.model)} {clean(rates.precision)} on {rates.kind}, {era_and_engine(rates.era, rates.engine)}"
    yield Paragraph((title,), strong=True)
    refusal = nothing_served(rates)
    if refusal:
        yield Paragraph((refusal,))
    if not refusal or _has_few(rates):
        target = f"within {within(rates)}" if within(rates) else "at saturation"
        lines = [f"Requests/s of one replica {target}, by input and output tokens, with grade"]
        if rates.cached_input:
            lines.append(f"{of_input(rates.cached_input)} from the prefix cache: {CACHE_EFFECT}")
        yield Paragraph(tuple(lines))
        yield from _tables(rates)
    measured = tuple(_measured(size, size.measured) for size in rates.cells if size.measured is not None)
    if measured:
        yield LabelledLines((("Measured", measured),))
    if rates.law is not None:
        yield from law_blocks(rates.law)
    if rates.law_refused is not None:
        yield Paragraph((f"No step law: {clean(rates.law_refused)}",))
    if rates.notices:
        yield Paragraph(tuple(map(clean, rates.notices)))
    reach = f"Reach {number(rates.reach_tokens)} tokens, at most {number(rates.max_num_seqs)} requests at once"
    yield Paragraph((*_legend(rates), reach))
    yield LabelledLines((("Source", (clean(rates.source),)), ("Calibration", (clean(rates.calibration),))))


def _legend(rates: ProfileRates) -> Iterator[str]:
    """What the letters and marks of the tables mean, as far as they are there."""
    few = _has_few(rates)
    if not rates.cells and not few:
        return
    refused = f"; -{GLUE}cannot be served in time" if any(size.on_grid for size in rates.refused) else ""
    yield f"Grade A measured, B ±20{GLUE}%, C ±30{GLUE}%, D ±50{GLUE}% (borrowed, or near a limit){refused}"
    if few or any(size.on_grid and size.error_down >= 1 for size in rates.cells):
        below = "; <= none as stated, or few" if few else ""
        yield f"D{MAY_BE_NONE_MARK} near the latency floor: may be none, or several times as much{below}"
    most = rates.front_end_requests_per_s
    if most is not None and any(size.limited_by == FRONT_END for size in rates.cells):
        servers = f"{rates.api_servers} API server{'' if rates.api_servers == 1 else 's'}"
        yield (
            f"{FRONT_END_MARK} limited by the HTTP front end ({servers}: at most {most:.3g} requests/s, fewer with "
            f"longer answers): --api-servers"
        )


def within(rates: ProfileRates) -> str:
    """The targets: ``100 ms per output token, 500 ms TTFT``; empty if there is none."""
    targets = (
        (rates.target_tpot_ms, "per output token"),
        (rates.target_p99_tpot_ms, "p99 TPOT"),
        (rates.target_ttft_ms, "TTFT"),
        (rates.target_e2e_ms, "end to end"),
    )
    return ", ".join(f"{limit_ms:g} ms {what}" for limit_ms, what in targets if limit_ms is not None)


def nothing_served(rates: ProfileRates) -> str:
    """Why no size is served within the targets, one sentence; empty if one is."""
    refusal = rates.why_nothing
    if refusal is None:
        return ""
    cure = "; more GPUs per replica (--tp) are faster" if refusal.more_gpus_help else ""
    what = f"is known of {within(rates)}" if refusal.no_data else f"is served within {within(rates)}"
    whose = f"{clean(rates.model)} {clean(rates.precision)} on {rates.kind}"
    return f"{whose}: nothing {what}: {clean(refusal.reason)}{cure}"


def _tables(rates: ProfileRates) -> Iterator[Sheet]:
    """Input tokens down, output tokens to the right; long outputs, with fewer inputs each, in another table."""
    shown = {(size.input_tokens, size.output_tokens): _rate(size) for size in rates.cells if size.on_grid}
    shown |= {(size.input_tokens, size.output_tokens): _none_or_few(size) for size in rates.refused if size.on_grid}
    inputs_of = {
        output_tokens: [size[0] for size in shown if size[1] == output_tokens]
        for output_tokens in sorted({output_tokens for _, output_tokens in shown})
    }
    most = max(map(len, inputs_of.values()), default=0)
    for _, outputs in groupby(inputs_of, key=lambda output_tokens: 2 * len(inputs_of[output_tokens]) > most):
        columns = list(outputs)
        rows = sorted({input_tokens for output_tokens in columns for input_tokens in inputs_of[output_tokens]})
        yield Sheet(
            (Column(_CORNER, right=True), *(Column(number(tokens), right=True) for tokens in columns)),
            tuple((number(row), *(shown.get((row, tokens), "") for tokens in columns)) for row in rows),
            keys=1,
        )


def _rate(size: ServedSize) -> str:
    """``36.8^B``, ``0.33 D?``: the rate, whether the front end limits it, its grade, whether it may be none."""
    mark = FRONT_END_MARK if size.limited_by == FRONT_END else GLUE
    return f"{size.requests_per_s:.3g}{mark}{size.grade}{MAY_BE_NONE_MARK if size.error_down >= 1 else ''}"


def _has_few(rates: ProfileRates) -> bool:
    """Whether a size of the grid is refused as stated, and may be served at the high end of its error."""
    return any(size.on_grid and size.may_be_requests_per_s is not None for size in rates.refused)


def _none_or_few(size: RefusedSize) -> str:
    few = size.may_be_requests_per_s
    return UNKNOWN if few is None else f"<={few:.3g}{GLUE}{NONE_OR_FEW_MARK}"


def _measured(size: ServedSize, measured: MeasuredRate) -> str:
    """A measured size, which seldom is on the grid."""
    served = f"{measured.requests_per_s:.3g} requests/s {measured.grade}, limit: {measured.limited_by}"
    if size.limited_by == FRONT_END:
        served += f" (the HTTP front end takes {size.requests_per_s:.3g})"
    day = [] if measured.measured_on is None else [f"{measured.measured_on}"]
    sources = [clean("; ".join(measured.sources))] if measured.sources else []
    return ", ".join([f"{number(size.input_tokens)} + {number(size.output_tokens)} tokens: {served}", *day, *sources])


def _rows(rates: ProfileRates) -> Iterator[tuple[object, ...]]:
    whose = (
        *(rates.model, rates.precision, rates.gpu, rates.tensor_parallel, rates.era, rates.engine),
        *(rates.api_servers, rates.cached_input),
        *(rates.target_tpot_ms, rates.target_p99_tpot_ms, rates.target_ttft_ms, rates.target_e2e_ms),
    )
    sizes: list[ServedSize | RefusedSize] = [*rates.cells, *rates.refused]
    for size in sorted(sizes, key=lambda size: (size.input_tokens, size.output_tokens)):
        yield (*whose, size.input_tokens, size.output_tokens, *_figures(size))


def _figures(size: ServedSize | RefusedSize) -> tuple[object, ...]:
    if isinstance(size, RefusedSize):
        return (None,) * 7 + (size.reason,)
    errors = (size.error, size.error_down)
    return (size.requests_per_s, size.tpot_ms, size.origin, size.grade, *errors, size.limited_by, None)
