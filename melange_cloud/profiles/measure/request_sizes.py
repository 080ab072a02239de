"""The request sizes to measure, and the endpoint for requests."""

import re
from collections.abc import Iterable
from itertools import product

from melange_cloud.domain import Bucket
from melange_cloud.domain.measurement import RequestSize
from melange_cloud.errors import BadInput, echoed, shown

ENDPOINTS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}
"""The user's word -> the path for requests."""

_SMALLEST_TOKENS = 16
_MOST_TOKENS = 1_000_000


DEFAULT_SIZES = tuple(RequestSize(*size) for size in product((128, 1024, 4096), (128, 1024)))
"""A full grid, since profiles are interpolated between the corners of rectangles."""


def sizes_of(buckets: Iterable[Bucket]) -> tuple[RequestSize, ...]:
    """A grid of nine sizes that spans a workload's buckets; fewer if its sizes are close together.

    Its lines are the smallest, the median (weighted by share) and the largest mean size of the buckets with traffic, so
    a plan for this workload only interpolates.
    """
    seen = [bucket for bucket in buckets if bucket.share > 0]
    inputs = _lines([(bucket.mean_input_tokens, bucket.share) for bucket in seen])
    outputs = _lines([(bucket.mean_output_tokens, bucket.share) for bucket in seen])
    return tuple(RequestSize(*size) for size in product(inputs, outputs))


def _lines(weighted: list[tuple[float, float]]) -> list[int]:
    weighted = sorted(weighted)
    half, passed, middle = sum(share for _, share in weighted) / 2, 0.0, weighted[-1][0]
    for tokens, share in weighted:
        passed += share
        if passed >= half:
            middle = tokens
            break
    # Rounded up: the largest mean size must be on the grid, not just beyond it.
    return sorted({max(_SMALLEST_TOKENS, -int(-tokens // 1)) for tokens in (weighted[0][0], middle, weighted[-1][0])})


def sizes_in(words: str) -> tuple[RequestSize, ...]:
    """Parse sizes written as ``128x128,1024x256``, each once.

    Raises:
        BadInput: a size is written differently, or has no time per output token.
    """
    found = []
    for text in words.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,7})\s*[xX×]\s*([0-9]{1,7})\s*", text)
        if match is None or not all(0 < int(tokens) <= _MOST_TOKENS for tokens in match.groups()):
            raise BadInput(f"--sizes {shown(text.strip() or words)}: give input x output tokens, like 128x128,1024x256")
        size = RequestSize(int(match[1]), int(match[2]))
        if size.output_tokens < 2:
            raise BadInput(f"--sizes {echoed(text)}: one output token has no time per output token; give 2 or more")
        found.append(size)
    return tuple(dict.fromkeys(found))
