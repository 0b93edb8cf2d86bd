"""Models without a chat template converse: through real engines, and with each family's control tokens."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Conversation, Sampling
from backends.conversation.chat_template import ChatTemplate
from backends.conversation.prompt import SpecialTokens
from tabagent_weights import smollm2
from tests.support import Installation, missing

ASK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi <|im_end|>"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Go"},
]
SAMPLING = Sampling(16, 0, 40, 1, 0, 1, None, ("###",))
TOKENS = {
    "chatml": {"<|im_start|>", "<|im_end|>"},
    "llama3": {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>"},
    "gemma": {"<start_of_turn>", "<end_of_turn>"},
    "phi3": {"<|user|>", "<|assistant|>", "<|end|>"},
    "plain": {"<|endoftext|>"},
}
PROMPTS = {
    "chatml": """<|im_start|>system
Be brief.<|im_end|>
<|im_start|>user
Hi <|im_end|><|im_end|>
<|im_start|>assistant
Yes?<|im_end|>
<|im_start|>user
Go<|im_end|>
<|im_start|>assistant
""",
    "llama3": """<|start_header_id|>system<|end_header_id|>

Be brief.<|eot_id|><|start_header_id|>user<|end_header_id|>

Hi <|im_end|><|eot_id|><|start_header_id|>assistant<|end_header_id|>

Yes?<|eot_id|><|start_header_id|>user<|end_header_id|>

Go<|eot_id|><|start_header_id|>assistant<|end_header_id|>

""",
    "gemma": """<start_of_turn>user
Be brief.

Hi <|im_end|><end_of_turn>
<start_of_turn>model
Yes?<end_of_turn>
<start_of_turn>user
Go<end_of_turn>
<start_of_turn>model
""",
    "phi3": """<|system|>
Be brief.<|end|>
<|user|>
Hi <|im_end|><|end|>
<|assistant|>
Yes?<|end|>
<|user|>
Go<|end|>
<|assistant|>
""",
    "plain": """Be brief.

User:
Hi <|im_end|>

Assistant:
Yes?

User:
Go

Assistant:
""",
}


@pytest.mark.parametrize("name", PROMPTS)
def test_h26_the_vocabulary_decides_the_template(name: str) -> None:
    template = ChatTemplate(None, SpecialTokens(TOKENS[name]), {"bos_token": "<s>"})
    try:
        prepared = template.prepare(Conversation(ASK), SAMPLING)
    finally:
        template.close()
    assert not template.exists
    assert prepared.fallback is not None
    assert prepared.fallback.name == name
    assert "".join(piece.text for piece in prepared.pieces) == PROMPTS[name]
    assert prepared.sampling.stop[0] == "###"
    assert ("\nUser:" in prepared.sampling.stop) == (name == "plain")


@pytest.fixture(scope="module", params=["candle", "transformers"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """SmolLM2 without its template, as a base model is."""
    if request.param == "transformers":
        needs_torch()
    folder = tmp_path_factory.mktemp("base")
    without_template(smollm2.safetensors(), folder)
    installation = Installation(tmp_path_factory.mktemp("installation"))
    try:
        with installation.host() as host:
            yield {"host": host, "fields": {"model": str(folder), "engine": request.param}}
    finally:
        installation.stop()


def needs_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        missing("torch")


def without_template(source: Path, folder: Path) -> None:
    """Link a model's files but for its chat template."""
    for file in source.iterdir():
        if file.name not in ("chat_template.jinja", "tokenizer_config.json"):
            (folder / file.name).symlink_to(file)
    config = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def test_h26_a_model_without_a_template_answers_and_says_how(base: dict[str, Any]) -> None:
    question = [{"role": "user", "content": "What is the capital of France?"}]
    options = {"max_tokens": 24, "temperature": 0}
    last = base["host"].result("chat", messages=question, options=options, **base["fields"])
    assert last["event"] == "done", last
    assert "Paris" in last["result"]["text"]
    assert last["result"]["fallback_template"] == "chatml"
    assert last["result"]["finish_reason"] == "stop"


def test_h26_a_vocabulary_of_no_family_continues_a_transcript(base: dict[str, Any], tmp_path: Path) -> None:
    """The same weights with a vocabulary of no known family."""
    folder = Path(base["fields"]["model"])
    for file in folder.iterdir():
        if file.suffix == ".json":
            text = file.read_text(encoding="utf-8")
            (tmp_path / file.name).write_text(text.replace("<|im_", "<|of_"), encoding="utf-8")
        else:
            (tmp_path / file.name).symlink_to(file)
    question = [{"role": "user", "content": "What is the capital of France?"}]
    options = {"max_tokens": 24, "temperature": 0}
    fields = {**base["fields"], "model": str(tmp_path)}
    last = base["host"].result("chat", messages=question, options=options, **fields)
    assert last["event"] == "done", last
    result = last["result"]
    assert (result["fallback_template"], result["stop_sequence"]) == ("plain", None)
    assert "Paris" in result["text"]
    assert "User:" not in result["text"]
