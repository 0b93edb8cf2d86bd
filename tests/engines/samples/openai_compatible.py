"""Servers of OpenAI's dialect in front of a tiny Llama: one without metadata, and one like llama-server."""

from functools import cache
from pathlib import Path

from tests.engines.sample import Sample
from tests.servers.brain import tiny_llama
from tests.servers.lazy import LazySettings
from tests.servers.openai import FakeOpenAI


@cache
def _server(owner: str) -> FakeOpenAI:
    return FakeOpenAI("org/smollm2", owner=owner, brain=tiny_llama(1024)).start()


def _settings(owner: str) -> LazySettings:
    return LazySettings(lambda: {"servers": f"here={_server(owner).url}/v1"})


SAMPLES = (
    Sample(
        "plain",
        lambda: Path("here/org/smollm2"),
        ("generate", "chat", "embed"),
        settings=_settings("somebody"),
    ),
    Sample(
        "llama_server",
        lambda: Path("here/org/smollm2"),
        ("generate", "chat", "tokenize", "embed"),
        settings=_settings("llamacpp"),
    ),
)
