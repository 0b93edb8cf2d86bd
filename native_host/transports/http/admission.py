"""Whether a request may be served, from its head alone, in this order: Host, Origin, token, method and content type."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from native_host.transports.http.access import Access
from native_host.transports.http.failures import Failure

HEALTH = "/healthz"
FOR_BROWSERS = ("/docs", "/openapi.json")
"""Pages that a person opens: a browser can send the token as a password there."""
METHODS = ("GET", "HEAD", "POST", "DELETE")
"""``HEAD`` comes as ``GET`` to what is checked and answered here."""
_FROM_ELSEWHERE = ("cross-site", "same-site")
_HEADER_NAMES = re.compile(r"[a-z0-9-]+(?:, ?[a-z0-9-]+)*", re.IGNORECASE)


class Headers:
    """A request's headers, none of them forgotten when one comes twice."""

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._headers = tuple(headers)

    def all(self, name: str) -> list[str]:
        """Every value."""
        return [value.decode("latin-1").strip() for key, value in self._headers if key.lower() == name.encode()]

    def one(self, name: str) -> str | None:
        """The value where there is exactly one."""
        values = self.all(name)
        return values[0] if len(values) == 1 else None


class Admission:
    """Holds requests against what is allowed."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def check(self, method: str, path: str, headers: Headers, answer: dict[str, str]) -> None:
        """Return if the request may go on. Adds to ``answer`` the headers that its answer is to have in any case.

        Raises:
            Failure: it may not; with status 204 for a preflight, which is answered here.
        """
        host = headers.one("host")
        if host is None or not self._access.takes_host(host):
            raise Failure(421, "host_refused", "This address is not served here: one Host header with our own address.")
        origin = self._origin(headers, host)
        if origin:
            answer["Access-Control-Allow-Origin"] = origin
            answer["Access-Control-Expose-Headers"] = "Retry-After"
        answer["Vary"] = "Origin"
        if method == "OPTIONS" and origin and headers.one("access-control-request-method"):
            raise _preflight(headers)
        if not (path == HEALTH and method == "GET"):
            self._authorise(headers, path, method)
        _check_form(headers, method)

    def _origin(self, headers: Headers, host: str) -> str | None:
        origins = headers.all("origin")
        if not origins:
            if headers.one("sec-fetch-site") in _FROM_ELSEWHERE:
                raise Failure(403, "origin_refused", "Another site may not call this address.")
            return None
        if len(origins) > 1 or not self._access.takes_origin(origins[0], host):
            raise Failure(
                403,
                "origin_refused",
                "This page may not call TabAgent. Add its origin to the setting http_origins if it should.",
                details={"origin": origins[0][:200]},
            )
        return origins[0]

    def _authorise(self, headers: Headers, path: str, method: str) -> None:
        """Every token that is shown must be ours, however it is spelt; at least one is."""
        shown = [_bearer(value) for value in headers.all("authorization")] + headers.all("x-api-key")
        is_page = method == "GET" and (path in FOR_BROWSERS or path.startswith(FOR_BROWSERS[0] + "/"))
        if is_page:
            shown = [_password(value) for value in headers.all("authorization")]
        if not shown or not all(token and self._access.takes_token(token) for token in shown):
            raise Failure(
                401,
                "unauthorized",
                "A token is needed: Authorization: Bearer TOKEN. It is in the file that `tabagent serve` names.",
                headers={"WWW-Authenticate": 'Basic realm="TabAgent"' if is_page else "Bearer"},
            )


def _check_form(headers: Headers, method: str) -> None:
    if headers.all("upgrade"):
        raise Failure(400, "upgrade_refused", "There is no other protocol here than HTTP.")
    if headers.all("transfer-encoding") and headers.all("content-length"):
        message = "Send Content-Length or Transfer-Encoding, not both."
        raise Failure(400, "bad_request", message, headers={"Connection": "close"})
    if method not in METHODS:
        raise Failure(
            405, "method_not_allowed", f"Methods are {', '.join(METHODS)}.", headers={"Allow": ", ".join(METHODS)}
        )
    kind = (headers.one("content-type") or "").partition(";")[0].strip().lower()
    if method != "GET" and (kind != "application/json" or headers.all("content-encoding")):
        raise Failure(415, "unsupported_media_type", "A body is application/json, and not compressed.")


def _preflight(headers: Headers) -> Failure:
    """A preflight's answer for an origin that is allowed. No token: browsers send none, and it grants no access."""
    wanted = headers.one("access-control-request-headers") or ""
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Allow-Headers": wanted if _HEADER_NAMES.fullmatch(wanted) else "authorization, content-type",
        "Access-Control-Max-Age": "600",
    }
    if headers.one("access-control-request-private-network") == "true":
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Failure(204, "preflight", "", headers=allowed)


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _password(value: str) -> str:
    scheme, _, coded = value.partition(" ")
    if scheme.lower() != "basic":
        return _bearer(value)
    try:
        return base64.b64decode(coded, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
