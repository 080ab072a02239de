"""Latency targets as the commands of ``profiles`` read them."""

import math

from melange_cloud.domain import Slo
from melange_cloud.errors import BadInput


def slo_of(**targets_ms: float | None) -> Slo:
    """The targets that were given, by the field of Slo that each sets; None sets none.

    Raises:
        BadInput: a target is not a number above 0.
    """
    given = {name: target_ms for name, target_ms in targets_ms.items() if target_ms is not None}
    for name, target_ms in given.items():
        if not 0 < target_ms < math.inf:
            raise BadInput(f"--{name.replace('_', '-')} {target_ms:g}: milliseconds above 0, such as 100")
    return Slo(**given)
