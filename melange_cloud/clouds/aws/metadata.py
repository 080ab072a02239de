"""Keeps a machine without credentials from waiting for a metadata server that does not exist."""

import os
import socket
from typing import Any
from urllib.parse import urlsplit

_CONNECT_S = 0.3
"""If there is a metadata server, it is on the same machine; botocore waits a second or more for it."""
_PROVIDER = "iam-role"
_IPV4_URL = "http://169.254.169.254/"
_IPV6_URL = "http://[fd00:ec2::254]/"


class _BriefMetadata:
    """botocore's own provider of an EC2 instance's role, queried only if something listens there."""

    METHOD = "iam-role-if-there"
    CANONICAL_NAME = None

    def __init__(self, provider: Any, url: str) -> None:
        self._provider = provider
        self._url = url

    def load(self) -> Any:
        """The role's credentials; None if there is no metadata server."""
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        address = urlsplit(self._url)
        try:
            socket.create_connection((address.hostname or "", address.port or 80), _CONNECT_S).close()
        except OSError:
            return None
        return self._provider.load()


def ask_metadata_briefly(session: Any) -> None:
    """Make a botocore session probe the metadata server before it waits for it, as before at the end of its chain."""
    url = session.get_config_variable("ec2_metadata_service_endpoint")
    if not url:
        mode = session.get_config_variable("ec2_metadata_service_endpoint_mode") or "ipv4"
        url = _IPV6_URL if mode.lower() == "ipv6" else _IPV4_URL
    chain = session.get_component("credential_provider")
    chain.insert_after(_PROVIDER, _BriefMetadata(chain.get_provider(_PROVIDER), url))
    chain.remove(_PROVIDER)
