"""Redirects of a hub: https to public addresses only, and the address that was checked is the one connected to.

A host can spell an address in many ways (``0x7f.1``, ``127.1``, ``2130706433``), and a name can resolve to any,
another one each time. ``pinned`` therefore resolves the host once, checks the addresses, and names one in the URL
of the request. If a proxy is configured, the proxy resolves and connects; spelled addresses are checked here.
"""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field
from typing import Any

import httpx2

from native_host.network.addresses import is_public, resolved, spelled


class RefusedRedirect(Exception):
    """A redirect that is not followed. The text says where it leads."""


@dataclass(frozen=True, slots=True)
class Hop:
    """Arguments of one request: ``url`` names the address to connect to, the rest names the host."""

    url: httpx2.URL
    headers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)

    @property
    def is_pinned(self) -> bool:
        """True if the connection goes to the address in the URL and through no proxy."""
        return bool(self.extensions)


def origin(url: httpx2.URL) -> tuple[str, bytes, int | None]:
    """Return scheme, host and port."""
    return url.scheme, url.raw_host, url.port


def target(url: httpx2.URL, location: str) -> httpx2.URL:
    """Return the URL that a redirect of ``url`` leads to.

    Raises:
        RefusedRedirect: It leads nowhere.
    """
    try:
        return url.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise RefusedRedirect(f"{location[:200]!r}, which is no URL") from error


def pinned(url: httpx2.URL) -> list[Hop]:
    """Return the requests to try in order, one for each address of the host.

    Raises:
        RefusedRedirect: Not https, or an address that is not public.
    """
    shown = f"{url.scheme}://{url.netloc.decode(errors='replace')}"
    if url.scheme != "https" or not url.host:
        raise RefusedRedirect(f"{shown}, which is not https")
    host = url.raw_host.decode("ascii")
    is_proxied = _uses_proxy(host)
    addresses = spelled(host) if is_proxied else _resolved(host, url.port or 443)
    for address in addresses:
        if not is_public(address):
            raise RefusedRedirect(f"{shown}, a private address ({address})")
    if is_proxied:
        if host.rstrip(".").rpartition(".")[2] in {"localhost", "local", "internal"}:
            raise RefusedRedirect(f"{shown}, a private name")
        return [Hop(url)]
    # A connection is verified for one host; another host at the same address must not reuse it.
    headers = {"Host": url.netloc.decode("ascii"), "Connection": "close"}
    return [Hop(url.copy_with(host=address), headers, {"sni_hostname": host}) for address in addresses]


def _resolved(host: str, port: int) -> list[str]:
    try:
        return resolved(host, port)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError(f"{host} cannot be resolved: {error}") from error


def _uses_proxy(host: str) -> bool:
    proxies = urllib.request.getproxies()
    return bool(proxies.get("https") or proxies.get("all")) and not urllib.request.proxy_bypass(host)
