"""How long one step of a replica takes, as a part of a profile's page."""

from collections.abc import Iterator

from melange_cloud.domain.stated_law import ReplicaLimits, StatedLaw
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.report.blocks import Block, Column, LabelledLines, Sheet, TitledSheet
from melange_cloud.report.text import GLUE, number, percent, quantity

_TITLE = "How long one step takes (step law)"
_COLUMNS = (Column("Term"), Column("Time", right=True), Column("Of", least=30))
_THOUSAND = 1000


def law_blocks(law: StatedLaw) -> Iterator[Block]:
    """Its terms, and what it rests on."""
    formula = "One step: √(read² + (multiply × tokens)²), and the other terms added"
    yield TitledSheet(_TITLE, Sheet(_COLUMNS, tuple(_terms(law.law)), notes=(formula,)))
    yield LabelledLines((("Law", (_rests_on(law),)), ("Limits", (_limits(law.limits),))))


def _terms(law: StepLaw) -> Iterator[tuple[str, str, str]]:
    yield "read", _ms(law.read_s), "reading the weights, once a step"
    yield "multiply", _us(law.token_s), "a token, decoded or prefilled; overlaps with reading"
    if law.moved_s:
        yield "move", _us(law.moved_s), "a token, between the GPUs of a replica"
    yield "cache", _us(law.cache_s * _THOUSAND), "1,000 tokens of context of the requests that decode"
    if law.windowed_cache_s:
        yield "window", _us(law.windowed_cache_s * _THOUSAND), "the same in layers with a sliding window"
    yield "fixed", _ms(law.fixed_s), "a step"
    yield "request", _us(law.request_s), "a request that decodes"
    yield "prompt", _ms(law.prompt_s), "a prompt that is prefilled"
    yield "attention", _ms(law.attention_s * _THOUSAND**2), "a prompt of 1,000 tokens; grows with their square"
    if not law.mixed_steps:
        yield "own step", _ms(law.prefill_step_s), "a prefill, which has steps of its own"


def _rests_on(law: StatedLaw) -> str:
    """``scaled to 20 measured points, off by 1.2 % of TPOT in the median, 5.7 % at p90``."""
    if law.residual_median is None:
        return "the calibration's, from which the operating points are computed"
    off = f"{percent(law.residual_median, 1)} of TPOT in the median, {percent(law.residual_p90, 1)} at p90"
    if law.basis == "scaled":
        points = "one measured point" if law.points == 1 else f"{number(law.points)} measured points"
        met = "" if law.points == law.point_sizes else f"; off by {off}"
        return f"the calibration's, scaled to {points} ({_factors(law)}){met}"
    far = "; other sizes may be off by a third" if law.point_sizes == 1 else ""
    return f"fitted to {number(law.points)} operating points of {_request_sizes(law)}; off by {off}{far}"


def _factors(law: StatedLaw) -> str:
    """``times 0.955 to 1.05 near 4 sizes``."""
    factors = sorted(size.factor for size in law.sizes)
    span = f"{factors[0]:.3g}" if len(factors) == 1 else f"{factors[0]:.3g} to {factors[-1]:.3g}"
    return f"times {span} near {_request_sizes(law)}"


def _request_sizes(law: StatedLaw) -> str:
    return "one request size" if law.point_sizes == 1 else f"{number(law.point_sizes)} request sizes"


def _limits(of: ReplicaLimits) -> str:
    cache = "cache of unknown size" if of.cache_tokens is None else f"{number(of.cache_tokens)} tokens of cache"
    held = f"a request holds its input + {quantity(of.growth)} × its output, in blocks of {of.block_tokens}"
    step = f"{number(of.max_num_batched_tokens)} tokens a step"
    return f"{number(of.max_num_seqs)} requests at once, {step}, {cache}; {held}"


def _ms(seconds: float) -> str:
    return f"{quantity(float(f'{1000 * seconds:.3g}'))}{GLUE}ms"


def _us(seconds: float) -> str:
    return f"{quantity(float(f'{1e6 * seconds:.3g}'))}{GLUE}µs"
