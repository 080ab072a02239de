"""How long one step of a replica takes: the formulas of ``roofline.py`` with their constants filled in.

Symbols: b requests decode in a step, T tokens of prompts are prefilled in it, C is the context of all decoding requests
(tokens), and C_w the part of it that layers with a sliding window see::

    linear(T) = sqrt(read^2 + (token T)^2)
    step      = linear(b + T) + moved (b + T) + cache C + windowed C_w + fixed + request b
                + prompt for each prompt + attention for each squared token that a prompt attends to

The terms mix times of the GPU, the link and the engine; whoever creates a law says where its numbers come from.
Engines of early 2024 gave a prefill its own step: linear(T) + prefill_step + moved T + prompt + attention.
"""

import math
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class StepLaw:
    """How long one step takes, s.

    Attributes:
        read_s: reading the weights.
        token_s: multiplying one token with the weights; it overlaps with reading them.
        moved_s: sending one token between the GPUs of a replica.
        cache_s: reading one token of context, in layers that attend to all of it.
        windowed_cache_s: the same in layers with a sliding window, per token within the window.
        fixed_s: every step.
        request_s: every request that decodes in it.
        prompt_s: every prompt that is prefilled.
        attention_s: every squared token of a prompt: its attention.
        mixed_steps: whether prefills run within the decode steps of other requests.
        prefill_step_s: the fixed time of a prefill step, if they do not.
    """

    read_s: float
    token_s: float
    moved_s: float
    cache_s: float
    windowed_cache_s: float
    fixed_s: float
    request_s: float
    prompt_s: float
    attention_s: float
    mixed_steps: bool = True
    prefill_step_s: float = 0.0

    def linear_s(self, tokens: float) -> float:
        """Time to put ``tokens`` through the layers, s."""
        return math.hypot(self.read_s, self.token_s * tokens)

    def step_s(self, decoding: float, context_tokens: float, windowed_tokens: float = 0.0) -> float:
        """Time of a step with decoding requests and no prefill, s.

        Args:
            decoding: requests in it.
            context_tokens: of all of them together.
            windowed_tokens: what layers with a sliding window see of it.
        """
        return (
            self.linear_s(decoding)
            + self.cache_s * context_tokens
            + self.windowed_cache_s * windowed_tokens
            + self.fixed_s
            + (self.moved_s + self.request_s) * decoding
        )

    def prefill_s(
        self, input_tokens: float, decoding: float = 0.0, begun: float = 1.0, cached_input: float = 0.0
    ) -> float:
        """Time that the prefills of ``begun`` prompts add to a step with ``decoding`` decoding requests, s.

        Fewer than one means that a prefill starts in some steps only; more than one share a step.

        Args:
            cached_input: the share of the prompt that is already in the cache: attended to, but not computed.
        """
        together, share = (begun, 1.0) if begun > 1 else (1.0, begun)
        new_tokens, alone_s = self.prompt_work(input_tokens, cached_input)
        if self.mixed_steps and decoding > 0:
            tokens = decoding + together * new_tokens
            linear_s = share * (self.linear_s(tokens) - self.linear_s(decoding))
        else:
            linear_s = share * (self.linear_s(together * new_tokens) + self.prefill_step_s)
        return linear_s + begun * alone_s

    def prompt_work(self, input_tokens: float, cached_input: float = 0.0) -> tuple[float, float]:
        """The tokens of a prompt that are computed, and the time it takes on top of their matrix products, s.

        Args:
            cached_input: as for ``prefill_s``.
        """
        new_tokens = max(input_tokens * (1 - cached_input), 1.0) if cached_input else input_tokens
        attended = input_tokens**2 - (input_tokens - new_tokens) ** 2
        return new_tokens, self.attention_s * attended + self.moved_s * new_tokens + self.prompt_s

    def tpot_s(self, decoding: float, size: tuple[float, float], others: float = 1.0) -> float:
        """Mean time per output token after the first under a steady load, s.

        Args:
            decoding: requests decoding in a step, on average; at least 1 counts.
            size: input and output tokens of every request.
            others: the fraction of prefills that delay a request: (n - 1)/n, since its own does not.
        """
        input_tokens, output_tokens = size
        batch = max(decoding, 1.0)
        begun = decoding * others / max(output_tokens - 1, 1)
        step_s = self.step_s(batch, batch * (input_tokens + output_tokens / 2))
        return step_s + self.prefill_s(input_tokens, batch, begun)

    def times(self, factor: float) -> "StepLaw":
        """The law of a replica whose every step takes ``factor`` times as long."""
        times = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "mixed_steps"}
        return replace(self, **{name: factor * seconds for name, seconds in times.items()})
