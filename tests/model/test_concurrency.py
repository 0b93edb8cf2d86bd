"""Several callers at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tabagent_model import PyModel

PROMPTS = ["The sun is", "Water boils at", "A cat is an animal that", "The first month of the year is"]


def test_four_at_once_say_what_each_says_alone(model: PyModel) -> None:
    alone = [model.generate(prompt, max_tokens=24, temperature=0).text for prompt in PROMPTS]
    together: dict[int, str] = {}

    def ask(index: int) -> None:
        together[index] = model.generate(PROMPTS[index], max_tokens=24, temperature=0).text

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(4)] == alone


def test_streams_advance_together(model: PyModel) -> None:
    order: list[str] = []

    def read(name: str) -> None:
        order.extend(name for _ in model.stream(PROMPTS[0], max_tokens=40, temperature=0))

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
    reading = model.stream(long_prompt("others", 1500), max_tokens=1)
    pieces = 0
    while reading.progress[0] < reading.progress[1]:
        next(talking)
        pieces += 1
    assert pieces > 5
    talking.cancel()


def test_more_requests_than_slots_wait_their_turn(model: PyModel) -> None:
    streams = [model.stream(prompt, max_tokens=6, temperature=0) for prompt in PROMPTS * 3]
    texts = ["".join(stream) for stream in streams]
    assert texts[:4] == texts[4:8] == texts[8:]
    assert max(stream.completion.timings["queue_ms"] for stream in streams) > 0


def test_a_request_waits_for_room(library: str, model_path: Path) -> None:
    with PyModel() as small:
        small.load(library, model_path, context_length=512, n_parallel=4)
        first = small.stream("Once upon a time", max_tokens=400, temperature=0)
        second = small.stream("Once upon a time", max_tokens=400, temperature=0)
        assert "".join(first) == "".join(second)
        assert second.completion.timings["queue_ms"] >= first.completion.timings["decode_ms"] * 0.5


def test_a_stream_that_nobody_reads_pauses_only_itself(model: PyModel) -> None:
    unread = model.stream("Write a very long story.", max_tokens=600, temperature=1.0)
    for _ in range(3):
        assert model.generate("The sun is", max_tokens=100, temperature=0).completion_tokens > 0
    time.sleep(3)
    read = 0
    began = time.monotonic()
    for _ in unread:
        read += 1
        if time.monotonic() - began > 0.2:
            break
    assert read >= 200
    rest = sum(1 for _ in unread)
    assert read + rest > 256 or unread.completion.finish_reason == "stop"


def test_an_idle_model_uses_no_processor(model: PyModel) -> None:
    model.generate("The sun is", max_tokens=20)
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - before < 0.05
