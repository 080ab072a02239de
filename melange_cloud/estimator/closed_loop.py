"""What a replica does with n requests in flight, by its step law: continuous batching.

In closed loop, n requests are in flight: each is prefilled, then decodes for D = O - 1 steps, and the next one takes
its place. Time is counted in steps, since a step is what requests share. One computes at most B tokens: the next token
of each of the b requests that decode, and of the prompts that wait as much as there is room for. A prompt of I tokens
takes k steps, c tokens in each; half a step of the others comes first::

    begun  = n / (D + k + (n - 1) / 2n)                   requests that begin, and end, per step
           <= B / (D + I)                                  where prompts fill every step, the rest wait
    b      = begun D
    c      = min(I, or begun I where several prompts begin in a step, B - b)          k = I / c, at least 1
    step   = step(b) + begun I / c (linear(b (n - 1)/n + c) - linear(b)) + begun (attention + ...)
    rate   = begun / step
    ttft   = n / rate - D tpot                             Little's law

``tpot`` is the step as a request sees it that decodes: with the others only, (n - 1)/n, and itself.

Where prefills have steps of their own (engines of early 2024), k = 0, c is whole prompts, and a prefill adds
linear(c) + its own step. A replica that is simulated step by step with the same law has a rate that is 0.01 % off in
the median and 0.4 % at p90, and a TPOT 0.01 and 2.6 % (tests/profiles/one_replica.py, 3,000 points of all profiles).
"""

import math
from dataclasses import dataclass

from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.roofline import NO_FRONT_END, behind_front_end
from melange_cloud.estimator.specs import FrontEnd

_DIGITS = 5
_SETTLED = 1e-9
_ROUNDS = 200
_LEAST_STEPS = 1e-9
_LEAST_SHARE = 0.01
"""Of its time, a request decodes for at least so much: where rate and TPOT contradict each other, it seems less."""


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
        step_tokens: float = math.inf,
        cached_input: float = 0.0,
        front_end: FrontEnd = NO_FRONT_END,
    ) -> None:
        """Prepare what does not depend on how many there are.

        Args:
            size: input and output tokens.
            step_tokens: tokens that one step computes, at most.
            cached_input: share of the input tokens that a prefix cache holds.
            front_end: the server process before the engine.
        """
        input_tokens, output_tokens = size
        self._law, self._front_end, self._step_tokens = law, front_end, step_tokens
        self._steps = output_tokens - 1
        self._new_tokens, self._prompt_s = law.prompt_work(input_tokens, cached_input)
        # What each decoding request adds to a step, in addition to its part in the matrix products.
        self._each_s = law.cache_s * (input_tokens + output_tokens / 2) + law.moved_s + law.request_s

    def at(self, concurrency: int) -> Estimate:
        """What happens with ``concurrency`` requests in flight."""
        others = (concurrency - 1) / concurrency
        begun, chunk = self._begun(concurrency, others / 2)
        decoding = begun * self._steps
        seen = 1 + others * decoding
        mean_s = self._step_s(decoding, begun, chunk, others * decoding)
        tpot_s = self._step_s(seen, others * begun, chunk, seen)
        if self._front_end is not NO_FRONT_END:
            mean_s = behind_front_end(mean_s, self._front_end, decoding, begun)
            tpot_s = behind_front_end(tpot_s, self._front_end, seen, others * begun)
        request_s = concurrency * mean_s / begun
        return Estimate(
            concurrency,
            rounded(begun / mean_s),
            rounded(1000 * tpot_s),
            rounded(1000 * (request_s - self._steps * tpot_s)),
        )

    def tpot_s(self, requests_per_s: float, tpot_s: float, others: float) -> float:
        """The TPOT of a steady load by the law, s.

        Args:
            requests_per_s, tpot_s: what was observed; they say how many requests decode in a step.
            others: of those and of the prompts, the part that is not a request's own: (n - 1)/n of n in flight.
        """
        begun = requests_per_s * tpot_s
        chunk = self._chunk(begun)
        seen = 1 + others * begun * self._steps
        own_s = self._step_s(seen, 1.0, chunk, seen) - self._step_s(seen, 0.0, chunk, seen)
        # A step takes longer than a TPOT says on average: a request does not see those that prefill its own prompt.
        begun /= max(1 - (1 - others) * requests_per_s * own_s, _LEAST_SHARE)
        seen, chunk = 1 + others * begun * self._steps, self._chunk(begun)
        return self._step_s(seen, others * begun, chunk, seen)

    def _chunk(self, begun: float) -> float:
        """Tokens of a step that prefills, where so many requests begin per step."""
        if self._law.mixed_steps:
            room = max(self._step_tokens - begun * self._steps, 1.0)
        else:
            room = max(self._step_tokens, self._new_tokens)
        return min(max(begun, 1.0) * self._new_tokens, room)

    def _begun(self, concurrency: int, wait: float) -> tuple[float, float]:
        """Requests that begin per step in which some decode, and tokens of a step that prefills."""
        law, steps, new_tokens, most = self._law, self._steps, self._new_tokens, self._step_tokens
        if not law.mixed_steps:
            # One request of one token only prefills: no step decodes, and infinitely many begin in none.
            begun = concurrency / max(steps + wait, _LEAST_STEPS)
            return begun, self._chunk(min(begun, concurrency))
        begun = concurrency / (steps + wait + 1)
        for _ in range(_ROUNDS):
            chunk = self._chunk(begun)
            settled = min(concurrency / (steps + wait + max(1.0, new_tokens / chunk)), most / (steps + new_tokens))
            if abs(settled - begun) <= _SETTLED * begun:
                return begun, chunk
            begun = settled
        return begun, self._chunk(begun)

    def _step_s(self, decoding: float, begun: float, chunk: float, beside: float) -> float:
        """Mean time of a step, s.

        Args:
            decoding: requests that decode in it; if fewer than one, in some steps none does.
            begun: prompts that end in it.
            chunk: tokens of prompts in a step that has any.
            beside: requests that decode in such a step: never those whose prompt it is.
        """
        law = self._law
        linear_s = math.hypot(law.read_s, law.token_s * decoding)
        fixed_s = law.fixed_s if decoding > 1 else law.fixed_s * decoding
        if law.mixed_steps:
            prefill_s = math.hypot(law.read_s, law.token_s * (beside + chunk)) - linear_s
        else:
            prefill_s = math.hypot(law.read_s, law.token_s * chunk) + law.prefill_step_s
        prompts_s = begun * (self._new_tokens / chunk * prefill_s + self._prompt_s)
        return linear_s + self._each_s * decoding + fixed_s + prompts_s


def rounded(value: float) -> float:
    """To five significant digits: more would pretend to a precision that no estimate has."""
    return float(f"{value:.{_DIGITS}g}")
