"""How Google's clients read an answer: within bounds, and never from another address than the requested one.

Imports requests, so import it only where Google's libraries are imported.
"""

from typing import Any
from urllib.parse import urlsplit

from requests import exceptions
from requests.adapters import HTTPAdapter
from urllib3 import exceptions as below

from melange_cloud.clouds.bounded_answers import UnusableAnswerError, whole
from melange_cloud.concurrency import Deadline
from melange_cloud.errors import echoed


def bounded_adapter(most_bytes: int, deadline: Deadline | None) -> HTTPAdapter:
    """An adapter for a requests session.

    Args:
        most_bytes: limit of an answer once decompressed.
        deadline: when to stop reading answers.
    """
    return _BoundedAdapter(most_bytes, deadline)


class _BoundedAdapter(HTTPAdapter):  # type: ignore[misc]  # requests ships no types
    def __init__(self, most_bytes: int, deadline: Deadline | None) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self._deadline = deadline

    def send(self, request: Any, **how: Any) -> Any:
        """As in HTTPAdapter, with the body read.

        Raises:
            UnusableAnswerError: too large, compressed by something other than gzip, or a redirect.
            DeadlinePassedError: the deadline passed in the middle of it.
            requests' own exceptions, where another attempt may succeed.
        """
        response = super().send(request, **{**how, "stream": True})
        if response.is_redirect or response.is_permanent_redirect:
            response.close()
            where = echoed(urlsplit(str(response.headers.get("location"))).netloc or "itself")
            raise UnusableAnswerError(f"it redirects to another host, {where}: check any proxy on the way")
        try:
            response._content = whole(response.raw, self._most_bytes, self._deadline)
        except below.ReadTimeoutError as error:
            raise exceptions.ReadTimeout(error, request=request) from error
        except (below.HTTPError, OSError) as error:
            raise exceptions.ChunkedEncodingError(error, request=request) from error
        except ValueError as error:
            raise exceptions.ContentDecodingError(error, request=request) from error
        response._content_consumed = True
        return response
