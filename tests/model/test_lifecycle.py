"""Loading, closing, and what neither must leave behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tabagent_model import ModelClosed, PyModel


def test_progress_rises_to_one(library: str, model_path: Path) -> None:
    seen: list[float] = []
    with PyModel() as model:
        model.load(library, model_path, context_length=256, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction in seen)


def test_what_progress_raises_ends_the_load(library: str, model_path: Path) -> None:
    def refuse(fraction: float) -> None:
        raise LookupError(fraction)

    model = PyModel()
    with pytest.raises(LookupError):
        model.load(library, model_path, progress=refuse)
    assert not model.is_loaded
    model.load(library, model_path, context_length=256)
    model.close()


def test_nothing_works_before_loading_and_after_closing(library: str, model_path: Path) -> None:
    model = PyModel()
    for _ in range(2):
        assert not model.is_loaded
        with pytest.raises(ModelClosed):
            model.generate("Hello")
        with pytest.raises(ModelClosed):
            _ = model.vocab_size
        model.close()
        model.load(library, model_path, context_length=256, n_parallel=1, threads=1)
        assert (model.context_length, model.n_parallel, model.threads) == (256, 1, 1)
        assert model.generate("Hello", max_tokens=1).prompt_tokens > 0
        model.close()


def test_closing_ends_streams(library: str, model_path: Path) -> None:
    model = PyModel()
    model.load(library, model_path, context_length=2048, n_parallel=1)
    running = model.stream("Once upon a time", max_tokens=2000, temperature=1.5)
    waiting = model.stream("Another one", max_tokens=2000)
    assert next(running)
    closer = threading.Thread(target=model.close)
    closer.start()
    for stream in (running, waiting):
        with pytest.raises(ModelClosed):
            for _ in stream:
                pass
    closer.join()
    with pytest.raises(ModelClosed):
        _ = running.completion


def test_streams_outlive_their_model(library: str, model_path: Path) -> None:
    model = PyModel()
    model.load(library, model_path, context_length=256)
    stream = model.stream("Once", max_tokens=1)
    assert list(stream) is not None
    model.close()
    del model
    assert stream.completion.completion_tokens <= 1
    stream.cancel()
