"""A fake LM Studio in front of a tiny Llama, and one of vectors made of words."""

from functools import cache
from pathlib import Path

from tests.engines.sample import Sample
from tests.servers.brain import tiny_llama
from tests.servers.lazy import LazySettings
from tests.servers.openai import FakeLMStudio


@cache
def _writer() -> FakeLMStudio:
    return FakeLMStudio("smollm2-135m-instruct", brain=tiny_llama(1024)).start()


@cache
def _embedder() -> FakeLMStudio:
    return FakeLMStudio("text-embedding-words", kind="embedding").start()


SAMPLES = (
    Sample(
        "chat",
        lambda: Path("lm-studio/smollm2-135m-instruct"),
        ("generate", "chat"),
        settings=LazySettings(lambda: {"lm_studio_url": _writer().url}),
    ),
    Sample(
        "embeddings",
        lambda: Path("lm-studio/text-embedding-words"),
        ("embed",),
        settings=LazySettings(lambda: {"lm_studio_url": _embedder().url}),
    ),
)
