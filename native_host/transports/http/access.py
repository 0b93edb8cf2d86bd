"""Who may ask: the addresses we answer to, the pages that may call, and the token.

The token is made at the first start and kept in a file of the user's own (0600). A loopback address needs no more than
that; any other is served only with a token that the user chose, in a file that ``http_token_file`` names.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from manifests import extensions
from native_host.settings import Settings, absolute_path

TOKEN_FILE = "http-token"  # noqa: S105  # a file's name
MIN_TOKEN_CHARACTERS = 16
_PORTS = {"http": ":80", "https": ":443"}
_TOKEN = re.compile(r"[\x21-\x7e]+")


class AccessError(Exception):
    """HTTP cannot be served like this; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the guard holds a request against.

    ``hosts`` are Host headers without their port. With ``any_address`` every IP address is one too: nobody can rebind
    an address that no name stands for.
    """

    port: int
    hosts: frozenset[str]
    origins: frozenset[str]
    token: str
    any_address: bool = False

    @classmethod
    def of(cls, settings: Settings, port: int) -> Access:
        """What the settings allow, on the port that is really listened on.

        Raises:
            AccessError: the token's file cannot be used.
        """
        ours = _as_host(settings.http_host)
        hosts = {"127.0.0.1", "localhost", "[::1]", ours}
        any_address = ours in ("0.0.0.0", "[::]")  # noqa: S104  # what the user asked for
        ids = extensions()
        origins = {f"chrome-extension://{it}" for it in (*ids.chromium, *settings.extension_ids) if it.isalnum()}
        origins.update(map(_as_origin, settings.http_origins))
        return cls(port, frozenset(hosts), frozenset(origins), read_token(settings), any_address)

    def takes_host(self, value: str) -> bool:
        """Whether a Host header is ours, with our port."""
        host, colon, port = value.lower().rpartition(":")
        if not colon or value.endswith("]"):  # no port is the port of the scheme
            host, port = value.lower(), "80"
        return port == str(self.port) and (host in self.hosts or (self.any_address and _is_address(host)))

    def takes_origin(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may ask: one that is allowed, or our own documentation."""
        return origin in self.origins or origin == f"http://{host}"

    def takes_token(self, token: str) -> bool:
        """Whether it is ours, in a time that tells nothing of it."""
        return secrets.compare_digest(token.encode(), self.token.encode())


def is_loopback(host: str) -> bool:
    """Whether nothing but this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_path(settings: Settings) -> Path:
    """Where the token lies, or will."""
    return absolute_path(settings.http_token_file) if settings.http_token_file else settings.config_dir / TOKEN_FILE


def read_token(settings: Settings) -> str:
    """The token; made where the user gave none.

    Raises:
        AccessError: its file cannot be used, or an address beyond this machine is to be served without a given one.
    """
    path = token_path(settings)
    if not settings.http_token_file:
        if not is_loopback(settings.http_host):
            raise AccessError(
                f"http_host {settings.http_host} can be reached by others: also set http_token_file, "
                "to a file with a token of your own"
            )
        _make_token(path)
    try:
        status = path.stat()
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"the token's file {path} cannot be read: {error}") from error
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise AccessError(f"the token's file {path} is open to others; run: chmod 600 {path}")
    if len(token) < MIN_TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
        raise AccessError(f"the token in {path} is too short or no token: at least {MIN_TOKEN_CHARACTERS} characters")
    return token


def _make_token(path: Path) -> None:
    """Whole or not at all: another start may read it at this moment."""
    made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            path.hardlink_to(made)
    except OSError as error:
        raise AccessError(f"the token's file {path} cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            made.unlink()


def _as_host(address: str) -> str:
    """As clients write it in a Host header: IPv6 in its shortest form."""
    try:
        address = str(ipaddress.ip_address(address))
    except ValueError:
        pass
    return f"[{address.lower()}]" if ":" in address else address.lower()


def _as_origin(address: str) -> str:
    """As browsers write it in an Origin header: in lower case, without the port of its scheme."""
    origin = address.lower()
    scheme = origin.partition(":")[0]
    return origin.removesuffix(_PORTS.get(scheme, ""))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return False
    return True
