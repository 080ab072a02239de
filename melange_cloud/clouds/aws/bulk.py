"""AWS prices without credentials: the public price list, one CSV of hundreds of MB per region, filtered on the fly.

Only one line of a list and its plain GPU products are in memory at any time.
"""

import http.client
import io
import os
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from melange_cloud.clouds import CloudAnswer, Progress
from melange_cloud.clouds.aws.csv_list import LONGEST_LINE_BYTES, products_of
from melange_cloud.clouds.aws.faults import (
    TRY_AGAIN_OR_CHECK_PROXIES,
    UnreadError,
    UnreadPart,
    fails,
    malformed,
    no_answer_in_time,
)
from melange_cloud.clouds.aws.list_stream import PassingBody, SameHost
from melange_cloud.clouds.aws.offer_collector import LISTED, PROVIDER, OfferCollector
from melange_cloud.clouds.aws.products import PriceList
from melange_cloud.clouds.bounded_answers import UnusableAnswerError
from melange_cloud.clouds.foreign_errors import ForeignErrorText, contained
from melange_cloud.concurrency import Deadline, DeadlinePassedError, side_by_side
from melange_cloud.domain import InstanceType
from melange_cloud.errors import Finding, PricesUnavailable, echoed
from melange_cloud.inputs import parse_json

_PUBLIC_URL = "https://pricing.us-east-1.amazonaws.com"
_FOLDER = "/offers/v1.0/aws/AmazonEC2/current"
_SOURCE = "AWS public price list (AmazonEC2 index.csv)"
_NO_SPOT = Finding("the public price list does not have them", "set up credentials (`aws configure`)")

_REGIONS_AT_ONCE = 4
_ATTEMPTS = 3
_BUFFER_BYTES = 1 << 20
_MOST_INDEX_BYTES = 1 << 22
_MOST_LIST_BYTES = 1 << 32
"""The longest list, of us-east-1, has about 400 MB."""
_MOST_REGIONS = 200
_REGION = re.compile(r"[a-z]{2,3}(-gov)?-[a-z]+-[0-9]{1,2}")
_NAMED = 4
_MAY_BE_CUT = "the server did not announce its length, so it may be truncated; older prices are kept"
_SHOWN_CHARACTERS = 100

Read = TypeVar("Read")


class PublicAwsPrices:
    """The PriceSource of AWS for users without credentials: on demand and reserved instances, no spot prices.

    Args:
        url: of the list; None uses AWS_ENDPOINT_URL_PRICING if it is set (as for the API), else AWS itself.
        timeout_s: time-out to connect, and between two reads.
        wait_s: pause before the second attempt; twice as long before the third.
        now: the time, UTC; dates the offers.
        known_sold_as: (region, instance type) -> ``sold_as`` of its on-demand price, which is not in the list.
        deadline: when to stop reading; a list that is not complete by then is not used.
    """

    provider = PROVIDER

    def __init__(
        self,
        url: str | None = None,
        timeout_s: float = 20.0,
        wait_s: float = 1.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        known_sold_as: Mapping[tuple[str, str], str] | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self._url = (url or os.environ.get("AWS_ENDPOINT_URL_PRICING") or _PUBLIC_URL).rstrip("/")
        self._timeout_s = timeout_s
        self._wait_s = wait_s
        self._now = now
        self._known_sold_as = known_sold_as or {}
        self._deadline = deadline
        self._telling = threading.Lock()

    def fetch(
        self,
        regions: Sequence[str] | None,
        purchases: Sequence[str],
        instance_types: Sequence[InstanceType],
        progress: Progress | None = None,
    ) -> CloudAnswer:
        """Read the public list; see PriceSource. Progress is in bytes, by region, never from two threads at once.

        Raises:
            PricesUnavailable: nothing could be read.
        """
        if not _is_http(self._url):
            what = f"'{echoed(self._url)}' is not an http address"
            raise PricesUnavailable(what, cure="correct AWS_ENDPOINT_URL_PRICING")
        shapes = {shape.name: shape for shape in instance_types if shape.provider == PROVIDER}
        listed = [purchase for purchase in LISTED if purchase in purchases]
        now = self._now()
        answers = OfferCollector(shapes, now.date(), self._known_sold_as)
        names: list[str] = []
        try:
            if listed:
                names = sorted(set(regions)) if regions is not None else self._all_regions()
        except UnreadError as error:
            raise PricesUnavailable(error.finding.of("public price list")) from error
        products = PriceList(shapes, listed, names, now)
        whole: set[str] = set()
        for name, read in self._lists(names, progress):
            if isinstance(read, UnreadError):
                answers.problems.append(UnreadPart("public price list of", name, read.finding))
                continue
            for product in read.products:
                products.add(product)
            missing = self._missing(name, read)
            if missing:
                why = Finding(f"it ends without {missing}; {_MAY_BE_CUT}", TRY_AGAIN_OR_CHECK_PROXIES)
                answers.problems.append(UnreadPart("public price list of", name, why))
            else:
                whole.add(name)
        if "spot" in purchases:
            answers.problems.append(UnreadPart("spot prices", "of every region", _NO_SPOT))
        answers.add_list(products, _SOURCE, {})
        return answers.fetched((region, purchase) for region in whole for purchase in listed)

    def _lists(
        self, names: Sequence[str], progress: Progress | None
    ) -> Iterator[tuple[str, "_RegionList | UnreadError"]]:
        """(region, its list or why it could not be read), as they end; at the deadline, all that are left."""
        waiting = dict(enumerate(names))
        calls = [partial(self._list_of, name, progress) for name in names]
        if self._deadline is not None:
            self._deadline.watch()
        try:
            for index, read in side_by_side(calls, _REGIONS_AT_ONCE, self._deadline):
                yield waiting.pop(index), read
        except DeadlinePassedError as error:
            late = UnreadError(error.finding)
            yield from ((name, late) for name in waiting.values())

    def _missing(self, region: str, read: "_RegionList") -> str:
        """Types that are known to be for rent there but missing from a list of unknown length; empty if it is known."""
        if read.says_its_end:
            return ""
        held = {product["product"]["attributes"]["instanceType"] for product in read.products}
        known = {name for (of, name), sold_as in self._known_sold_as.items() if of == region and sold_as == "on_demand"}
        lost = sorted(known - held)
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        return ", ".join(lost[:_NAMED]) + more

    def _all_regions(self) -> list[str]:
        """The regions that have a list; names of local and wavelength zones have more parts."""

        def read(body: PassingBody) -> bytes:
            return io.BufferedReader(body, _BUFFER_BYTES).read()

        raw = self._patiently(f"{_FOLDER}/region_index.json", read, _MOST_INDEX_BYTES)
        try:
            names = sorted(parse_json(raw)["regions"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadError(malformed("no list of regions")) from error
        return [name for name in names if _REGION.fullmatch(name)][:_MOST_REGIONS]

    def _list_of(self, region: str, progress: Progress | None) -> "_RegionList | UnreadError":
        """A region's products, if its list was read to its end, or why it could not be read."""

        def report(done_bytes: int, all_bytes: int | None) -> None:
            if progress is not None:
                with self._telling:
                    progress(f"{PROVIDER} {region}", done_bytes, all_bytes)

        def read(body: PassingBody) -> _RegionList:
            return _RegionList(tuple(products_of(_lines(body, report))), body.says_its_end)

        path = f"{_FOLDER}/{urllib.parse.quote(region, safe='')}/index.csv"
        try:
            outcome = contained(lambda: self._patiently(path, read, _MOST_LIST_BYTES))
        except UnreadError as error:
            return error
        return UnreadError(malformed(outcome.words)) if isinstance(outcome, ForeignErrorText) else outcome

    def _patiently(self, path: str, read: Callable[[PassingBody], Read], most_bytes: int) -> Read:
        """Open and read, up to three times if a retry may help.

        Args:
            read: called with the body.
            most_bytes: limit of the body.

        Raises:
            UnreadError: with cause and cure.
        """
        why = Finding("")
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self._wait_s * 2 ** (attempt - 1))
            try:
                with self._opened(path) as response:
                    return read(PassingBody(response, most_bytes, self._deadline))
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (403, 404):
                    raise UnreadError("AWS has no such list", cure="check the region's name") from error
                why = fails(error.code)
                if error.code != 429 and error.code < 500:
                    cure = f"check the address {self._url}"
                    raise UnreadError(f"AWS rejected the request (HTTP {error.code})", cure=cure) from error
            except (UnusableAnswerError, DeadlinePassedError) as error:
                raise UnreadError(error.finding) from error
            except ValueError as error:
                why = malformed(echoed(error, _SHOWN_CHARACTERS))
            except TimeoutError:
                why = no_answer_in_time(self._url)
            except (OSError, http.client.HTTPException) as error:
                cause = getattr(error, "reason", None) or error
                what = f"{self._url} cannot be reached or broke off ({echoed(cause, _SHOWN_CHARACTERS)})"
                why = Finding(what, "check the network, HTTPS_PROXY and AWS_CA_BUNDLE")
        raise UnreadError(why)

    def _opened(self, path: str) -> http.client.HTTPResponse:
        trusted = None
        if self._url.startswith("https:"):
            trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        opener = urllib.request.build_opener(SameHost, urllib.request.HTTPSHandler(context=trusted))
        response: http.client.HTTPResponse = opener.open(self._url + path, timeout=self._timeout_s)
        return response


def _is_http(address: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _RegionList:
    """The plain GPU products of a region's list, and whether the server announced its length."""

    products: tuple[dict[str, Any], ...]
    says_its_end: bool


def _lines(body: PassingBody, report: Callable[[int, int | None], None]) -> Iterator[bytes]:
    """The lines of a body; reports progress about once per MiB.

    Raises:
        ValueError: a line that is too long, or a body shorter than announced.
    """
    stream, next_report = io.BufferedReader(body, _BUFFER_BYTES), 0
    while line := stream.readline(LONGEST_LINE_BYTES):
        if len(line) == LONGEST_LINE_BYTES:
            raise ValueError(f"a line longer than {LONGEST_LINE_BYTES} bytes")
        if body.done_bytes >= next_report:
            report(body.done_bytes, body.length)
            next_report = body.done_bytes + _BUFFER_BYTES
        yield line
    report(body.done_bytes, body.length)
