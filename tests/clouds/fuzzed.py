"""Answers of the clouds, mutated with a seed, and what reads them: each refuses in one clause or reads."""

import json
import random
from collections.abc import Callable, Iterator

from melange_cloud.clouds.aws.csv_list import products_of
from melange_cloud.clouds.aws.products import PriceList, parsed
from melange_cloud.clouds.gcp.skus import part_prices
from melange_cloud.domain import PURCHASES
from tests.clouds.aws_cloud import public_list, recorded
from tests.clouds.gcp_recorded import skus
from tests.questions import NOW

_TYPES = ("g5.2xlarge", "g6.xlarge", "p4d.24xlarge", "p5.48xlarge", "m4.large")
_PIECES = (
    "[" * 70, "{" * 70, "9" * 400, "-", "1e999", "1e-999", "NaN", "Infinity", "null", "true", "{}", "[]", '""', '"',
    ",", ":", "\\", "\\u0000", "\\ud800", "\x1b[31m", "\r\n", "\u0663", "\u202e", "0", "-1", "1_0", "2099-01-01",
    "CNY", "x" * 5000,
)  # fmt: skip


def mutated(text: str, seed: int) -> str:
    """The text with one to four changes: a piece put in, cut out, doubled, moved or replaced."""
    chance = random.Random(seed)  # noqa: S311
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice((0, 1, 1, 5, 40)))
        piece = chance.choice((*_PIECES, "", text[at:to] * 2, text[chance.randrange(len(text) + 1) :][:40]))
        text = text[:at] + piece + text[to:]
    return text


def _aws_item(text: str) -> None:
    prices = PriceList(_TYPES, PURCHASES, None, NOW)
    prices.add(parsed(text))
    for priced in prices.settle()[0]:
        assert 0 < float(priced.usd_per_instance_hour) < 1e10
    for refused in prices.settle()[1]:
        assert refused.why.isprintable()
        assert len(refused.why) < 300


def _aws_list(text: str) -> None:
    prices = PriceList(_TYPES, PURCHASES, None, NOW)
    for product in products_of(line.encode() for line in text.splitlines(keepends=True)):
        prices.add(product)
    prices.settle()


def _gcp_page(text: str) -> None:
    from google.cloud.billing_v1 import ListSkusResponse
    from google.protobuf.json_format import ParseError

    try:
        page = ListSkusResponse.pb(ListSkusResponse.from_json(text, ignore_unknown_fields=True))
    except ParseError as error:
        raise ValueError(str(error)) from error
    parts = part_prices(page.skus, NOW)
    assert all(price > 0 for price in parts.usd_per_part_hour.values())
    assert all(fault.isprintable() for fault in parts.faults.values())


READERS: dict[str, tuple[Callable[[], Iterator[str]], Callable[[str], None]]] = {
    "AWS item": (
        lambda: (json.dumps(one) for one in [*recorded("gpu_products.json"), *recorded("reserved_terms.json")]),
        _aws_item,
    ),
    "AWS public list": (lambda: iter([public_list(recorded("gpu_products.json")[:4])]), _aws_list),
    "GCP page": (lambda: (json.dumps({"skus": skus()[at : at + 3]}) for at in range(0, 30, 3)), _gcp_page),
}
"""What is mutated, and what reads it: ValueError is a refusal, anything else a fault of ours."""


def fuzz(name: str, count: int, first_seed: int = 0) -> int:
    """Read so many mutated answers; returns how many were refused.

    Raises:
        AssertionError: a reader raised something else than ValueError, or read nonsense; names the seed.
    """
    originals, read = READERS[name]
    texts = list(originals())
    refused = 0
    for seed in range(first_seed, first_seed + count):
        text = mutated(texts[seed % len(texts)], seed)
        try:
            read(text)
        except ValueError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error
    return refused
