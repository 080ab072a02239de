"""The edge to Google's libraries: credentials, clients, time-outs, retries, and their errors in our words.

Nothing of Google's is imported before it is needed (google-cloud-compute alone takes a second).
"""

import http.client
import ipaddress
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from melange_cloud.clouds.bounded_answers import UnusableAnswerError
from melange_cloud.clouds.credentials import HOW_TO_GET, NoCredentials, application_default_file
from melange_cloud.clouds.foreign_errors import words_of
from melange_cloud.clouds.gcp.one_service import machine_types_client_class
from melange_cloud.concurrency import Deadline, DeadlinePassedError
from melange_cloud.errors import BadInput, MelangeError, PricesUnavailable, echoed
from melange_cloud.inputs import is_there

BILLING_ENDPOINT = "MELANGE_CLOUD_GCP_BILLING_ENDPOINT"
COMPUTE_ENDPOINT = "MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT"
API_KEY = "MELANGE_CLOUD_GCP_API_KEY"
_LOG_IN = "run `gcloud auth application-default login`"

_SCOPES = (
    "https://www.googleapis.com/auth/cloud-billing.readonly",
    "https://www.googleapis.com/auth/compute.readonly",
)
_METADATA_IP = "169.254.169.254"
_METADATA_WAIT_S = 0.3
_CHECK_THE_WAY = f"check the network, proxies, and {BILLING_ENDPOINT} and {COMPUTE_ENDPOINT} where they are set"
_INSTALL = "install google-cloud-billing and google-cloud-compute"
_SHOWN_CHARACTERS = 120
_READ_CHARACTERS = 2000
MOST_PAGES = 1000
"""Google's list has ten pages of 5,000 SKUs; AWS's queries are limited to the same number."""
_MOST_ANSWER_BYTES = 64 * 2**20
"""A page of 5,000 SKUs has 12 MB."""
_MOST_TOKEN_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class GcpPatience:
    """How long to wait for Google.

    Attributes:
        answer_s: seconds without a byte after which an attempt is abandoned.
        give_up_s: seconds after which a page is not tried again.
        first_wait_s, longest_wait_s: the pause before the second attempt, and the longest; it doubles in between.
        connect_s: seconds to connect, so that a machine without a network does not wait for ``give_up_s``.
    """

    answer_s: float = 15.0
    give_up_s: float = 45.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0
    connect_s: float = 5.0


def endpoint(variable: str) -> tuple[str | None, bool]:
    """The address that an environment variable sets in place of Google's, and whether it is on this machine.

    Raises:
        BadInput: not an address, or plain http to another machine, which anyone on the way could read and answer.
    """
    address = os.environ.get(variable, "").rstrip("/")
    if not address:
        return None, False
    shown = f"{variable}={echoed(address)}"
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        raise BadInput(f"{shown}: not an address; write https://host or http://127.0.0.1:port") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise BadInput(f"{shown}: not an address; write https://host or http://127.0.0.1:port")
    if parts.scheme == "https":
        return address, False
    if not _is_loopback(host):
        raise BadInput(f"{shown}: plain http is allowed only to this machine (http://127.0.0.1:port); use https://")
    return address, True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _adc_file() -> bool:
    """True if application default credentials are set up as a file, in the place that Google documents."""
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return True
    file = application_default_file().expanduser()
    return is_there(file) and file.is_file()


def _on_google_cloud() -> bool:
    """True if a metadata server answers; google-auth's own probe waits for up to twelve seconds."""
    if os.environ.get("NO_GCE_CHECK", "").lower() == "true":
        return False
    host = os.environ.get("GCE_METADATA_HOST") or os.environ.get("GCE_METADATA_IP") or _METADATA_IP
    connection = http.client.HTTPConnection(host, timeout=_METADATA_WAIT_S)
    try:
        connection.request("GET", "/", headers={"Metadata-Flavor": "Google"})
        return connection.getresponse().headers.get("Metadata-Flavor") == "Google"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def find_credentials(patience: GcpPatience, ask_metadata: bool = True, deadline: Deadline | None = None) -> Any:
    """Application default credentials, refreshed, so that expired ones are found before the first call.

    Args:
        ask_metadata: False if it is known that there is no metadata server.
        deadline: when to stop reading answers.

    Raises:
        NoCredentials: there are none; found within a third of a second, before Google's libraries are imported.
        PricesUnavailable: there are some, and Google does not accept them.
    """
    if not _adc_file() and not (ask_metadata and _on_google_cloud()):
        raise NoCredentials("no credentials, so no live prices", cure=HOW_TO_GET["gcp"])
    with vendor_errors("Google's sign-in", _LOG_IN, patience):
        from functools import partial

        import google.auth
        import requests
        from google.auth.transport.requests import Request

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keep google-auth's advice about quota projects out of our output
            credentials, _ = google.auth.default(scopes=_SCOPES)
        session = requests.Session()
        _bound(session, _MOST_TOKEN_BYTES, deadline)
        credentials.refresh(partial(Request(session), timeout=patience.answer_s))
        return credentials


def billing_client(
    api_key: str | None, credentials: Callable[[], Any], patience: GcpPatience, deadline: Deadline | None = None
) -> Any:
    """A ``CloudCatalogClient`` over REST: anonymous on the loopback, else by API key, else with ``credentials``.

    Raises:
        BadInput: the endpoint is not a valid address.
        PricesUnavailable: there are no credentials, or Google does not accept them.
    """
    address, local = endpoint(BILLING_ENDPOINT)
    found = None if local or api_key else credentials()
    with vendor_errors("Google's price list", HOW_TO_GET["gcp"], patience):
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.billing_v1 import CloudCatalogClient

        client = CloudCatalogClient(
            credentials=AnonymousCredentials() if local else found,
            transport="rest",  # gRPC does not work through an http:// endpoint or an HTTP proxy
            client_options=ClientOptions(api_endpoint=address, api_key=None if local else api_key),
        )
        return _bounded(client, deadline)


def machine_types_client(
    project: str, credentials: Callable[[], Any], patience: GcpPatience, deadline: Deadline | None = None
) -> Any:
    """A ``MachineTypesClient``: anonymous on the loopback, else with ``credentials`` (an API key is not enough).

    Raises:
        BadInput: the endpoint is not a valid address.
        PricesUnavailable: there are no credentials, or Google does not accept them.
    """
    address, local = endpoint(COMPUTE_ENDPOINT)
    try:
        found = None if local else credentials()
    except NoCredentials as error:
        what = f"the machine types of project {project} cannot be listed with an API key alone"
        raise PricesUnavailable(what, cure=_LOG_IN) from error
    with vendor_errors("Google's list of machine types", HOW_TO_GET["gcp"], patience):
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials

        client = machine_types_client_class()(
            credentials=AnonymousCredentials() if local else found,
            client_options=ClientOptions(api_endpoint=address),
        )
        return _bounded(client, deadline)


def _bounded(client: Any, deadline: Deadline | None) -> Any:
    """The same client; from now on its answers are read within bounds."""
    session = client.transport._session  # a client's connections are not public
    _bound(session, _MOST_ANSWER_BYTES, deadline)
    tokens = getattr(session, "_auth_request_session", None)
    if tokens is not None:
        _bound(tokens, _MOST_TOKEN_BYTES, deadline)
    return client


def _bound(session: Any, most_bytes: int, deadline: Deadline | None) -> None:
    from melange_cloud.clouds.gcp.bounded_requests import bounded_adapter

    session.headers["Accept-Encoding"] = "gzip"
    for scheme in ("https://", "http://"):
        session.mount(scheme, bounded_adapter(most_bytes, deadline))


def call_options(patience: GcpPatience) -> dict[str, Any]:
    """``timeout`` and ``retry`` of a call: each attempt has its own time-out; 429, 5xx and lost answers are retried."""
    from google.api_core.exceptions import ServerError, TooManyRequests
    from google.api_core.retry import Retry, if_exception_type
    from google.api_core.timeout import ConstantTimeout
    from google.auth.exceptions import TransportError
    from requests.exceptions import ChunkedEncodingError, Timeout
    from requests.exceptions import ConnectionError as ConnectionFailed

    passing = if_exception_type(
        TooManyRequests, ServerError, TransportError, ChunkedEncodingError, ConnectionFailed, Timeout
    )
    return {
        "timeout": ConstantTimeout((patience.connect_s, patience.answer_s)),
        "retry": Retry(
            predicate=lambda error: passing(error) and not _is_unreachable(error),
            initial=patience.first_wait_s,
            maximum=patience.longest_wait_s,
            multiplier=2.0,
            timeout=patience.give_up_s,
        ),
    }


def _is_unreachable(error: BaseException) -> bool:
    """True if the connection failed (no network, unknown host, refused): a retry would only cost time."""
    from requests.exceptions import ConnectTimeout
    from urllib3.exceptions import NewConnectionError

    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, ConnectTimeout) or isinstance(cause, NewConnectionError)


def pages(ask: Callable[[], Any], what: str, cure: str, patience: GcpPatience) -> Iterator[Any]:
    """The pages of a paged call, each exactly once.

    Raises:
        PricesUnavailable: a page could not be read, or Google repeats pages.
    """
    with vendor_errors(what, cure, patience):
        seen: set[str] = set()
        for page in ask().pages:
            yield page
            token = page.next_page_token
            if token in seen:
                why = f"{what} keeps repeating the page '{echoed(token, 30)}'"
                raise PricesUnavailable(why, cure="try again later")
            if token:
                seen.add(token)
            if len(seen) >= MOST_PAGES:
                why = f"{what} does not end after {MOST_PAGES:,} pages"
                raise PricesUnavailable(why, cure="try again later")


@contextmanager
def vendor_errors(what: str, cure: str, patience: GcpPatience) -> Iterator[None]:
    """Turn whatever Google's libraries raise into PricesUnavailable: one line with what failed and the cure."""
    # On import Google's libraries may warn that they will drop this version of Python. That must not appear in our
    # output, and must not fail where warnings are errors.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    try:
        from google.api_core import exceptions as api
        from google.auth import exceptions as auth
        from google.protobuf.json_format import ParseError
        from requests import exceptions as http_
    except ModuleNotFoundError as error:
        raise PricesUnavailable(f"{what} cannot be read without {error.name}", cure=_INSTALL) from error
    try:
        yield
    except api.Forbidden as error:
        raise PricesUnavailable(f"{what}: access denied ({_text_of(error)})", cure=cure) from error
    except (api.Unauthorized, auth.RefreshError, auth.InvalidOperation, auth.DefaultCredentialsError) as error:
        why = f"{what}: the credentials have expired or are not valid ({_text_of(error)})"
        raise PricesUnavailable(why, cure=HOW_TO_GET["gcp"]) from error
    except api.RetryError as error:
        why = f"{what}: no usable answer within {patience.give_up_s:g} s ({_text_of(error.cause)})"
        raise PricesUnavailable(why, cure="try again later") from error
    except api.BadRequest as error:
        why = f"{what}: Google refuses the request ({_text_of(error)})"
        raise PricesUnavailable(why, cure=f"check {API_KEY} and the project") from error
    except (api.GoogleAPIError, auth.GoogleAuthError, http_.RequestException) as error:
        raise PricesUnavailable(f"{what} cannot be read ({_text_of(error)})", cure=_CHECK_THE_WAY) from error
    except (ParseError, UnicodeDecodeError) as error:
        why = f"{what} is not in the JSON form that Google documents ({_text_of(error)})"
        raise PricesUnavailable(why, cure=_CHECK_THE_WAY) from error
    except ModuleNotFoundError as error:
        raise PricesUnavailable(f"{what} cannot be read without {error.name}", cure=_INSTALL) from error
    except (UnusableAnswerError, DeadlinePassedError) as error:
        raise PricesUnavailable(error.finding.of(what)) from error
    except RecursionError as error:
        raise PricesUnavailable(f"{what} is nested too deeply to be read", cure=_CHECK_THE_WAY) from error
    except MelangeError:
        raise
    except Exception as error:  # Google's libraries may raise anything when an answer is not what they expect
        raise PricesUnavailable(f"{what} cannot be read ({words_of(error)})", cure=_CHECK_THE_WAY) from error


def _text_of(error: BaseException | None) -> str:
    """The text of a vendor's exception, in one short line."""
    from requests import exceptions as http_

    if isinstance(error, http_.Timeout):
        return "it stopped answering"
    if isinstance(error, http_.ChunkedEncodingError):
        return "the answer was cut off"
    if isinstance(error, http_.ConnectionError):
        return "no connection"
    text = next(iter(str(getattr(error, "message", "") or error or "").splitlines()), "") or "no reason given"
    text = re.sub(r"^[A-Z]+ https?://\S+: ", "", text[:_READ_CHARACTERS])
    code = getattr(error, "code", None)
    text = f"{int(code)} {text}" if isinstance(code, int) else text
    return echoed(text, _SHOWN_CHARACTERS)
