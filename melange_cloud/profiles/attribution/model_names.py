"""Reads a model's size, family, version and weight precision from its name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

UNNAMED = "quantised"
"""The precision of weights that are called quantised without saying how."""

_QUANTISED = {
    "fp8": "fp8", "bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "float16": "fp16", "awq": "awq", "gptq": "gptq",
    "int8": "int8", "int4": "int4", "gguf": "gguf", "ggml": "gguf", "nf4": "nf4", "bnb": "bnb", "bitsandbytes": "bnb",
    "fp4": "fp4", "nvfp4": "fp4", "mxfp4": "fp4", "fp6": "fp6", "mxfp8": "fp8", "exl2": "exl2", "exl3": "exl3",
    "hqq": "hqq", "aqlm": "aqlm", "eetq": "int8", "fp8kv": "", "fp32": "fp32", "float32": "fp32",
    "quantized": UNNAMED, "quantised": UNNAMED, "quant": UNNAMED, "autoround": UNNAMED, "marlin": UNNAMED,
    "smoothquant": "int8", "compressed": UNNAMED, "modelopt": UNNAMED, "quip": UNNAMED,
    "quip#": UNNAMED, "spqr": UNNAMED, "vptq": UNNAMED, "qat": UNNAMED, "squeezellm": UNNAMED, "spinquant": UNNAMED,
    "bitnet": UNNAMED, "torchao": UNNAMED, "qoq": UNNAMED,
}  # fmt: skip
"""Words in a name or an engine's option that stand for a precision of weights."""

_BITS = re.compile(
    r"(?:w|int|uint)?(\d{1,2})(?:a\d{1,2}|afp8|bits?)|q(\d)b?f16|(?:experts?|u?int)(\d{1,2})(?:wo|weight|dq)?"
)
"""``w4a16``, ``4bit`` and ``int4wo``: bits of the weights."""

_FLOAT_8 = re.compile(r"(?:mx)?fp8\w{0,12}|float8\w{0,12}|e4m3\w{0,4}|e5m2\w{0,4}")
_PART_BITS = re.compile(r"\d{1,2}\.\d{1,4}(?:bits?|bpw)|\d{1,2}bpw")
_GGUF = re.compile(r"(?<![a-z0-9])(?:ud-)?i?q[2-8](?:_(?:k|0|1|s|m|l|xs|xxs|nl|xl))*(?![a-z0-9])")
"""``Q4_K_M`` and ``IQ3_XS``, names from llama.cpp."""

_BESIDE = frozenset(("dynamic", "kv", "block", "static", "gs", "kvcache"))
"""Words that go with those of _QUANTISED."""

_NO_NAMES = frozenset(
    ("snapshot", "snapshots", "latest", "main", "model", "models", "weights", "checkpoint", "checkpoints", "final",
     "merged", "original", "hf", "hub", "current", "output", "data")
)  # fmt: skip
_FOLDERS = frozenset(("opt", "command", "solar"))
"""Words that are folder names, not families, as in ``/opt/ml/model``."""

_DIGEST = re.compile(r"[0-9a-f]{7,64}|\d+|checkpoint-\d+|v\d+")
"""A part of a path that names a checkpoint of a model, not the model."""

_FAMILIES = (
    "llama", "codellama", "mistral", "mixtral", "qwen", "qwq", "gemma", "phi", "deepseek", "falcon", "granite", "yi",
    "gpt", "opt", "bloom", "mpt", "starcoder", "glm", "chatglm", "baichuan", "internlm", "command", "dbrx", "nemotron",
    "olmo", "solar", "vicuna", "stablelm", "exaone", "kimi", "minimax", "ernie", "smollm", "jamba", "grok",
)  # fmt: skip

_MIXTURES = frozenset(
    ("mixtral", "deepseek", "gpt", "dbrx", "grok", "kimi", "glm", "chatglm", "minimax", "jamba", "ernie")
)
"""Families with mixtures of experts, in which a token uses only a part of the parameters."""


_LONGEST = 10_000
"""Only this many characters at the end of a name are read."""


@dataclass(frozen=True, slots=True)
class NameClues:
    """What a name says; empty for what it does not say.

    Attributes:
        plain: lower case, without organisation, precision and endings that do not change the speed.
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


def clues_of(name: str) -> NameClues:
    """What a model's name in a benchmark's file or on a server says about the model.

    In a path or an address the clearest part counts: the last one with a size, or else the last one that is not a
    checkpoint or a folder of models. Family or precision may come from the neighbouring parts.
    """
    parts = _parts(name)
    if not parts:
        return NameClues("", "", "", "", "")
    clues = [_clues_of_part(part) for part in parts]
    base = _base(parts, clues)
    found, others = clues[base], (*clues[base + 1 :], *clues[:base][::-1])
    if not found.family and (family := _family_beside(others)) is not None:
        plain = f"{family.plain}-{found.plain}" if found.size else found.plain
        found = replace(found, plain=plain, family=family.family, version=family.version)
    if found.precision in ("", UNNAMED):
        found = replace(found, precision=next((o.precision for o in others if o.precision), found.precision))
    return found


def telling_part(name: str) -> str:
    """The part of a path or an address that names the model, as written; a plain name as it is."""
    parts = _parts(name)
    if not parts:
        return ""
    clues = [_clues_of_part(part) for part in parts]
    base = _base(parts, clues)
    others = (*clues[base + 1 :], *clues[:base][::-1])
    family = _family_beside(others) if clues[base].size and not clues[base].family else None
    return parts[base] if family is None else f"{family.plain}-{parts[base]}"


def _base(parts: list[str], clues: list[NameClues]) -> int:
    """The part that names the model: the last one with a size, else the last but checkpoints and model folders."""
    with_size = (i for i, part in enumerate(clues) if part.size)
    with_name = (i for i, part in enumerate(parts) if not _names_no_model(part))
    return next(with_size, next(with_name, 0))


def _family_beside(others: Iterable[NameClues]) -> NameClues | None:
    return next((part for part in others if part.family and part.plain not in _FOLDERS), None)


def _names_no_model(part: str) -> bool:
    return part in _NO_NAMES or _DIGEST.fullmatch(part) is not None


def _parts(name: str) -> list[str]:
    """The parts of a path, a URL or a name with an organisation, lower case, last part first.

    ``models--org--name``, as in the cache of Hugging Face, are three.
    """
    text = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", name.strip()[-_LONGEST:])
    text = re.sub(r"[?#].*$", "", text, flags=re.DOTALL)
    pieces = [piece.strip(" .") for part in re.split(r"[/\\]+", text) for piece in part.split("--")]
    return [piece.lower() for piece in reversed(pieces) if piece]


def precision_in(text: str) -> str:
    """The weight precision in a name or an engine's option, such as ``awq`` for ``awq_marlin``.

    Empty if there is none. The most specific word counts: gptq for ``gptq-int4``.
    """
    return _precision_and_rest(text.lower())[0]


def _precision_and_rest(text: str) -> tuple[str, list[str]]:
    text = re.sub(r"(?<![\d.])([2-8])[-_ ]bits?(?![a-z0-9])", r"\1bit", _GGUF.sub(" gguf ", text))
    found: list[str] = []
    bits: list[str] = []
    rest = []
    for piece in re.split(r"[-_ :@+,()\[\]=]+|\.(?=[a-z])", text):
        word = piece.strip(".")
        if not word:
            continue
        if word in _QUANTISED:
            found.append(_QUANTISED[word])
        elif _FLOAT_8.fullmatch(word):
            found.append("fp8")
        elif count := _BITS.fullmatch(word):
            of_weights = int(count[1] or count[2] or count[3])
            bits.append(f"int{of_weights}" if of_weights < 16 else "bf16")
        elif _PART_BITS.fullmatch(word):
            found.append(UNNAMED)
        elif word not in _BESIDE:
            rest.append(word)
    named = [word for word in found if word and word != UNNAMED and not word.startswith("int")]
    counted = [word for word in found if word.startswith("int")] + bits
    unnamed = [word for word in found if word == UNNAMED]
    return next(iter((*named, *counted, *unnamed)), ""), rest


def _clues_of_part(part: str) -> NameClues:
    precision, kept = _precision_and_rest(part)
    kept = _with_dotted_version(kept)
    while len(kept) > 1 and kept[-1] in ("instruct", "chat", "hf", "base", "it"):
        kept.pop()
    if len(kept) > 1 and kept[0] == "meta":
        kept.pop(0)
    # The family is the word that begins with one of its names; the longest name if there are several.
    families = [
        (family, word)
        for word in kept
        for family in sorted(_FAMILIES, key=len, reverse=True)
        if re.fullmatch(rf"{family}[\d.]*\w?", word)
    ]
    family, word = families[-1] if families else ("", "")
    sizes = [word for word in kept if re.fullmatch(r"(\d+x)?\d+(\.\d+)?[bm]", word)]
    return NameClues("-".join(kept), sizes[0] if sizes else "", family, _version(family, word, kept), precision)


def _with_dotted_version(words: list[str]) -> list[str]:
    """``llama-3.1-8b`` for ``llama-3-1-8b``, since some names have no dots."""
    for i, word in enumerate(words):
        family = re.match(r"[a-z]+", word)
        if family is None or family[0] not in _FAMILIES:
            continue
        major = i if re.fullmatch(r"[a-z]+\d", word) else i + 1
        digits = words[major : major + 2]
        is_major = major == i or (digits and re.fullmatch(r"\d", digits[0]))
        if is_major and len(digits) == 2 and re.fullmatch(r"\d", digits[1]):
            return [*words[:major], ".".join(digits), *words[major + 2 :]]
    return words


def _version(family: str, word: str, words: list[str]) -> str:
    """``3.1`` for ``llama-3.1-8b`` and for ``llama3.1-8b``."""
    if not family:
        return ""
    attached = re.match(r"[\d.]+", word[len(family) :])
    if attached:
        return attached[0].strip(".")
    after = words[words.index(word) + 1 :]
    return after[0].removeprefix("v") if after and re.fullmatch(r"v?\d+(\.\d+)?", after[0]) else ""


def differs(said: NameClues, asked: NameClues) -> str:
    """How two names contradict each other, such as ``size 70b``; empty if they may be the same model."""
    for what in ("size", "family", "version"):
        mine, theirs = getattr(said, what), getattr(asked, what)
        if mine and theirs and mine != theirs:
            return f"{what} {mine}"
    return ""


def dense_parameters(name: str) -> float | None:
    """Parameters used per token, from the name; None if it does not say, or if it may be a mixture of experts."""
    clues = clues_of(name)
    size = re.fullmatch(r"(\d+(?:\.\d+)?)b", clues.size)
    words = clues.plain.split("-")
    mixture = clues.family in _MIXTURES or any("moe" in word or re.fullmatch(r"a\d+(\.\d+)?b", word) for word in words)
    return None if size is None or mixture or (clues.family, clues.version) == ("llama", "4") else 1e9 * float(size[1])
