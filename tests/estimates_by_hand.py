"""The estimator once more, from its description alone: nothing of the package takes part.

Reads profiles/*.toml with Python's own tomllib. The formulas are those in the docstrings of ``estimator/roofline.py``,
``estimator/closed_loop.py`` and ``profiles/front_end.py`` and in the comments of profiles/eras.toml. How they are
solved is not: the requests that begin per step are found by halving an interval.
"""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

PROFILES = Path(__file__).resolve().parent.parent / "profiles"
GIB = 2**30
HALVINGS = 40


@cache
def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((PROFILES / f"{name}.toml").read_text(encoding="utf-8"))


def root_of(rises: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that rises is 0, between two numbers."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rises(middle) > 0 else (middle, high)
    return (low + high) / 2


@dataclass(frozen=True)
class HandReplica:
    """A model on the GPUs of a replica, with the mean of today's engines."""

    model: str
    gpu: str
    degree: int = 1
    precision: str = "bf16"

    @cached_property
    def shape(self) -> dict[str, Any]:
        shape: dict[str, Any] = toml("models")[self.model]
        return shape

    @cached_property
    def sheet(self) -> dict[str, Any]:
        sheet: dict[str, Any] = toml("gpus")[self.gpu]
        return sheet

    @cached_property
    def k(self) -> dict[str, Any]:
        """The constants: those of 16 bits have the name fp16."""
        name = "fp8" if self.precision == "fp8" else "fp16"
        (row,) = [
            row
            for row in toml("calibration")["calibration"]
            if (row["gpu"], row["era"], row["precision"]) == (self.gpu, "2025", name)
        ]
        return dict(row)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """How the engine is started: from so much memory on, differently."""
        settings: dict[str, Any] = dict(toml("eras")["2025"]["engines"]["mean"])
        larger = settings.pop("from_gib")
        for least_gib in sorted(larger, key=float):
            if self.sheet["cuda_memory_gib"] >= float(least_gib):
                settings.update(larger[least_gib])
        return settings

    @cached_property
    def layer_parameters(self) -> int:
        """Of the layers: queries, keys, values and output; gate, up and down; two norms."""
        m = self.shape
        attention = 2 * m["hidden"] * m["heads"] * m["head_dim"] + 2 * m["hidden"] * m["kv_heads"] * m["head_dim"]
        return int(m["layers"] * (attention + 3 * m["hidden"] * m["intermediate"] + 2 * m["hidden"]))

    @cached_property
    def head_parameters(self) -> int:
        return int(self.shape["vocab"] * self.shape["hidden"])

    @cached_property
    def weight_bytes(self) -> int:
        """In fp8 the layers alone are in 8 bits."""
        return int(2 * self.shape["parameters"]) - (self.layer_parameters if self.precision == "fp8" else 0)

    @cached_property
    def cache_bytes_of_token(self) -> int:
        """Keys and values of every layer, each number in 16 bits, with fp8 weights in 8."""
        m = self.shape
        return int(2 * m["layers"] * m["kv_heads"] * m["head_dim"] * (1 if self.precision == "fp8" else 2))

    @cached_property
    def cache_tokens(self) -> int:
        """Tokens for whose cache there is memory; with more GPUs than KV heads each head is kept more than once."""
        m, s = self.shape, self.settings
        layer_bytes = 2 * s["max_num_batched_tokens"] * 3 * (m["hidden"] + m["intermediate"] / self.degree)
        output_bytes = 2 * s["max_num_batched_tokens"] * m["hidden"]
        scores_bytes = s["bytes_per_score"] * s["max_num_seqs"] * m["vocab"]
        buffers = max(layer_bytes, output_bytes + scores_bytes) + s["runtime_gib"] * GIB
        buffers += s["group_gib"] * GIB if self.degree > 1 else 0
        each = self.sheet["cuda_memory_gib"] * s["memory_utilization"] * GIB - buffers
        left = (self.degree * each - self.weight_bytes) * s["cache_utilization"]
        return int(left // (self.cache_bytes_of_token * max(1, self.degree / m["kv_heads"])))

    @cached_property
    def fits(self) -> bool:
        """Whether there is a profile: heads split; the cache holds 4,096 tokens and a tenth of the weights' bytes."""
        m, tp = self.shape, self.degree
        splits = (
            m["heads"] % tp == 0
            and m["intermediate"] % tp == 0
            and max(m["kv_heads"], tp) % min(m["kv_heads"], tp) == 0
        )
        cache_bytes = self.cache_tokens * self.cache_bytes_of_token * max(1, tp / m["kv_heads"])
        least_bytes = toml("eras")["2025"]["least_cache_share"] * self.weight_bytes
        return bool(splits and self.cache_tokens >= 4096 and cache_bytes >= least_bytes)

    def most_in_flight(self, input_tokens: float, output_tokens: float) -> int:
        s = self.settings
        blocks = math.ceil((input_tokens + s["growth"] * output_tokens) / s["block_tokens"])
        return int(max(1, min(s["max_num_seqs"], self.cache_tokens // (blocks * s["block_tokens"]))))

    @cached_property
    def read_s(self) -> float:
        """Reading the weights, of an embedding table one row; never sooner than all at the data sheet's bandwidth."""
        bandwidth = self.degree * self.sheet["bandwidth_gb_per_s"] * 1e9
        table_bytes = 0 if self.shape["tied_embeddings"] else 2 * self.head_parameters
        read_s = (self.weight_bytes - table_bytes) / (bandwidth * self.k["read_weights"])
        return float(max(read_s, self.weight_bytes / bandwidth))

    @cached_property
    def token_s(self) -> float:
        """Multiplying one token with the layers."""
        peak = self.degree * self.sheet["fp8_tflops" if self.precision == "fp8" else "fp16_tflops"] * 1e12
        compute = self.k["compute"] * (self.k["block_scaled"] if self.is_block_scaled else 1)
        return float(2 * self.layer_parameters / (peak * compute))

    def linear_s(self, tokens: float) -> float:
        """Putting tokens through the weights: read once for all, and multiplied."""
        return math.sqrt(self.read_s**2 + (self.token_s * tokens) ** 2)

    @cached_property
    def is_block_scaled(self) -> bool:
        return self.precision == "fp8" and bool(self.shape.get("block_scaled_fp8", False))

    @cached_property
    def flops_16_bit(self) -> float:
        return float(self.degree * self.sheet["fp16_tflops"] * 1e12)

    @cached_property
    def moved_s(self) -> float:
        """Two all-reduces a layer, of one token."""
        k, tp = self.k, self.degree
        moved_bytes = 2 * self.shape["layers"] * self.shape["hidden"] * 4 * (tp - 1) / tp
        return float(moved_bytes / (k["link_gb_per_s"] * 1e9) * (k["switch_share"] if tp == 8 else 1))

    @cached_property
    def head_s(self) -> float:
        """The output head for one token, always in 16 bits."""
        return float(2 * self.head_parameters / (self.flops_16_bit * self.k["compute"]))

    def of_each_s(self, context: float) -> float:
        """What a request that decodes adds to a step, but for the matrix products: cache, network, choosing a token."""
        k, m, tp = self.k, self.shape, self.degree
        readers = min(tp, m["kv_heads"])
        cache_s = context * self.cache_bytes_of_token / (readers * self.sheet["bandwidth_gb_per_s"] * 1e9)
        cache_s *= (1 + k["cache_loss"] * math.log2(tp)) / k["read_cache"]
        python_s = k["step_per_request_s"] * (1 + k["server_share"])
        return float(cache_s + self.moved_s + python_s + k["sampling_s"] * m["vocab"] / 1e5 * tp + self.head_s)

    @cached_property
    def fixed_s(self) -> float:
        k, layers = self.k, self.shape["layers"]
        kernels = k["layer_s"] + (k["block_layer_s"] if self.is_block_scaled else 0)
        return float(k["step_s"] + layers * kernels + (2 * layers * k["link_latency_s"] if self.degree > 1 else 0))

    def prompt_s(self, input_tokens: float) -> float:
        """What a prompt adds to the steps that compute it, but for its tokens' matrix products."""
        k, m = self.k, self.shape
        attention_s = (
            2 * m["layers"] * m["heads"] * m["head_dim"] * input_tokens**2 / self.flops_16_bit / k["attention"]
        )
        return float(attention_s + input_tokens * self.moved_s + k["prefill_s"] + self.head_s)

    def at(self, n: int, input_tokens: float, output_tokens: float) -> tuple[float, float, float]:
        """Requests/s, mean TPOT (ms) and TTFT (ms) with n requests in flight."""
        most_tokens, decodes, others = self.settings["max_num_batched_tokens"], output_tokens - 1, (n - 1) / n

        def chunk(begun: float) -> float:
            """Tokens of prompts in a step that has any."""
            return float(min(max(begun, 1) * input_tokens, max(most_tokens - begun * decodes, 1)))

        def too_many(begun: float) -> float:
            steps_of_prompt = max(1, input_tokens / chunk(begun))
            return begun * (decodes + steps_of_prompt + others / 2) - n

        begun = root_of(too_many, 0, min(n / decodes, most_tokens / (decodes + input_tokens)))
        c = chunk(begun)

        each_s, prompt_s = self.of_each_s(input_tokens + output_tokens / 2), self.prompt_s(input_tokens)

        def step_s(decoding: float, prompts: float, others_decoding: float) -> float:
            """A prompt's own request does not decode in the steps that compute it."""
            prefill_s = self.linear_s(others_decoding + c) - self.linear_s(decoding)
            of_prompts_s = prompts * (input_tokens / c * prefill_s + prompt_s)
            return self.linear_s(decoding) + decoding * each_s + min(decoding, 1) * self.fixed_s + of_prompts_s

        decoding = begun * decodes
        requests_per_s = begun / step_s(decoding, begun, others * decoding)
        # A request that decodes sees itself and the others' part: they decode, and their prompts begin.
        tpot_s = step_s(1 + others * decoding, others * begun, 1 + others * decoding)
        return requests_per_s, 1000 * tpot_s, 1000 * (n / requests_per_s - decodes * tpot_s)

    def points(self, input_tokens: float, output_tokens: float) -> list[tuple[int, float, float]]:
        """(requests in flight, mean TPOT in ms, requests/s) at 1, 2, 4, ... and the most in flight.

        Where more in flight would do less, the others wait.
        """
        most = self.most_in_flight(input_tokens, output_tokens)
        found: list[tuple[int, float, float]] = []
        for n in sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)}):
            requests_per_s, tpot_ms, _ = self.at(n, input_tokens, output_tokens)
            if found and found[-1][2] > requests_per_s:
                _, tpot_ms, requests_per_s = found[-1]
            found.append((n, tpot_ms, requests_per_s))
        return found


def rate(points: list[tuple[int, float, float]], target_ms: float) -> float:
    """MaxTput, requests/s: on the line between the last point within the target and the next; 0 if all miss it."""
    within = 0.0
    low_ms = 0.0
    for _, tpot_ms, requests_per_s in points:
        if tpot_ms > target_ms:
            part = (target_ms - low_ms) / (tpot_ms - low_ms)
            return within + max(requests_per_s - within, 0) * part if within else 0.0
        within, low_ms = requests_per_s, tpot_ms
    return within


@dataclass(frozen=True)
class HandServer:
    """The front end of a replica: processes of the engine whose front end needs the most, fitted on H100."""

    replica: HandReplica
    servers: float = 1

    @cached_property
    def law(self) -> tuple[float, float, float]:
        """Seconds per step, per request in it, per request that begins."""
        on_h100 = HandReplica(self.replica.model, "H100", precision=self.replica.precision).k["front_end"]
        per_prefill_s = on_h100["per_prefill_s"] + on_h100["per_prefill_layer_s"] * self.replica.shape["layers"]
        return on_h100["step_s"], on_h100["per_request_s"] / self.servers, per_prefill_s / self.servers

    def most(self, output_tokens: float) -> float:
        """Requests/s that it takes."""
        _, per_request_s, per_prefill_s = self.law
        return 1 / (per_prefill_s + (output_tokens - 1) * per_request_s)

    def behind_ms(self, tpot_ms: float, decoding: float, begun: float) -> float:
        """A step of an engine and its front end, which work at the same time: fourth powers add."""
        step_s, per_request_s, per_prefill_s = self.law
        own_ms = 1000 * (step_s + decoding * per_request_s + begun * per_prefill_s)
        return float((tpot_ms**4 + own_ms**4) ** 0.25)

    def slowed(self, points: list[tuple[int, float, float]], output_tokens: float) -> list[tuple[int, float, float]]:
        """With as many in flight every step takes longer: the rate falls by that, and the TPOT rises.

        One of n requests in flight sees itself decode, and of the others its share of all.
        """
        found = []
        for n, tpot_ms, requests_per_s in points:
            begun, others = requests_per_s * tpot_ms / 1000, (n - 1) / n
            decoding = begun * (output_tokens - 1)
            mean_ms = self.behind_ms(tpot_ms, max(decoding, 1), begun)
            seen_ms = self.behind_ms(tpot_ms, 1 + others * decoding, others * begun)
            found.append((n, seen_ms, requests_per_s * tpot_ms / mean_ms))
        return found

    def served(self, input_tokens: float, output_tokens: float, target_ms: float) -> tuple[float, float]:
        """Requests/s within a target of the mean TPOT: what the engine can do behind it, and what it can do itself.

        What both do together replaces the rate of the one that is slower without a target. Estimates are of at least 25
        tokens in and 25 out: shorter requests count as these.
        """
        points = self.replica.points(max(input_tokens, 25), max(output_tokens, 25))
        alone, most = rate(points, target_ms), self.most(output_tokens)
        both = rate(self.slowed(points, max(output_tokens, 25)), target_ms)
        if rate(points, math.inf) <= most:
            return both, most
        return (alone if both < 0.9 * alone else both), min(both, most)
