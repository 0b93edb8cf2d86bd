"""Cancelling, at every moment."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tabagent_model import Cancelled, PyModel

from tests.support import best_of


def test_in_the_middle_of_a_prefill(model: PyModel, long_prompt: Callable[[str, int], list[int]]) -> None:
    """Not after the batch that is being computed: none of it counts as done."""
    stream = model.stream(long_prompt("cancelled", 2000), max_tokens=1)
    while stream.queued:
        time.sleep(0.001)
    at_work = stream.activity
    while stream.activity == at_work:
        time.sleep(0.001)
    stream.cancel()
    with pytest.raises(Cancelled):
        next(stream)
    assert stream.progress == (0, 2000)
    assert model.generate("Hello", max_tokens=1).completion_tokens <= 1


def test_others_go_on_as_if_alone(
    model: PyModel, rote: list[int], long_prompt: Callable[[str, int], list[int]]
) -> None:
    alone = model.generate(rote, max_tokens=60, temperature=0).text
    going_on = model.stream(rote, max_tokens=60, temperature=0)
    shown = [next(going_on)]
    for word in ("one", "two", "three"):
        reading = model.stream(long_prompt(word, 1000), max_tokens=1)
        talking = model.stream("Once upon a time", max_tokens=500, temperature=1.0)
        next(talking)
        shown.append(next(going_on))
        talking.cancel()
        reading.cancel()
    shown.extend(going_on)
    assert "".join(shown) == alone


def test_a_cancelled_prompt_continues_where_it_was(
    model: PyModel, long_prompt: Callable[[str, int], list[int]]
) -> None:
    prompt = long_prompt("resumed", 800)
    stream = model.stream(prompt, max_tokens=1)
    while stream.progress[0] < 512:
        time.sleep(0.01)
    stream.cancel()
    with pytest.raises(Cancelled):
        list(stream)
    answer = model.generate(prompt, max_tokens=12, temperature=0)
    assert 512 <= answer.cached_tokens < 800
    assert "the quick brown fox".casefold() in (model.detokenize(prompt[-9:]) + answer.text).casefold()


def test_in_the_queue(library: str, model_path: Path) -> None:
    with PyModel() as single:
        single.load(library, model_path, context_length=1024, n_parallel=1)
        running = single.stream("Once upon a time", max_tokens=900, temperature=1.5)
        next(running)
        waiting = single.stream("Hello")
        waiting.cancel()
        with pytest.raises(Cancelled):
            next(waiting)
        running.cancel()


def test_dropping_a_stream_cancels_it(library: str, model_path: Path) -> None:
    with PyModel() as single:
        single.load(library, model_path, context_length=2048, n_parallel=1)

        def wait_behind_a_dropped_stream() -> float:
            stream = single.stream("Once upon a time", max_tokens=2000, temperature=1.5)
            next(stream)
            del stream
            gc.collect()
            return single.generate("Hello", max_tokens=1).timings["queue_ms"]

        assert best_of(wait_behind_a_dropped_stream, 1000) < 1000


def test_from_another_thread_while_a_reader_waits(model: PyModel, long_prompt: Callable[[str, int], list[int]]) -> None:
    stream = model.stream(long_prompt("thread", 3000), max_tokens=1)
    threading.Timer(0.2, stream.cancel).start()
    with pytest.raises(Cancelled):
        next(stream)


def test_after_the_end_it_changes_nothing(model: PyModel, question: list[int]) -> None:
    stream = model.stream(question, temperature=0)
    text = "".join(stream)
    stream.cancel()
    assert stream.completion.text == text
    assert list(stream) == []


def test_a_storm(model: PyModel, rote: list[int], long_prompt: Callable[[str, int], list[int]]) -> None:
    alone = model.generate(rote, max_tokens=16, temperature=0).text
    for round_number in range(30):
        streams = [model.stream(long_prompt(f"storm {round_number} {n}", 300), max_tokens=50) for n in range(6)]
        time.sleep(0.001 * (round_number % 7))
        for stream in streams:
            stream.cancel()
    assert model.generate(rote, max_tokens=16, temperature=0).text == alone
