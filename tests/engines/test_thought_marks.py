"""Row H9: control tokens that mark thoughts are shown to whoever tells thoughts from words, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tabagent_weights import reciting
from tests.support import Installation

MODELS: dict[str, Callable[[], Path]] = {
    "llama_cpp": reciting.gguf,
    "llama_cpp_python": reciting.gguf,
    "candle": reciting.safetensors,
    "transformers": reciting.safetensors,
}
ASK = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.mark.parametrize("engine", MODELS)
def test_h9_thoughts_between_control_tokens(tabagent: Installation, engine: str) -> None:
    model = {"model": str(MODELS[engine]()), "engine": engine}
    options = {"temperature": 0, "max_tokens": 20}
    with tabagent.host() as host:
        done = host.result("chat", messages=ASK, options=options, **model)
        assert done["event"] == "done", done
        result = done["result"]
        assert (result["text"], result["reasoning"]) == (reciting.ANSWER, reciting.THOUGHT)
        assert result["finish_reason"] == "stop"
        raw = host.result("generate", prompt="\n", options=options, **model)["result"]
        assert raw["text"] == reciting.THOUGHT + reciting.ANSWER
        form = {"type": "json_schema", "json_schema": {"schema": {"enum": ["Paris", "Rome"]}}}
        held = host.result("chat", messages=ASK, options={**options, "response_format": form}, **model)["result"]
        assert (held["text"], held["reasoning"]) == ('"Paris"', "") or held["text"] == '"Rome"'
