"""Combines what the user, the server and its log say about a server's settings."""

from dataclasses import fields, replace
from pathlib import Path

from melange_cloud.domain.engines import engines_in
from melange_cloud.errors import BadInput, echoed
from melange_cloud.profiles.measure.server import Server
from melange_cloud.profiles.measure.server_settings import ServerSettings

_FROM_A_LOG = ("kv_cache_tokens", "max_num_seqs", "max_num_batched_tokens", "max_model_len")
"""Settings that limit how much a server does at once; the log has those that the server does not report."""


def named_by_user(server: Server, engine: str) -> Server:
    """The server with the user's name of its engine; unchanged if that is empty.

    Raises:
        BadInput: the server itself names another engine.
    """
    own, users = engines_in(server.engine), engines_in(engine)
    if own and engine and users != own:
        raise BadInput(f"--engine {echoed(engine)}: the server says that it is {echoed(server.engine)}")
    return replace(server, engine=engine) if engine else server


def known_settings(
    said: ServerSettings, log: ServerSettings | None, log_path: Path | None
) -> tuple[ServerSettings, tuple[str, ...]]:
    """The settings, and the contradictions between log and server, one line each.

    The server takes precedence, except for the tokens of its cache.

    Args:
        said: by the server.
        log: None without a log.

    Raises:
        BadInput: the log is from another engine.
    """
    if log is None:
        return said, ()
    if not engines_in(said.engine):
        said = replace(said, engine=log.engine)
    if log.engine != said.engine:
        raise BadInput(f"--server-log {echoed(log_path)}: is a log of {log.engine}, but the server is {said.engine}")
    if log.kv_cache_tokens is not None:
        # A server reports blocks, which layers of several kinds share; its log counts tokens.
        said = replace(said, kv_cache_tokens=None)
    notes = [
        f"{name}: the server says {getattr(said, name)} (used), but {echoed(log_path)} says "
        f"{getattr(log, name)}: is the log from another start?"
        for name in said.differences(log)
    ]
    return said.completed_by(log), tuple(notes)


def unknown_settings(settings: ServerSettings) -> tuple[str, ...]:
    """Names of unknown settings that limit how much a server does at once."""
    return tuple(
        one.name for one in fields(settings) if one.name in _FROM_A_LOG and getattr(settings, one.name) is None
    )
