"""A real inference engine (llama.cpp, from the wheel xllamacpp) with a tiny Llama of random weights, on the loopback.

Real batching, a real KV cache and real tokens: only what the model says is noise. Run as a program, it serves until it
is ended: ``python -m tests.profiles.tiny_engine FOLDER URL_FILE PORT``.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVED = "tiny"
SLOTS = 2
LONGEST_TOKENS = 512
"""Input + output of one request: the engine refuses longer ones."""

_HIDDEN, _LAYERS, _HEADS, _FEED_FORWARD = 256, 4, 4, 512
_MERGES = (("e", "r"), ("i", "n"), ("t", "h"), ("Ġ", "t"), ("a", "n"))
_END = "<|end|>"
_STARTS_WITHIN_S = 600


class TinyEngine:
    """The engine in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._start(port=0)

    def _start(self, port: int) -> None:
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".url")
        os.close(handle)
        ready = Path(name)
        ready.unlink()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.profiles.tiny_engine", str(self._folder), str(ready), str(port)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C that a test sends to its terminal is not for the server
        )
        until = time.monotonic() + _STARTS_WITHIN_S
        while not ready.exists():
            assert self._process.poll() is None, "the engine does not start"
            assert time.monotonic() < until, "the engine does not start in time"
            time.sleep(0.02)
        self.url = ready.read_text()

    def stop(self) -> None:
        """End it without any goodbye, as a crash does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def restart(self) -> None:
        """Start it again at the same address."""
        self._start(int(self.url.rpartition(":")[2]))

    def hang(self) -> None:
        """It keeps its port and answers nothing."""
        os.kill(self._process.pid, signal.SIGSTOP)


def make_model(folder: Path) -> None:
    """Write ``tiny.gguf`` and a tokenizer of the same vocabulary as Hugging Face stores it: bytes and a few merges."""
    import gguf
    import numpy as np

    words = _byte_letters() + ["".join(pair) for pair in _MERGES] + [_END]
    writer = gguf.GGUFWriter(folder / "tiny.gguf", "llama")
    writer.add_context_length(LONGEST_TOKENS)
    writer.add_embedding_length(_HIDDEN)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_HIDDEN // _HEADS)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.NORMAL] * (len(words) - 1) + [gguf.TokenType.CONTROL])
    writer.add_token_merges([" ".join(pair) for pair in _MERGES])
    writer.add_eos_token_id(len(words) - 1)
    writer.add_bos_token_id(len(words) - 1)
    writer.add_add_bos_token(False)
    random = np.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        normal = random.standard_normal(shape, dtype=np.float32) * np.float32(0.1)
        writer.add_tensor(name, np.ones(shape, np.float32) if len(shape) == 1 else normal)

    add("token_embd.weight", len(words), _HIDDEN)
    add("output_norm.weight", _HIDDEN)
    add("output.weight", len(words), _HIDDEN)
    for layer in range(_LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{part}.weight", _HIDDEN, _HIDDEN)
        add(f"blk.{layer}.attn_norm.weight", _HIDDEN)
        add(f"blk.{layer}.ffn_norm.weight", _HIDDEN)
        add(f"blk.{layer}.ffn_gate.weight", _FEED_FORWARD, _HIDDEN)
        add(f"blk.{layer}.ffn_up.weight", _FEED_FORWARD, _HIDDEN)
        add(f"blk.{layer}.ffn_down.weight", _HIDDEN, _FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {"id": len(words) - 1, "content": _END, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {word: number for number, word in enumerate(words)},
            "merges": [list(pair) for pair in _MERGES],
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": _END, "bos_token": _END}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": len(words)}))


def _byte_letters() -> list[str]:
    """The letter of each byte in GPT-2's vocabulary: printable ones are themselves, others follow from 256."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def _serve(folder: Path, ready: Path, port: int) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(folder / "tiny.gguf")
    params.model_alias = {SERVED}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * LONGEST_TOKENS
    params.warmup = False
    params.cache_prompt = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    waiting = ready.with_suffix(".new")
    waiting.write_text(server.listening_address)
    waiting.rename(ready)
    signal.pause()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
