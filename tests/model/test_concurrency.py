"""Several callers at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tabagent_model import GenerationFailed, PyModel

CAPITALS = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Germany": "Berlin"}


def test_four_at_once_are_all_right(model: PyModel) -> None:
    answers: dict[str, str] = {}

    def ask(country: str) -> None:
        question = f"<|im_start|>user\nWhat is the capital of {country}?<|im_end|>\n<|im_start|>assistant\n"
        answers[country] = model.generate(model.tokenize(question, parse_special=True), temperature=0).text

    threads = [threading.Thread(target=ask, args=(country,)) for country in CAPITALS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for country, capital in CAPITALS.items():
        assert capital in answers[country]


def test_streams_advance_together(model: PyModel, rote: list[int]) -> None:
    order: list[str] = []

    def read(name: str) -> None:
        order.extend(name for _ in model.stream(rote, max_tokens=40, temperature=0))

    threads = [threading.Thread(target=read, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    turns = sum(before != after for before, after in itertools.pairwise(order))
    assert turns > 10, "".join(order)


def test_a_long_prompt_does_not_stop_the_others(model: PyModel, long_prompt: Callable[[str, int], list[int]]) -> None:
    talking = model.stream("Once upon a time", max_tokens=400, temperature=1.0)
    next(talking)
    reading = model.stream(long_prompt("others", 700), max_tokens=1)
    pieces = 0
    while reading.progress[0] < reading.progress[1]:
        next(talking)
        pieces += 1
    assert pieces > 5
    talking.cancel()


def test_more_requests_than_slots_wait_their_turn(model: PyModel, rote: list[int]) -> None:
    streams = [model.stream(rote[n % 4 :], max_tokens=6, temperature=0) for n in range(12)]
    texts = ["".join(stream) for stream in streams]
    assert len(set(texts)) == 1
    assert max(stream.completion.timings["queue_ms"] for stream in streams) > 0


def test_a_request_waits_for_room(library: str, model_path: Path, rote: list[int]) -> None:
    with PyModel() as small:
        small.load(library, model_path, context_length=256, n_parallel=4)
        first = small.stream(rote, max_tokens=60, temperature=0)
        second = small.stream(rote, max_tokens=60, temperature=0)
        assert "".join(first) == "".join(second)
        assert second.completion.timings["queue_ms"] >= first.completion.timings["decode_ms"] * 0.5


def test_a_stream_that_nobody_reads_pauses_only_itself(model: PyModel, rote: list[int]) -> None:
    unread = model.stream(rote, max_tokens=280, temperature=0)
    for _ in range(3):
        assert model.generate(rote, max_tokens=20, temperature=0).completion_tokens == 20
    wait_until_idle()
    with pytest.raises(GenerationFailed, match="not ended"):
        _ = unread.completion
    assert model.generate(rote, max_tokens=20, temperature=0).completion_tokens == 20
    assert "".join(unread) == unread.completion.text
    assert unread.completion.completion_tokens > 256


def wait_until_idle() -> None:
    """Wait until this process computes nothing."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        before = time.process_time()
        time.sleep(0.5)
        if time.process_time() - before < 0.05:
            return
    raise AssertionError("it goes on computing")


def test_an_idle_model_uses_no_processor(model: PyModel) -> None:
    model.generate("The sun is", max_tokens=20)
    wait_until_idle()
