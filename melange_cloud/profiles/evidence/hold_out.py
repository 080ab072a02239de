"""Which measured rows are kept to judge the fits: a rule that was fixed before the figures were seen."""

import hashlib

PARTS = 3
"""One part of so many is held out."""


def hold_out_key(model: str, gpu: str, tp: int, precision: str, engine: str, size: tuple[int, int]) -> str:
    """What the rule looks at: what was measured, not how fast it was; all loads of one size share their fate."""
    return f"{model}|{gpu}|{tp}|{precision}|{engine}|{size[0]}/{size[1]}"


def is_held_out(key: str) -> bool:
    """Whether the SHA-256 of a key, read as one number, is divisible by PARTS."""
    return int(hashlib.sha256(key.encode("utf-8")).hexdigest(), 16) % PARTS == 0
