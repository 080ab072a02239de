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


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Requests of one size, always as many in flight.

    Attributes:
        size: input and output tokens.
        cached_input: share of the input tokens that a prefix cache holds.
        front_end: the server process before the engine.
    """

    law: StepLaw
    size: tuple[float, float]
    cached_input: float = 0.0
    front_end: FrontEnd = NO_FRONT_END

    def at(self, concurrency: int) -> Estimate:
        """What happens with ``concurrency`` requests in flight."""
        law, (input_tokens, output_tokens), cached = self.law, self.size, self.cached_input
        steps = output_tokens - 1
        others = (concurrency - 1) / concurrency
        own_s = law.prefill_s(input_tokens, cached_input=cached)
        decoding = self._decoding(concurrency, own_s)
        batch = max(decoding, 1.0)
        each_step_s = law.step_s(batch, batch * (input_tokens + output_tokens / 2))
        begin_s = own_s + each_step_s * others / 2
        each_s = law.tpot_s(decoding, self.size, others, cached)
        each_s = behind_front_end(each_s, self.front_end, batch, decoding * others / steps)
        queued = concurrency - 1 - decoding * others
        ttft_s = begin_s + queued * law.prefill_s(input_tokens, batch, cached_input=cached)
        return Estimate(
            concurrency=concurrency,
            requests_per_s=rounded(concurrency / (ttft_s + steps * each_s)),
            tpot_ms=rounded(1000 * each_s),
            ttft_ms=rounded(1000 * ttft_s),
        )

    def _decoding(self, concurrency: int, own_s: float) -> float:
        """b: of the requests in flight, those that decode; the others wait for their first token."""
        law, (input_tokens, output_tokens) = self.law, self.size
        steps, half = output_tokens - 1, (concurrency - 1) / concurrency / 2
        # The step as a function of b alone, since this is what all the time goes into.
        read_s, token_s, fixed_s = law.read_s, law.token_s, law.fixed_s
        each_s = law.cache_s * (input_tokens + output_tokens / 2) + law.moved_s + law.request_s
        decoding = float(concurrency)
        for _ in range(_ROUNDS):
            batch = max(decoding, 1.0)
            step_s = math.hypot(read_s, token_s * batch) + each_s * batch + fixed_s
            settled = concurrency * steps * step_s / (own_s + (half + steps) * step_s)
            if abs(settled - decoding) <= _SETTLED * concurrency:
                break
            decoding = settled
        return decoding


def rounded(value: float) -> float:
    """To five significant digits: more would pretend to a precision that no estimate has."""
    return float(f"{value:.{_DIGITS}g}")
