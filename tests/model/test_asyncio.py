"""Streams and answers on an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from tabagent_model import Cancelled, PyModel


def test_an_asynchronous_stream_says_the_same(model: PyModel, question: list[int]) -> None:
    async def read() -> str:
        return "".join([piece async for piece in model.stream(question, temperature=0)])

    assert asyncio.run(read()) == model.generate(question, temperature=0).text


def test_agenerate(model: PyModel, question: list[int]) -> None:
    async def ask() -> str:
        shown: list[str] = []
        answer = await model.agenerate(question, temperature=0, on_token=shown.append)
        assert "".join(shown) == answer.text
        return answer.text

    assert "Paris" in asyncio.run(ask())


def test_many_on_one_loop(model: PyModel, rote: list[int]) -> None:
    async def ask() -> list[str]:
        answers = await asyncio.gather(*(model.agenerate(rote, max_tokens=8, temperature=0) for _ in range(8)))
        return [answer.text for answer in answers]

    assert len(set(asyncio.run(ask()))) == 1


def test_the_loop_stays_free(model: PyModel, long_prompt: Callable[[str, int], list[int]]) -> None:
    async def ask() -> float:
        worst = 0.0
        answer = model.agenerate(long_prompt("loop", 1000), max_tokens=20)
        while not answer.done():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - before)
        return worst

    assert asyncio.run(ask()) < 2, "the prompt alone takes longer"


def test_coalescing(model: PyModel, rote: list[int]) -> None:
    async def read(coalesce_ms: float) -> list[str]:
        stream = model.stream(rote, max_tokens=40, temperature=0, coalesce_ms=coalesce_ms)
        return [piece async for piece in stream]

    single, gathered = asyncio.run(read(0)), asyncio.run(read(1_000))
    assert "".join(single) == "".join(gathered)
    assert len(gathered) < len(single) / 3, "the first piece at once, the rest once a second"


def test_cancelling_the_future_cancels_the_generation(
    model: PyModel, long_prompt: Callable[[str, int], list[int]]
) -> None:
    async def ask() -> float:
        answers = [model.agenerate(long_prompt(f"future {n}", 2000), max_tokens=1) for n in range(4)]
        await asyncio.sleep(0.2)
        for answer in answers:
            answer.cancel()
        began = time.monotonic()
        await model.agenerate("Hello", max_tokens=1)
        return time.monotonic() - began

    assert asyncio.run(ask()) < 10, "four prompts of 2,000 tokens take longer"


def test_a_cancelled_wait_loses_no_text(model: PyModel, rote: list[int]) -> None:
    async def read() -> str:
        stream = model.stream(rote, max_tokens=40, temperature=0)
        pieces: list[str] = []
        while True:
            try:
                pieces.append(await asyncio.wait_for(anext(stream), 0.003))
            except TimeoutError:
                continue
            except StopAsyncIteration:
                return "".join(pieces)

    assert asyncio.run(read()) == model.generate(rote, max_tokens=40, temperature=0).text


def test_cancel_raises_in_the_reader(model: PyModel, long_prompt: Callable[[str, int], list[int]]) -> None:
    async def read() -> None:
        stream = model.stream(long_prompt("reader", 2000), max_tokens=1)
        asyncio.get_running_loop().call_later(0.1, stream.cancel)
        async for _ in stream:
            pass

    with pytest.raises(Cancelled):
        asyncio.run(read())


def test_what_a_callback_raises_comes_out(model: PyModel) -> None:
    def refuse(piece: str) -> None:
        raise KeyError(piece)

    async def ask() -> None:
        await model.agenerate("Once upon a time", on_token=refuse)

    with pytest.raises(KeyError):
        asyncio.run(ask())
