"""Row F49: a client that speaks another protocol learns which side to update; the host serves on."""

from __future__ import annotations

from typing import Any

import pytest

from native_host import __version__
from native_host.protocol.connection import PROTOCOL_VERSION
from tabagent_harness import HostProcess


@pytest.mark.parametrize(
    ("protocol", "outdated"),
    [
        (PROTOCOL_VERSION + 1, "host"),
        (2**53, "host"),
        (PROTOCOL_VERSION - 1, "extension"),
        (-1, "extension"),
    ],
)
def test_f49_another_protocol_is_refused_with_what_to_update(host: HostProcess, protocol: int, outdated: str) -> None:
    error = host.result("hello", protocol=protocol, client={"name": "extension", "version": "99.0"})["error"]
    assert (error["code"], error["retryable"]) == ("version_mismatch", False)
    assert error["message"].endswith(f"Update the {outdated}.")
    assert error["details"] == {
        "host_protocol": PROTOCOL_VERSION,
        "client_protocol": protocol,
        "host_version": __version__,
    }
    agreed = host.result("hello", protocol=PROTOCOL_VERSION, client={"name": "extension", "version": "99.0"})["result"]
    assert (agreed["protocol"], agreed["version"]) == (PROTOCOL_VERSION, __version__)


@pytest.mark.parametrize(
    "fields", [{}, {"client": {}}, {"client": {"build": "20260101"}}, {"capabilities": ["a later field"]}]
)
def test_f49_clients_of_other_builds_are_welcome(host: HostProcess, fields: dict[str, Any]) -> None:
    assert host.result("hello", **fields)["result"]["version"] == __version__


@pytest.mark.parametrize("protocol", ["1", 1.0, True, None, [1], {"min": 1, "max": 2}])
def test_f49_a_protocol_that_is_no_integer(host: HostProcess, protocol: object) -> None:
    error = host.result("hello", protocol=protocol)["error"]
    assert error["code"] == "bad_param"
    assert "protocol" in error["message"]
