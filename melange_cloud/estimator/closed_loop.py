"""What a replica does with n requests in flight, by its step law: continuous batching.

In closed loop, n requests are in flight: each is prefilled, then decodes for D = O - 1 steps, and the next one takes
its place. Of the n, b decode; the others wait for their first token. In its time a request sees every other one
prefilled once: those that are not while it decodes, while it waits::

    begin = prefill of its own, alone + step(b) (n - 1) / 2n      half a step of the others comes first
    ttft  = begin + (n - 1 - b (n - 1)/n) prefill(b)
    rate  = n / (ttft + D tpot(b))                                Little's law
    b     = n D step(b) / (begin + D step(b))                     which makes b = rate D tpot(b)
"""

import math
from dataclasses import dataclass

from melange_cloud.estimator.roofline import NO_FRONT_END, behind_front_end
from melange_cloud.estimator.specs import FrontEnd
from melange_cloud.estimator.step_law import StepLaw

_DIGITS = 5
_SETTLED = 1e-9
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """One operating point: what a replica does with ``concurrency`` requests in flight."""

    concurrency: int
    requests_per_s: float
    tpot_ms: float
    ttft_ms: float


class ClosedLoop:
    """Requests of one size, always as many in flight."""

    def __init__(
        self,
        law: StepLaw,
        size: tuple[float, float],
        cached_input: float = 0.0,
        front_end: FrontEnd = NO_FRONT_END,
    ) -> None:
        """Prepare what does not depend on how many there are.

        Args:
            size: input and output tokens.
            cached_input: share of the input tokens that a prefix cache holds.
            front_end: the server process before the engine.
        """
        self._law, self._front_end, self._cached = law, front_end, cached_input
        self._input_tokens, output_tokens = size
        self._steps = output_tokens - 1
        self._own_s = law.prefill_s(self._input_tokens, cached_input=cached_input)
        # Of a step without prompts, what each request in it adds; the rest depends on their number by a root.
        self._each_s = law.cache_s * (self._input_tokens + output_tokens / 2) + law.moved_s + law.request_s

    def at(self, concurrency: int) -> Estimate:
        """What happens with ``concurrency`` requests in flight."""
        steps, prefill_s = self._steps, self._law.prefill_s
        others = (concurrency - 1) / concurrency
        decoding = self._decoding(concurrency, others)
        batch, begun = max(decoding, 1.0), decoding * others / steps
        step_s = self._step_s(batch)
        each_s = step_s + prefill_s(self._input_tokens, batch, begun, self._cached)
        if self._front_end is not NO_FRONT_END:
            each_s = behind_front_end(each_s, self._front_end, batch, begun)
        queued = concurrency - 1 - decoding * others
        ttft_s = self._own_s + step_s * others / 2
        ttft_s += queued * prefill_s(self._input_tokens, batch, 1.0, self._cached)
        return Estimate(
            concurrency,
            rounded(concurrency / (ttft_s + steps * each_s)),
            rounded(1000 * each_s),
            rounded(1000 * ttft_s),
        )

    def _step_s(self, batch: float) -> float:
        law = self._law
        return math.hypot(law.read_s, law.token_s * batch) + self._each_s * batch + law.fixed_s

    def _decoding(self, concurrency: int, others: float) -> float:
        """b: of the requests in flight, those that decode; the others wait for their first token."""
        own_s, steps, most = self._own_s, self._steps, concurrency * self._steps
        waits = others / 2 + steps
        decoding = float(concurrency)
        for _ in range(_ROUNDS):
            step_s = self._step_s(decoding if decoding > 1 else 1.0)
            settled = most * step_s / (own_s + waits * step_s)
            if abs(settled - decoding) <= _SETTLED * concurrency:
                break
            decoding = settled
        return decoding


def rounded(value: float) -> float:
    """To five significant digits: more would pretend to a precision that no estimate has."""
    return float(f"{value:.{_DIGITS}g}")
