"""What a model's name tells of it: size, family, version and the precision of its weights."""

import re
from dataclasses import dataclass

_QUANTISED = {
    "fp8": "fp8", "bf16": "bf16", "fp16": "fp16", "awq": "awq", "gptq": "gptq", "int8": "int8", "int4": "int4",
    "w8a8": "int8", "w8a16": "int8", "w4a16": "int4", "4bit": "int4", "8bit": "int8", "gguf": "gguf", "nf4": "nf4",
    "bnb": "bnb", "fp4": "fp4", "nvfp4": "fp4", "mxfp4": "fp4",
}  # fmt: skip
"""Words at the end of a name that say in which precision its weights are."""

_BESIDE = frozenset(("dynamic", "kv", "block", "quantized", "marlin", "static", "fp8kv", "gs", "autoround"))
"""Words that go with those of _QUANTISED."""

_FAMILIES = (
    "llama", "codellama", "mistral", "mixtral", "qwen", "qwq", "gemma", "phi", "deepseek", "falcon", "granite", "yi",
    "gpt", "opt", "bloom", "mpt", "starcoder", "glm", "chatglm", "baichuan", "internlm", "command", "dbrx", "nemotron",
    "olmo", "solar", "vicuna", "stablelm", "exaone", "kimi", "minimax", "ernie", "smollm", "jamba", "grok",
)  # fmt: skip

SAME_SHAPE = {
    "llama-3-8b": "llama-3.1-8b",
    "deepseek-r1-distill-llama-8b": "llama-3.1-8b",
    "llama-3-70b": "llama-3.1-70b",
    "llama-3.3-70b": "llama-3.1-70b",
    "deepseek-r1-distill-llama-70b": "llama-3.1-70b",
    "llama-3.1-nemotron-70b": "llama-3.1-70b",
}
"""Models that have every dimension of a shipped one, by their config.json files: what one serves, the other does."""


_MIXTURES = frozenset(
    ("mixtral", "deepseek", "gpt", "dbrx", "grok", "kimi", "glm", "chatglm", "minimax", "jamba", "ernie")
)
"""Families with mixtures of experts, of which a token meets a part of the parameters only."""


@dataclass(frozen=True, slots=True)
class NameTells:
    """What a name says; empty where it does not.

    Attributes:
        plain: without organisation, precision and the endings that do not change speed, lower case.
        size: as written, such as ``8b``, ``8x7b``, ``235b``.
        family: such as ``llama``.
        version: of the family, such as ``3.1``.
        precision: of the weights.
    """

    plain: str
    size: str
    family: str
    version: str
    precision: str


def name_tells(name: str) -> NameTells:
    """What a model's name, as a benchmark's file or a server has it, says of the model."""
    base = name.strip().rstrip("/").rpartition("/")[2].lower()
    words = [word for word in re.split(r"[-_ :@]+", base) if word]
    precision = ""
    kept = []
    for word in words:
        if word in _QUANTISED:
            precision = precision or _QUANTISED[word]
        elif word not in _BESIDE:
            kept.append(word)
    while len(kept) > 1 and kept[-1] in ("instruct", "chat", "hf", "base", "it"):
        kept.pop()
    if len(kept) > 1 and kept[0] == "meta":
        kept.pop(0)
    # The family is the word that begins with one of its names; of several the longest name.
    families = [
        (family, word)
        for word in kept
        for family in sorted(_FAMILIES, key=len, reverse=True)
        if re.fullmatch(rf"{family}[\d.]*\w?", word)
    ]
    family, word = families[-1] if families else ("", "")
    sizes = [word for word in kept if re.fullmatch(r"(\d+x)?\d+(\.\d+)?[bm]", word)]
    return NameTells("-".join(kept), sizes[0] if sizes else "", family, _version(family, word, kept), precision)


def _version(family: str, word: str, words: list[str]) -> str:
    """``3.1`` of ``llama-3.1-8b`` and of ``llama3.1-8b``."""
    if not family:
        return ""
    attached = re.match(r"[\d.]+", word[len(family) :])
    if attached:
        return attached[0].strip(".")
    after = words[words.index(word) + 1 :]
    return after[0].removeprefix("v") if after and re.fullmatch(r"v?\d+(\.\d+)?", after[0]) else ""


def differs(said: NameTells, asked: NameTells) -> str:
    """In what two names say different things, as ``size 70b``; empty where they may be names of one model."""
    for what in ("size", "family", "version"):
        mine, theirs = getattr(said, what), getattr(asked, what)
        if mine and theirs and mine != theirs:
            return f"{what} {mine}"
    return ""


def dense_parameters(name: str) -> float | None:
    """Parameters that a token is multiplied with, by the name; None where it does not say, or may be a mixture."""
    told = name_tells(name)
    size = re.fullmatch(r"(\d+(?:\.\d+)?)b", told.size)
    words = told.plain.split("-")
    mixture = told.family in _MIXTURES or any("moe" in word or re.fullmatch(r"a\d+(\.\d+)?b", word) for word in words)
    return None if size is None or mixture or (told.family, told.version) == ("llama", "4") else 1e9 * float(size[1])
