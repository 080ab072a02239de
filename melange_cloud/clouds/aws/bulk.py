"""AWS prices without credentials: the public price list, one CSV of hundreds of MB per region, filtered as it passes.

At no time is more of a list held than one line and its plain GPU products.
"""

import http.client
import io
import json
import os
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, TypeVar

from melange_cloud.clouds import Fetched, Progress
from melange_cloud.clouds.aws.csv_list import LONGEST_LINE_BYTES, products_of
from melange_cloud.clouds.aws.faults import Problem, UnreadError, malformed
from melange_cloud.clouds.aws.offers import LISTED, PROVIDER, Answers
from melange_cloud.clouds.aws.pool import side_by_side
from melange_cloud.clouds.aws.products import PriceList
from melange_cloud.domain import InstanceType
from melange_cloud.errors import PricesUnavailable

_PUBLIC_URL = "https://pricing.us-east-1.amazonaws.com"
_FOLDER = "/offers/v1.0/aws/AmazonEC2/current"
_SOURCE = "AWS public price list (AmazonEC2 index.csv)"
_NO_SPOT = "the public price list has none: they need credentials (`aws configure`)"

_REGIONS_AT_ONCE = 4
_ATTEMPTS = 3
_BUFFER_BYTES = 1 << 20
_MOST_INDEX_BYTES = 1 << 22

Read = TypeVar("Read")


class PublicAwsPrices:
    """The PriceSource of AWS for those without credentials: on demand and reserved instances, no spot prices.

    Args:
        url: where the list is; None takes AWS_ENDPOINT_URL_PRICING where it is set (as for the API), else AWS itself.
        timeout_s: to connect, and between two reads.
        wait_s: before the second attempt; twice as long before the third.
        now: the time, UTC; dates the offers.
        known_sold_as: (region, instance type) -> ``sold_as`` of its on-demand price, which the list does not say.
    """

    provider = PROVIDER

    def __init__(
        self,
        url: str | None = None,
        timeout_s: float = 20.0,
        wait_s: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        known_sold_as: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self._url = (url or os.environ.get("AWS_ENDPOINT_URL_PRICING") or _PUBLIC_URL).rstrip("/")
        self._timeout_s = timeout_s
        self._wait_s = wait_s
        self._now = now
        self._known_sold_as = known_sold_as or {}
        self._telling = threading.Lock()

    def fetch(
        self,
        regions: Sequence[str] | None,
        purchases: Sequence[str],
        instance_types: Sequence[InstanceType],
        progress: Progress | None = None,
    ) -> Fetched:
        """Read the public list; see PriceSource. Progress is in bytes, by region, never from two threads at once.

        Raises:
            PricesUnavailable: nothing at all could be read.
        """
        if urllib.parse.urlsplit(self._url).scheme not in ("http", "https"):
            raise PricesUnavailable(f"aws: '{self._url}' is no http address: correct AWS_ENDPOINT_URL_PRICING")
        shapes = {shape.name: shape for shape in instance_types if shape.provider == PROVIDER}
        listed = [purchase for purchase in LISTED if purchase in purchases]
        answers = Answers(shapes, self._now().date(), self._known_sold_as)
        names: list[str] = []
        try:
            if listed:
                names = sorted(set(regions)) if regions is not None else self._all_regions()
        except UnreadError as error:
            raise PricesUnavailable(f"aws public price list: {error}") from error
        products = PriceList(shapes, listed, names)
        outcomes = side_by_side(
            [partial(self._add_region, name, products, progress) for name in names], _REGIONS_AT_ONCE
        )
        whole: set[str] = set()
        for index, problem in outcomes:
            if problem is None:
                whole.add(names[index])
            else:
                answers.problems.append(Problem("public price list of", names[index], problem))
        if "spot" in purchases:
            answers.problems.append(Problem("spot prices", "of every region", _NO_SPOT))
        answers.add_list(products, _SOURCE, {})
        return answers.fetched((region, purchase) for region in whole for purchase in listed)

    def _all_regions(self) -> list[str]:
        """The regions that have a list; local and wavelength zones have more parts in their names."""
        raw = self._patiently(f"{_FOLDER}/region_index.json", lambda stream, _: stream.read(_MOST_INDEX_BYTES))
        try:
            names = sorted(json.loads(raw)["regions"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadError(malformed("no list of regions")) from error
        return [name for name in names if name.count("-") == (3 if name.startswith("us-gov-") else 2)]

    def _add_region(self, region: str, products: PriceList, progress: Progress | None) -> str | None:
        """Add a region's products once its list has passed whole; None, or why it could not be read."""

        def told(done_bytes: int, all_bytes: int | None) -> None:
            if progress is not None:
                with self._telling:
                    progress(f"{PROVIDER} {region}", done_bytes, all_bytes)

        path = f"{_FOLDER}/{urllib.parse.quote(region, safe='')}/index.csv"
        try:
            for product in self._patiently(
                path, lambda stream, length: list(products_of(_lines(stream, length, told)))
            ):
                products.add(product)
        except UnreadError as error:
            return str(error)
        return None

    def _patiently(self, path: str, read: Callable[[BinaryIO, int | None], Read]) -> Read:
        """Open and read, up to three times where another attempt may help.

        Args:
            read: gets the stream and its length in bytes, None where the server does not say it.

        Raises:
            UnreadError: with the cause and the cure.
        """
        why = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self._wait_s * 2 ** (attempt - 1))
            try:
                with self._opened(path) as response:
                    length = response.headers.get("Content-Length", "")
                    return read(io.BufferedReader(response, _BUFFER_BYTES), int(length) if length.isdigit() else None)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (403, 404):
                    raise UnreadError("AWS has no such list: check the region's name") from error
                why = f"AWS fails (HTTP {error.code}), also when asked again: try again later"
                if error.code != 429 and error.code < 500:
                    raise UnreadError(f"AWS refuses (HTTP {error.code}): check the address {self._url}") from error
            except ValueError as error:
                why = malformed(str(error))
            except TimeoutError:
                why = f"no answer in time from {self._url}: try again, or look at the network and HTTPS_PROXY"
            except (OSError, http.client.HTTPException) as error:
                cause = getattr(error, "reason", None) or error
                cure = "look at the network, HTTPS_PROXY and AWS_CA_BUNDLE"
                why = f"{self._url} breaks off or cannot be reached ({cause}): {cure}"
        raise UnreadError(why)

    def _opened(self, path: str) -> http.client.HTTPResponse:
        trusted = None
        if self._url.startswith("https:"):
            trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        address = self._url + path
        response: http.client.HTTPResponse = urllib.request.urlopen(  # noqa: S310  fetch has checked that it is http(s)
            address, timeout=self._timeout_s, context=trusted
        )
        return response


def _lines(stream: BinaryIO, length: int | None, told: Callable[[int, int | None], None]) -> Iterator[bytes]:
    """The lines of a stream, telling how far it is about once per MiB.

    Raises:
        ValueError: a line without end, or a stream shorter than announced.
    """
    done, next_told = 0, 0
    while line := stream.readline(LONGEST_LINE_BYTES):
        if len(line) == LONGEST_LINE_BYTES:
            raise ValueError(f"a line longer than {LONGEST_LINE_BYTES} bytes")
        done += len(line)
        if done >= next_told:
            told(done, length)
            next_told = done + _BUFFER_BYTES
        yield line
    if length is not None and done != length:
        raise ValueError(f"{done} bytes instead of {length}")
    told(done, length)
