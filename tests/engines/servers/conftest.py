"""A server with a key, and a TabAgent that knows both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tabagent_harness import HostProcess
from tests.engines.servers.asking import KEY, Install
from tests.servers.openai import FakeOpenAI
from tests.support import Installation


@pytest.fixture
def gpu() -> Iterator[FakeOpenAI]:
    with FakeOpenAI("small", key=KEY) as server:
        yield server


@pytest.fixture
def tabagent(install: Install, gpu: FakeOpenAI) -> Installation:
    """It knows the server ``gpu`` and its key."""
    return install(servers=f"gpu={gpu.url}/v1", server_keys=f"gpu={KEY}", generation_stall_s=2)


@pytest.fixture
def host(tabagent: Installation) -> Iterator[HostProcess]:
    """At the end, the key is in nothing that was written."""
    with tabagent.host() as process:
        yield process
        process.result("status")
    assert KEY not in tabagent.log()
