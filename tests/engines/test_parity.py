"""The same weights give the same answers, whichever engine runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tabagent_harness import HostProcess
from tabagent_weights.routes import EMBEDDINGS, TEXT, Route
from tests.engines import parity

LARGEST_GAP = 1.0
"""Quantised weights may choose otherwise where two tokens were nearly as likely."""


@pytest.fixture(scope="module")
def process() -> Iterator[HostProcess]:
    with parity.host() as host:
        yield host


@pytest.mark.timeout(600)
@pytest.mark.parametrize("route", TEXT, ids=lambda route: route.name)
def test_continuations(route: Route, process: HostProcess) -> None:
    found = parity.differences(route, process)
    if route.is_float:
        assert found == []
    assert all(difference.gap < LARGEST_GAP for difference in found), found


@pytest.mark.parametrize("route", EMBEDDINGS[1:], ids=lambda route: route.name)
def test_embeddings(route: Route, process: HostProcess) -> None:
    expected = parity.embeddings(EMBEDDINGS[0], process)
    cosines = [parity.cosine(*pair) for pair in zip(expected, parity.embeddings(route, process), strict=True)]
    assert min(cosines) > (1 - 1e-3 if route.is_float else 0.95), cosines
