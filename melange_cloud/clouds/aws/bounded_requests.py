"""How boto3's requests are sent: as botocore sends them, but with answers read within bounds."""

import os
from functools import partial
from typing import Any

from melange_cloud.clouds.bounded_answers import whole
from melange_cloud.concurrency import Deadline

MOST_ANSWER_BYTES = 8 * 2**20
"""A page of 100 products with all their terms has 1.5 MB; up to 64 are read at once."""
_MOST_TOKEN_BYTES = 2**20
_TOKEN_WAIT_S = (5.0, 15.0)
_TOKEN_SERVICES = ("sts", "sso", "sso-oidc", "signin")
"""The services that botocore itself queries for credentials."""


class BoundedSession:
    """Replaces botocore's URLLib3Session, which reads without a limit.

    Args:
        session: sends the requests.
        most_bytes: limit of an answer.
        deadline: when to stop reading answers.
    """

    def __init__(self, session: Any, most_bytes: int, deadline: Deadline | None) -> None:
        self._session = session
        self._most_bytes = most_bytes
        self._deadline = deadline

    def send(self, request: Any) -> Any:
        """Send a prepared request and read the answer.

        Raises:
            UnusableAnswerError, DeadlinePassedError: see ``whole``.
            Whatever botocore's own sending raises, so that it retries where that may help.
        """
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
        from urllib3 import exceptions

        request.stream_output = True
        response = self._session.send(request)
        try:
            body = whole(response.raw, self._most_bytes, self._deadline)
        except exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (exceptions.HTTPError, OSError) as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error, request=request) from error
        return AWSResponse(request.url, response.status_code, response.headers, _ReadBody(body))


class _ReadBody:
    """A body that has been read, in the form that botocore expects."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        """The body in one piece."""
        return [self._body]


def bound_client(client: Any, deadline: Deadline | None) -> None:
    """Read a client's answers within bounds."""

    def send(request: Any, **_: Any) -> Any:
        # A client's connections are not public.
        return BoundedSession(client._endpoint.http_session, MOST_ANSWER_BYTES, deadline).send(request)

    client.meta.events.register("before-send", send)


def bound_credentials(core: Any, deadline: Deadline | None) -> None:
    """Read within bounds what token services and metadata servers answer to a botocore session."""
    chain = core.get_component("credential_provider")
    for provider in chain.providers:
        for name in ("_fetcher", "_role_fetcher"):
            fetcher: Any = getattr(provider, name, None)
            if hasattr(fetcher, "_session"):
                fetcher._session = BoundedSession(fetcher._session, _MOST_TOKEN_BYTES, deadline)
    for service in _TOKEN_SERVICES:
        core.register(f"before-send.{service}", partial(_send_to_token_service, core, deadline))


def _send_to_token_service(core: Any, deadline: Deadline | None, request: Any, **_: Any) -> Any:
    """botocore creates the clients of these services internally, with its own settings."""
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    trusted = core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
    session = URLLib3Session(verify=trusted, proxies=get_environ_proxies(request.url), timeout=_TOKEN_WAIT_S)
    return BoundedSession(session, _MOST_TOKEN_BYTES, deadline).send(request)
