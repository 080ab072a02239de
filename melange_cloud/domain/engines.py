"""The engines that serve models, and how people write their names."""

import re
from collections.abc import Mapping

ENGINES = ("vllm", "sglang", "tensorrt-llm")
"""The engines that profiles tell apart."""

MEAN_OF_ENGINES = "mean"
"""The mean of the engines that were measured, not one in particular."""

ENGINE_TITLES: Mapping[str, str] = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM"}
"""How their makers write them."""

SPELLINGS: Mapping[str, str] = {
    "vllm": "vllm",
    "sglang": "sglang",
    "sgl": "sglang",
    "tensorrtllm": "tensorrt-llm",
    "nvidiatensorrtllm": "tensorrt-llm",
    "tensorrt": "tensorrt-llm",
    "trtllm": "tensorrt-llm",
    "mean": MEAN_OF_ENGINES,
}
"""What people call them, in lower case and without punctuation."""

_PUNCTUATION = re.compile(r"[\s/._-]+")
_IN_TEXT = re.compile(r"(?<![a-z])(vllm|sglang|tensor[ _-]?rt[ _-]?llm|trt[ _-]?llm)(?![a-z])")


def plain_engine(word: str) -> str:
    """The engine that a word names, in the spelling of SPELLINGS."""
    return _PUNCTUATION.sub("", word.lower())


def engines_in(text: str) -> tuple[str, ...]:
    """The engines that a text names, such as ``vllm 0.12.0`` or a benchmark's backend, in the order of ENGINES."""
    found = {SPELLINGS[plain_engine(match[1])] for match in _IN_TEXT.finditer(text.lower())}
    return tuple(engine for engine in ENGINES if engine in found)


def engine_title(engine: str) -> str:
    """The name of an engine for a page; MEAN_OF_ENGINES is named by the engines that it is the mean of."""
    if engine == MEAN_OF_ENGINES:
        *others, last = ENGINE_TITLES.values()
        return f"mean of {', '.join(others)} and {last}"
    return ENGINE_TITLES.get(engine, engine)
