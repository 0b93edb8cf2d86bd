"""Row S16: a hub's redirect is followed to public addresses only; the address is checked, however it is spelled."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from native_host.core.model_library.redirects import RefusedRedirect, pinned, target
from native_host.network.addresses import is_public
from tests.fake_hub import FakeHub, Fault
from tests.library.pulling import FILE, REPO, pull
from tests.support import Installation
from tests.syscalls import SystemCalls

PRIVATE = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"]
PRIVATE += ["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "198.18.0.0/15", "::1/128", "fe80::/10", "fc00::/7", "ff00::/8"]
LOOPBACK = ["127.0.0.1", "127.1", "0x7f.1", "0x7F000001", "2130706433", "017700000001", "0177.0.0.1", "0", "0.0.0.0"]
LOOPBACK += [
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "user@127.1",
    "evil.example\\@127.1",
    socket.gethostname(),
]
ELSEWHERE = ["169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "10.1"]

HUB = httpx2.URL("https://hub.example/org/x")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket on every loopback address that nobody may connect to."""
    with socket.create_server(("", 0)) as listening:
        listening.setblocking(False)
        yield listening


def test_s16_no_private_address_is_connected_to(
    puller: Installation, hub: FakeHub, listener: socket.socket, tmp_path: Path
) -> None:
    port = listener.getsockname()[1]
    with puller.host() as host, SystemCalls(puller.broker_pid(), tmp_path) as calls:
        for spelling in (*LOOPBACK, *ELSEWHERE):
            hub.faults[FILE] = Fault(redirect=f"https://{spelling}:{port}/x")
            error = pull(host)["error"]
            assert error["code"] == "download_failed", (spelling, error)
            assert "refused" in error["details"]["reason"], (spelling, error)
    with pytest.raises(BlockingIOError):
        listener.accept()
    assert calls.connected() <= {"127.0.0.1"}, "the hub itself, at another port"
    assert hub.downloads(FILE) == len(LOOPBACK) + len(ELSEWHERE)


@pytest.mark.parametrize("location", ["https://[::1", "https://h:port/", "http://x/", "https:///x", "data:,x"])
def test_s16_locations_that_are_no_address(puller: Installation, hub: FakeHub, location: str) -> None:
    hub.faults[FILE] = Fault(redirect=location)
    with puller.host() as host:
        error = pull(host)["error"]
        assert (error["code"], "refused" in error["details"]["reason"]) == ("download_failed", True), error
    assert REPO in error["message"] or FILE in error["message"]


def spelled(draw: random.Random, address: ipaddress.IPv4Address) -> str:
    """An IPv4 address in one of the forms that ``inet_aton`` reads."""
    parts = draw.randint(1, 4)
    number = int(address)
    head = [number >> 8 * (3 - at) & 0xFF for at in range(parts - 1)]
    numbers = [*head, number & (1 << 8 * (5 - parts)) - 1]
    return ".".join(draw.choice([str, hex, lambda it: f"0{it:o}"])(it) for it in numbers)


def drawn(draw: random.Random, network: str) -> str:
    """The host of a URL that means an address of the network."""
    block = ipaddress.ip_network(network)
    address = block[draw.randrange(block.num_addresses)]
    if isinstance(address, ipaddress.IPv6Address):
        return f"[{address}]"
    carried = [f"::ffff:{address}", f"64:ff9b::{address}", f"2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::"]
    return draw.choice([str(address), spelled(draw, address), f"[{draw.choice(carried)}]"])


@pytest.mark.parametrize("proxy", ["", "http://proxy.example:3128"])
def test_s16_any_spelling_of_any_private_address(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    draw = random.Random(16)
    for _ in range(3000):
        with pytest.raises(RefusedRedirect):
            pinned(target(HUB, f"https://{drawn(draw, draw.choice(PRIVATE))}/x"))


def test_s16_public_addresses_are_pinned() -> None:
    draw = random.Random(17)
    for _ in range(1000):
        host = drawn(draw, draw.choice(["8.8.8.0/24", "1.1.1.0/24", "2606:4700::/48"]))
        try:
            url = target(HUB, f"https://{host}:444/x?y=1")
        except RefusedRedirect:
            continue  # the URL's parser reads no octal numbers
        (hop,) = pinned(url)
        assert is_public(hop.url.host)
        assert (hop.url.port, hop.url.query) == (444, b"y=1")
        assert hop.headers["Host"].endswith(":444")


def test_s16_a_redirect_is_read_by_one_parser() -> None:
    """What is checked and what is connected to are the same URL."""
    for location in ("https://evil.example\\@127.0.0.1/", "https://a@b@127.0.0.1/", "//127.0.0.1/"):
        assert target(HUB, location).host == "127.0.0.1"
        with pytest.raises(RefusedRedirect):
            pinned(target(HUB, location))
