"""Finds out whether there may be credentials for a cloud, without importing an SDK (boto3 alone takes 0.3 s).

A sign names a place where credentials may be, never their content. Whether they are valid is for the SDK to decide.
"""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from melange_cloud.errors import BadFile, PricesUnavailable
from melange_cloud.inputs import is_there, read_bytes

_MOST_SETTINGS_BYTES = 2**20
_ANSWER_S = 0.3
"""If there is a metadata server, it is on the same machine; the SDKs wait for it for seconds."""

_AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_AWS_WORDS = (
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "ec2_metadata_service_endpoint",
    "login_session",
    "role_arn",
    "sso_",
    "web_identity_token_file",
)
"""Keys of a profile with credentials; a profile that only sets a region has none of these."""

_PROJECT_VARIABLES = ("MELANGE_CLOUD_GCP_PROJECT", "GOOGLE_CLOUD_PROJECT")

_METADATA_HOST = "169.254.169.254"
_AWS_METADATA_IPV6 = "fd00:ec2::254"


HOW_TO_GET = {
    "aws": "run `aws configure` or set AWS_PROFILE (without any: `melange-cloud prices refresh --public`)",
    "gcp": "set MELANGE_CLOUD_GCP_API_KEY or run `gcloud auth application-default login`",
}
"""provider -> how to get live prices without credentials."""


class NoCredentials(PricesUnavailable):
    """No credentials for a cloud are set up: a normal state of a machine, not a failure that needs a warning."""


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """The possible credentials for a cloud on this machine.

    Attributes:
        signs: where they may be.
        metadata: host and port of the metadata server that may have some; None if the user has disabled it.
        cure: how to get live prices if there are none.
    """

    signs: tuple[str, ...]
    metadata: tuple[str, int] | None
    cure: str


def access(provider: str) -> CloudAccess | None:
    """The possible credentials for ``aws`` or ``gcp``; None for any other cloud, which must be queried."""
    if provider == "aws":
        return CloudAccess(tuple(_aws_signs()), _aws_metadata(), HOW_TO_GET["aws"])
    if provider == "gcp":
        return CloudAccess(tuple(_gcp_signs()), _gcp_metadata(), HOW_TO_GET["gcp"])
    return None


def answering(servers: Mapping[str, tuple[str, int]]) -> dict[str, bool]:
    """True for each cloud whose metadata server answers; all are queried at once, for a third of a second."""
    from melange_cloud.concurrency import Deadline, DeadlinePassedError, side_by_side

    answers: dict[tuple[str, int], bool | None] = {}
    addresses = sorted(set(servers.values()))
    calls = [partial(_is_google, address) for address in addresses]
    # Connecting and answering each have their own limit.
    with contextlib.suppress(DeadlinePassedError):
        for index, google in side_by_side(calls, deadline=Deadline(_ANSWER_S * 2), name="metadata servers"):
            answers[addresses[index]] = google
    found = {}
    for provider, address in servers.items():
        google = answers.get(address)
        found[provider] = google is not None and google is (provider == "gcp")
    return found


def _is_google(address: tuple[str, int]) -> bool | None:
    """True if Google's metadata server answers, False if another does, None if none does; both use one address."""
    import socket

    try:
        with socket.create_connection(address, _ANSWER_S) as connection:
            connection.settimeout(_ANSWER_S)
            connection.sendall(b"GET / HTTP/1.0\r\nHost: metadata\r\nMetadata-Flavor: Google\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 8192:
                more = connection.recv(4096)
                if not more:
                    break
                head += more
    except OSError:
        return None
    return b"metadata-flavor: google" in head.lower() if head.startswith(b"HTTP/") else None


def _aws_signs() -> list[str]:
    signs = [name for name in _AWS_VARIABLES if os.environ.get(name)]
    files = (
        Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"),
        Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"),
        Path(os.environ.get("BOTO_CONFIG") or "~/.boto"),
        Path("/etc/boto.cfg"),
    )
    return signs + [str(file) for file in files if _holds(file.expanduser(), _AWS_WORDS)]


def _aws_metadata() -> tuple[str, int] | None:
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    named = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if named:
        return _address(named)
    ipv6 = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
    return (_AWS_METADATA_IPV6 if ipv6 else _METADATA_HOST), 80


def _gcp_signs() -> list[str]:
    signs = [name for name in ("MELANGE_CLOUD_GCP_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS") if os.environ.get(name)]
    if os.environ.get("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", "").startswith("http://"):
        signs.append("MELANGE_CLOUD_GCP_BILLING_ENDPOINT")  # an endpoint on this machine needs no credentials
    file = application_default_file()
    if is_there(file.expanduser()) and file.expanduser().is_file():
        signs.append(str(file))
    return signs


def application_default_file() -> Path:
    """Where gcloud puts application default credentials, ``~`` not yet expanded."""
    folder = os.environ.get("CLOUDSDK_CONFIG")
    roaming = os.environ.get("APPDATA") if os.name == "nt" else None
    gcloud = Path(folder) if folder else Path(roaming or "~/.config") / "gcloud"
    return gcloud / "application_default_credentials.json"


def _gcp_metadata() -> tuple[str, int] | None:
    if os.environ.get("NO_GCE_CHECK", "").lower() == "true":
        return None
    named = os.environ.get("GCE_METADATA_HOST") or os.environ.get("GCE_METADATA_IP")
    return _address(f"http://{named}") if named else (_METADATA_HOST, 80)


def _address(url: str) -> tuple[str, int] | None:
    """Host and port; None if it is not an address (the SDK reports that)."""
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or 80) if parts.hostname else None
    except ValueError:
        return None


def _holds(file: Path, words: tuple[str, ...]) -> bool:
    try:
        text = read_bytes(file, _MOST_SETTINGS_BYTES).decode("utf-8", errors="replace")
    except BadFile:  # missing, not readable, or a pipe: the SDK reports it if it matters
        return False
    return any(word in text for word in words)


def project_variable() -> str | None:
    """The environment variable that names the project for the list of machine types; None if none is set."""
    return next((name for name in _PROJECT_VARIABLES if os.environ.get(name)), None)


def named_project() -> str | None:
    """The project that it names."""
    variable = project_variable()
    return None if variable is None else os.environ[variable]
