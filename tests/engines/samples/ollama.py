"""A fake Ollama in front of a tiny Llama, and of vectors made of words."""

from functools import cache
from pathlib import Path

from tests.engines.sample import Sample
from tests.servers.brain import tiny_llama
from tests.servers.lazy import LazySettings
from tests.servers.ollama import FakeOllama


@cache
def _server() -> FakeOllama:
    return FakeOllama("smollm2:135m", "words:latest", embedders=("words:latest",), brain=tiny_llama(1024)).start()


_SETTINGS = LazySettings(lambda: {"ollama_url": _server().url})

SAMPLES = (
    Sample("chat", lambda: Path("ollama/smollm2:135m"), ("generate", "chat"), settings=_SETTINGS),
    Sample("embeddings", lambda: Path("ollama/words:latest"), ("embed",), settings=_SETTINGS),
)
