"""A hub, and an installation that pulls from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fake_hub import FakeHub, Repository
from tests.library.pulling import FILE, MODEL, REPO
from tests.support import Installation


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        running.repositories[REPO] = Repository({FILE: MODEL, "README.md": b"# tiny"})
        yield running


@pytest.fixture
def puller(install: Callable[..., Installation], hub: FakeHub) -> Installation:
    return install(hub_endpoint=hub.url)
