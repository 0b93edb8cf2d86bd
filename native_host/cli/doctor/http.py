"""HTTP, where it is asked for: whether it answers, and whether its token is the user's alone."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from installer.doctor import Finding, Severity
from native_host.settings import Settings
from native_host.transports.http.access import token_path

CLOSE_TOKEN = "close_token"  # noqa: S105  # a repair's name
LIMIT_S = 5.0
_CHECK = "HTTP"


def examine(settings: Settings) -> Iterator[Finding]:
    """Nothing is wrong with HTTP that is off."""
    where = f"{settings.http_host}:{settings.http_port}"
    token = token_path(settings)
    if token.exists() and stat.S_IMODE(token.stat().st_mode) & 0o077:
        message = f"{token} can be read by others; HTTP is not served with it."
        yield Finding(_CHECK, Severity.PROBLEM, message, f"chmod 600 {token}", CLOSE_TOKEN)
    if _answers(settings):
        yield Finding(_CHECK, Severity.OK, f"it answers at {where}; the token is in {token}")
    elif settings.http:
        message = f"The setting http asks for it, and nothing of ours answers at {where}."
        remedy = "tabagent logs --http tells why; where another program has the port, choose one with http_port."
        yield Finding(_CHECK, Severity.PROBLEM, message, remedy)
    else:
        yield Finding(_CHECK, Severity.OK, "it is off; tabagent serve or the setting http turns it on")


def _answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104
    connection = HTTPConnection(host, settings.http_port, timeout=LIMIT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
