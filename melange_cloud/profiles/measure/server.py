"""Queries the server before a long measurement: does it answer, what does it serve, and how fast?"""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from melange_cloud.errors import BadInput, MelangeError, echoed
from melange_cloud.inputs import is_number, parse_json
from melange_cloud.profiles.measure.request_sizes import ENDPOINTS
from melange_cloud.profiles.measure.server_settings import SGLANG_PATHS, ServerSettings, settings_of_server

API_KEY_VARIABLE = "OPENAI_API_KEY"

_PROBE_TOKENS = 16
_PROBE_PROMPT = "Tell the story of the lighthouse keeper and the storm."
_ANSWER_LIMIT_S = 10.0
_PROBE_LIMIT_S = 300.0
_MOST_BYTES = 4_000_000
_MOST_MODELS = 10_000
_MOST_TOKENS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """What an OpenAI-compatible server says about itself.

    Attributes:
        url: without ``/v1``.
        models: the names that it serves.
        max_total_tokens: by model, the longest input + output; only vLLM and a few others report it.
        engine: software and version; empty if it does not say.
    """

    url: str
    models: tuple[str, ...]
    max_total_tokens: dict[str, int]
    engine: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A single short request.

    Attributes:
        asked_tokens, output_tokens: by the server's own count.
    """

    seconds_per_token: float
    asked_tokens: int
    output_tokens: int


def ask_server(url: str, api_key: str | None = None) -> Server:
    """Query a server for what it serves.

    Raises:
        BadInput: it is not an address.
        MelangeError: nothing answers there, or it is not an OpenAI-compatible server.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        sound = False
    if not sound:
        raise BadInput(f"--url {echoed(url, 150)}: must be the server's address, such as http://host:8000")
    base = url.rstrip("/").removesuffix("/v1")
    answer = _asked(f"{base}/v1/models", api_key, None, _ANSWER_LIMIT_S)
    served = answer.get("data")
    entries = [entry for entry in served[:_MOST_MODELS] if isinstance(entry, dict)] if isinstance(served, list) else []
    entries = [entry for entry in entries if isinstance(entry.get("id"), str) and entry["id"].isprintable()]
    models = tuple(entry["id"] for entry in entries)
    if not models:
        raise MelangeError(f"{base}/v1/models lists no models: is this an OpenAI-compatible server?")
    lengths = {
        entry["id"]: int(entry["max_model_len"])
        for entry in entries
        if isinstance(entry.get("max_model_len"), int) and is_number(entry["max_model_len"], 1, _MOST_TOKENS)
    }
    owners = [echoed(entry["owned_by"]) for entry in entries if isinstance(entry.get("owned_by"), str)]
    return Server(base, models, lengths, _engine(base, owners[0] if owners else ""))


def is_alive(url: str, api_key: str | None = None) -> bool:
    """True if the server still reports what it serves."""
    try:
        ask_server(url, api_key)
    except MelangeError:
        return False
    return True


def probe(server: Server, model: str, endpoint: str, api_key: str | None = None) -> Probe:
    """Send two short requests and time the second one, since the server may be cold for the first.

    Raises:
        MelangeError: the server refuses; the message has its reason and, if the endpoint is missing, the other
            endpoint.
    """
    words: dict[str, Any] = {"prompt": _PROBE_PROMPT}
    if endpoint == "chat":
        words = {"messages": [{"role": "user", "content": _PROBE_PROMPT}]}
    question = {"model": model, **words, "max_tokens": _PROBE_TOKENS, "ignore_eos": True, "temperature": 0}
    address = server.url + ENDPOINTS[endpoint]
    took_s, tokens = 0.0, 0
    for _ in range(2):
        started = time.monotonic()
        usage = _asked(address, api_key, question, _PROBE_LIMIT_S).get("usage")
        took_s = time.monotonic() - started
        tokens = usage.get("completion_tokens", 0) if isinstance(usage, dict) else 0
    if not isinstance(tokens, int) or not is_number(tokens, 1):
        raise MelangeError(f"{address} cannot be measured: it does not report usage.completion_tokens")
    return Probe(took_s / tokens, _PROBE_TOKENS, tokens)


def _engine(base: str, owner: str) -> str:
    """vLLM and similar servers report a version at /version, SGLang elsewhere; for others the owner in /v1/models."""
    for path in ("/version", *SGLANG_PATHS):
        try:
            version = _asked(f"{base}{path}", None, None, _ANSWER_LIMIT_S).get("version")
        except MelangeError:
            continue
        if isinstance(version, str):
            return f"{owner} {echoed(version)}".strip()
    return owner


def settings_of(server: Server, model: str, api_key: str | None = None) -> ServerSettings:
    """How a server was started, as far as it reports; never raises an error."""
    owner, _, version = server.engine.rpartition(" ")
    if not any(char.isdigit() for char in version):
        owner, version = server.engine, ""
    length = server.max_total_tokens.get(model)
    return settings_of_server(owner, version, length, lambda path: _answer(f"{server.url}{path}", api_key))


def _answer(address: str, api_key: str | None) -> dict[str, Any] | bytes:
    """A JSON object, or whatever else the server answers."""
    content = _content(address, api_key, None, _ANSWER_LIMIT_S)
    try:
        document = parse_json(content)
    except ValueError:
        return content
    return document if isinstance(document, dict) else content


def _asked(address: str, api_key: str | None, question: dict[str, Any] | None, limit_s: float) -> dict[str, Any]:
    try:
        document = parse_json(_content(address, api_key, question, limit_s))
    except ValueError as error:
        raise MelangeError(f"{address} did not answer in JSON: is this an OpenAI-compatible server?") from error
    if not isinstance(document, dict):
        raise MelangeError(f"{address} did not answer with a JSON object: is this an OpenAI-compatible server?")
    return document


def _content(address: str, api_key: str | None, question: dict[str, Any] | None, limit_s: float) -> bytes:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    body = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(address, body, headers)  # noqa: S310  ask_server has checked that it is http(s)
    try:
        with urllib.request.urlopen(request, timeout=limit_s) as response:  # noqa: S310
            content: bytes = response.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            raise MelangeError(f"{address}: {_refusal(error)}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise MelangeError(f"{address} does not answer: {reason}; is the server up, and the address right?") from error
    return content


def _refusal(error: urllib.error.HTTPError) -> str:
    if error.code in (401, 403):
        return f"HTTP {error.code}: the server requires a key; set {API_KEY_VARIABLE}"
    if error.code == 404:
        other = "chat" if error.url and error.url.endswith(ENDPOINTS["completions"]) else "completions"
        missing = error.url is not None and error.url.endswith(tuple(ENDPOINTS.values()))
        return "HTTP 404: path not found" + (f" on this server; try --endpoint {other}" if missing else "")
    text = " ".join(error.read(2000).decode("utf-8", "replace").split())
    return f"HTTP {error.code}: {echoed(text, 200) or error.reason}"
