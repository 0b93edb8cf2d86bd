"""The same weights give the same answers, whichever engine runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tabagent_harness import HostProcess
from tabagent_weights.routes import EMBEDDINGS, TEXT, Route
from tests.engines import parity
from tests.engines.parity import PROMPTS, TOKENS
from tests.questions import CAPITAL

LARGEST_GAPS = {True: 0.005, False: 1.0}
"""Float weights or not → logits that PyTorch's two best tokens may lie apart where an engine takes another one.

llama.cpp keeps keys and values as half floats, and each CPU variant adds in an order of its own.
"""


@pytest.fixture(scope="module")
def process() -> Iterator[HostProcess]:
    with parity.host() as host:
        yield host


@pytest.fixture(scope="module", params=TEXT, ids=lambda route: route.name)
def route(request: pytest.FixtureRequest, process: HostProcess) -> Iterator[Route]:
    """Each engine with its file, which stays loaded for all tests."""
    yield request.param
    process.result("unload_model", model=str(request.param.make()))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("prompts", "count"),
    [pytest.param(3, 12, id="3-prompts"), pytest.param(len(PROMPTS), TOKENS, id="all-prompts", marks=pytest.mark.long)],
)
def test_continuations(route: Route, prompts: int, count: int, process: HostProcess) -> None:
    found = parity.differences(route, process, PROMPTS[:prompts], count)
    assert all(difference.gap < LARGEST_GAPS[route.is_float] for difference in found), found


def test_the_capital_of_france(route: Route, process: HostProcess) -> None:
    """A chat with the real weights, and so the template and the control tokens, on every engine."""
    fields = {"model": str(route.make()), "engine": route.engine}
    options = {"max_tokens": 12, "temperature": 0, "context_length": 512, "allow_pickle": True}
    last = process.result("chat", messages=CAPITAL, options=options, **fields)
    assert "Paris" in last["result"]["text"], last


@pytest.mark.parametrize("embedding", EMBEDDINGS[1:], ids=lambda route: route.name)
def test_embeddings(embedding: Route, process: HostProcess) -> None:
    expected = parity.embeddings(EMBEDDINGS[0], process)
    cosines = [parity.cosine(*pair) for pair in zip(expected, parity.embeddings(embedding, process), strict=True)]
    assert min(cosines) > (1 - 1e-3 if embedding.is_float else 0.95), cosines
