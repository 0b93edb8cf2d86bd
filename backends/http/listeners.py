"""Users whose programs listen on this machine's ports, where the operating system tells: Linux does."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"
_SYSTEM_USERS = range(1000)
"""Users of services, which only root can make: Ollama's installer makes one."""
_DYNAMIC_USERS = range(61184, 65520)
"""Users that systemd makes for a service while it runs."""


def stranger(host: str, port: int) -> int | None:
    """Return the uid of another person who listens at an IP address of this machine; None where nobody does.

    A port on which nobody listens any more counts as a stranger's, with the uid -1: whoever accepted a connection and
    then closed the port hides who they are. None on systems that do not tell.
    """
    tables = [table for table in _TABLES if table.exists()]
    if not tables:
        return None
    users = {user for table in tables for user in _users(table.read_text(encoding="ascii"), host, port)}
    return next((user for user in users if not _is_trusted(user)), None) if users else -1


def _is_trusted(user: int) -> bool:
    return user == os.getuid() or user in _SYSTEM_USERS or user in _DYNAMIC_USERS


def _users(table: str, host: str, port: int) -> Iterator[int]:
    wanted = ipaddress.ip_address(host)
    for line in table.splitlines()[1:]:
        _, local, _, state, _, _, _, user, *_ = line.split()
        address, _, number = local.partition(":")
        if state == _LISTENING and int(number, 16) == port and _takes(_address(address), wanted):
            yield int(user)


def _address(digits: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address that the kernel writes as words of four bytes in the machine's own order."""
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    return ipaddress.ip_address(b"".join(words))


def _takes(
    listening: ipaddress.IPv4Address | ipaddress.IPv6Address, wanted: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> bool:
    mapped = getattr(listening, "ipv4_mapped", None)
    return listening.is_unspecified or wanted in (listening, mapped)
