"""HTTP, where it is asked for: whether it answers, and whether its token is the user's alone."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from backends.http import listeners
from installer.doctor import Finding, Severity
from native_host.settings import Settings
from native_host.transports.http.access import token_path

CLOSE_TOKEN = "close_token"  # noqa: S105  # a repair's name
RENEW_TOKEN = "renew_token"  # noqa: S105  # a repair's name
LIMIT_S = 5.0
_CHECK = "HTTP"
_END_IT = "end what serves already, for it keeps the token it began with: tabagent serve (Ctrl-C), or tabagent stop"


def examine(settings: Settings) -> Iterator[Finding]:
    """Nothing is wrong with HTTP that is off."""
    where = f"{settings.http_host}:{settings.http_port}"
    token = token_path(settings)
    if token.exists() and stat.S_IMODE(token.stat().st_mode) & 0o077:
        yield _open(token, ours=not settings.http_token_file)
    if answers(settings):
        if token.exists():
            yield Finding(_CHECK, Severity.OK, f"it answers at {where}; the token is in {token}")
        else:
            message = f"it answers at {where}, and not with a token of {token}, which is not there"
            yield Finding(_CHECK, Severity.NOTE, message, f"If it was deleted: {_END_IT}")
    elif settings.http:
        message = f"The setting http asks for it, and nothing of ours answers at {where}."
        remedy = "tabagent logs --http tells why; where another program has the port, choose one with http_port."
        if not (settings.log_dir / "http.stderr").exists():
            remedy = "The background process started before the setting: tabagent stop, then ask again."
        yield Finding(_CHECK, Severity.PROBLEM, message, remedy)
    else:
        yield Finding(_CHECK, Severity.OK, "it is off; tabagent serve or the setting http turns it on")


def _open(token: Path, *, ours: bool) -> Finding:
    """A token that others could read is no secret any more; one of ours is made anew at the next start."""
    message = f"{token} could be read by others, and what they read stays good until it is replaced. "
    if ours:
        message += "--fix deletes it; the next start of HTTP makes a new one, for every program that asks."
        return Finding(_CHECK, Severity.PROBLEM, message, f"rm {token}; {_END_IT}", RENEW_TOKEN)
    message += "HTTP does not start with it."
    remedy = f"Put a new one into it, and: chmod 600 {token}"
    return Finding(_CHECK, Severity.PROBLEM, message, remedy, CLOSE_TOKEN)


def answers(settings: Settings) -> bool:
    """Return True if HTTP is served where the settings have it, and not by another person's program."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104
    connection = HTTPConnection(host, settings.http_port, timeout=LIMIT_S)
    try:
        connection.connect()
        address, port, *_ = connection.sock.getpeername()
        if listeners.stranger(address, port) is not None:
            return False
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
