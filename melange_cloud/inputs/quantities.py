"""Checks quantities from options: each error names the option, the value and what to give instead."""

import math

from melange_cloud.errors import BadInput

LEAST_MS, MOST_MS = 1e-3, 1e9
"""Bounds of latency targets, ms; the largest is eleven days."""


def positive(option: str, number: float, least: float = 0.0, most: float = math.inf) -> float:
    """Check a number, which must be above 0 and in [least, most].

    Raises:
        BadInput: it is not.
    """
    if not (math.isfinite(number) and number > 0):
        raise BadInput(f"{option} {number:g}: give a positive number")
    if not least <= number <= most:
        limits = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:,.0f}"
        raise BadInput(f"{option} {number:g}: give a number {'of ' if most == math.inf else ''}{limits}")
    return float(number)


def latency_target_ms(option: str, target_ms: float, *, may_be_none: bool = False) -> float:
    """Check a latency target, ms.

    Args:
        may_be_none: True if ``inf`` is allowed, for no target.

    Raises:
        BadInput: it is not in [LEAST_MS, MOST_MS].
    """
    if may_be_none and target_ms == math.inf:
        return target_ms
    if not (math.isfinite(target_ms) and target_ms > 0):
        no_target = ", or inf for no target" if may_be_none else ""
        raise BadInput(f"{option} {target_ms:g}: give milliseconds above 0, such as 100{no_target}")
    return positive(option, target_ms, LEAST_MS, MOST_MS)
