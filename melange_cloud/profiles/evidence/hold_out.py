"""Decides which measured rows are held out to test the fits: a rule fixed before anyone saw the figures."""

import hashlib

PARTS = 3
"""One in so many is held out."""


def hold_out_key(model: str, gpu: str, tp: int, precision: str, engine: str, size: tuple[int, int]) -> str:
    """The key for the rule: what was measured, not how fast it was; all loads of one size have the same key."""
    return f"{model}|{gpu}|{tp}|{precision}|{engine}|{size[0]}/{size[1]}"


def is_held_out(key: str) -> bool:
    """True if the SHA-256 of the key, read as a number, is divisible by PARTS."""
    return int(hashlib.sha256(key.encode("utf-8")).hexdigest(), 16) % PARTS == 0
