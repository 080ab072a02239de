"""One replica, step by step: n requests of one size always in flight, driven by a step law and not by the estimator.

A request waits until the cache has blocks for it and a place among those that run; its prompt is prefilled in chunks,
first come first served, on the steps of those that decode, or in steps of its own where the engine does it so. The step
that ends its prompt gives its first token, and each step after that another; then the next request arrives. At the
start the requests are spread over their answers, as they are after a while.

Steps in which nothing begins or ends are added at once: their times are an arithmetic series.
"""

import math
from collections import deque
from typing import NamedTuple

from melange_cloud.domain.stated_law import ReplicaLimits
from melange_cloud.domain.step_law import StepLaw


class Served(NamedTuple):
    requests_per_s: float
    tpot_ms: float
    steps: int


class OneReplica:
    """Requests of one size on a replica; ``jump=False`` takes every step by itself."""

    def __init__(self, law: StepLaw, limits: ReplicaLimits, size, cached_input=0.0, jump=True):
        self.law, self.jump = law, jump
        self.input_tokens, self.output_tokens = size
        self.known = min(round(self.input_tokens * cached_input), self.input_tokens - 1)
        held = math.ceil((self.input_tokens + limits.growth * self.output_tokens) / limits.block_tokens)
        blocks = math.inf if limits.cache_tokens is None else limits.cache_tokens // limits.block_tokens
        self.places = max(1, min(limits.max_num_seqs, blocks // held))
        self.step_tokens = limits.max_num_batched_tokens

    def serve(self, in_flight: int, warm_up: float = 1.0, measured: float = 2.0) -> Served:
        """What it does with so many in flight, over ``measured`` times all of them, after ``warm_up`` times."""
        answer = self.output_tokens - 1
        begun = min(in_flight, self.places)
        waiting = in_flight - begun
        ends = deque()  # [step after which they leave, how many]
        for left in sorted(math.ceil(answer * (place + 1) / begun) for place in range(begun)):
            if ends and ends[-1][0] == left:
                ends[-1][1] += 1
            else:
                ends.append([left, 1])
        context = sum(count * (self.input_tokens + answer - left) for left, count in ends)
        prompts = deque()  # tokens done of each that is being prefilled
        decoding, at, now, done, busy, steps = begun, 0, 0.0, 0, 0.0, 0
        start = None
        while True:
            if start is None and done >= warm_up * in_flight:
                start = now, done, busy
            if start is not None and done - start[1] >= measured * in_flight:
                break
            ended = 0
            if prompts:
                seconds, ended, moves = self._step_with_prompts(prompts, decoding, context)
            else:
                moves = ends[0][0] - at if self.jump else 1
                plain = self.law.step_s(decoding, context)
                seconds = moves * plain + self.law.cache_s * decoding * moves * (moves + 1) / 2
            now, busy, steps = now + seconds, busy + decoding * seconds, steps + max(moves, 1)
            at, context = at + moves, context + moves * decoding
            while ends and ends[0][0] <= at:
                _, left = ends.popleft()
                decoding, context, done = decoding - left, context - left * (self.input_tokens + answer), done + left
                # The next ones arrive, behind those that wait; as many as left begin.
                waiting += left
            room = min(waiting, self.places - decoding - len(prompts) - ended)
            waiting -= room
            prompts.extend([self.known] * room)
            if ended:
                ends.append([at + answer, ended])
                decoding, context = decoding + ended, context + ended * self.input_tokens
        requests = done - start[1]
        return Served(requests / (now - start[0]), 1000 * (busy - start[2]) / (requests * answer), steps)

    def _step_with_prompts(self, prompts, decoding, context):
        """Seconds of a step with as much of the prompts as goes into it, prompts that it ends, steps of who decodes."""
        law = self.law
        rides = law.mixed_steps and decoding > 0
        room = max(self.step_tokens - (decoding if rides else 0), 1)
        tokens = squares = ended = 0
        while prompts and tokens < room:
            before = prompts.popleft()
            after = min(self.input_tokens, before + room - tokens) if law.mixed_steps else self.input_tokens
            if tokens and tokens + after - before > room:
                prompts.appendleft(before)
                break
            tokens, squares = tokens + after - before, squares + after**2 - before**2
            if after < self.input_tokens:
                prompts.appendleft(after)
            else:
                ended += 1
        seconds = law.moved_s * tokens + law.attention_s * squares + law.prompt_s * ended
        if rides:
            seconds += law.step_s(decoding, context + decoding)
            return seconds + law.linear_s(decoding + tokens) - law.linear_s(decoding), ended, 1
        seconds += law.linear_s(tokens) + (0.0 if law.mixed_steps else law.prefill_step_s)
        return seconds, ended, 0
