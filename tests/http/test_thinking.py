"""How every dialect asks for thoughts: the chat template gets it under its own name, or it is refused by name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tabagent_harness.http_process import HttpProcess
from tabagent_weights import tiny_llama

HI = [{"role": "user", "content": "Hi"}]
TEMPLATE = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{{ style }}{% if enable_thinking is false %}{{ ' x' * 50 }}{% elif enable_thinking %}{{ ' x' * 100 }}
{%- endif %}{% if reasoning_effort %}{{ ' x' * {'low': 300, 'high': 400}[reasoning_effort] }}{% endif %}"""
"""The options are as many words of the prompt."""
Ask = tuple[str, dict[str, Any]]
CHAT: Ask = ("/v1/chat/completions", {"messages": HI, "max_tokens": 1})
RESPONSES: Ask = ("/v1/responses", {"input": HI, "max_output_tokens": 1})
ANTHROPIC: Ask = ("/v1/messages", {"messages": HI, "max_tokens": 1})
OLLAMA: Ask = ("/api/chat", {"messages": HI, "stream": False, "options": {"num_predict": 1}})
GENERATE: Ask = ("/api/generate", {"prompt": "Hi", "stream": False, "options": {"num_predict": 1}})
OWN: Ask = ("/tabagent/v1/chat", {"messages": HI, "options": {"max_tokens": 1}})
EVERY = (CHAT, RESPONSES, ANTHROPIC, OLLAMA, GENERATE, OWN)
NO_THOUGHTS: list[tuple[Ask, dict[str, Any]]] = [
    (CHAT, {"enable_thinking": False}),
    (CHAT, {"thinking": False}),
    (CHAT, {"thinking": {"type": "disabled"}}),
    (CHAT, {"reasoning_effort": "none"}),
    (CHAT, {"chat_template_kwargs": {"enable_thinking": False}}),
    (CHAT, {"chat_template_kwargs": {"thinking": False}}),
    (RESPONSES, {"reasoning": {"effort": "none"}}),
    (RESPONSES, {"chat_template_kwargs": {"enable_thinking": False}}),
    (ANTHROPIC, {"thinking": {"type": "disabled"}}),
    (ANTHROPIC, {"output_config": {"effort": "none"}}),
    (OLLAMA, {"think": False}),
    (OLLAMA, {"think": "none"}),
    (GENERATE, {"think": False}),
    (OWN, {"thinking": False}),
    (OWN, {"reasoning_effort": "none"}),
]
THOUGHTS: list[tuple[Ask, dict[str, Any]]] = [
    (CHAT, {"thinking": {"type": "enabled"}}),
    (CHAT, {"chat_template_kwargs": {"enable_thinking": True}}),
    (RESPONSES, {"chat_template_kwargs": {"thinking": True}}),
    (ANTHROPIC, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
    (OLLAMA, {"think": True}),
    (GENERATE, {"think": True}),
    (OWN, {"thinking": True}),
]
EFFORT: list[tuple[Ask, dict[str, Any]]] = [
    (CHAT, {"reasoning_effort": "low"}),
    (CHAT, {"chat_template_kwargs": {"reasoning_effort": "low"}}),
    (RESPONSES, {"reasoning": {"effort": "low"}}),
    (ANTHROPIC, {"output_config": {"effort": "low"}}),
    (OLLAMA, {"think": "low"}),
    (GENERATE, {"think": "low"}),
    (OWN, {"reasoning_effort": "low"}),
]
UNREAD: list[tuple[Ask, dict[str, Any]]] = [
    (CHAT, {"chat_template_kwargs": {"thinking_budget": 512}}),
    (RESPONSES, {"chat_template_kwargs": {"thinking_budget": 512}}),
    (OWN, {"template_options": {"thinking_budget": 512}}),
]


@pytest.fixture(scope="module")
def models(http: HttpProcess) -> HttpProcess:
    """A server with ``thinker``, whose template reads the options, and ``plain``, whose template reads none."""
    for name, template in (("thinker", TEMPLATE), ("plain", None)):
        folder = http.installation.models / name
        shutil.copytree(tiny_llama.safetensors(), folder)
        if template:
            replace_template(folder, template)
    return http


def replace_template(folder: Path, template: str) -> None:
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"chat_template"', '"unused"'), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def prompt_tokens(http: HttpProcess, ask: Ask, more: dict[str, Any], model: str = "thinker") -> int:
    path, body = ask
    answer = http.post(path, model=model, engine="candle", **{**body, **more})
    assert answer.status_code == 200, (path, more, answer.text)
    found = answer.json()
    used = found.get("usage", found)
    counts = ("prompt_tokens", "input_tokens", "cache_read_input_tokens", "prompt_eval_count")
    return sum(used.get(name, 0) for name in counts)


def refusal(http: HttpProcess, ask: Ask, more: dict[str, Any], model: str) -> str:
    path, body = ask
    answer = http.post(path, model=model, engine="candle", **{**body, **more})
    assert answer.status_code == 400, (path, more, answer.text)
    error = answer.json()["error"]
    return str(error if isinstance(error, str) else error["message"])


def test_h10_every_dialect_reaches_the_template(models: HttpProcess) -> None:
    (plain,) = {prompt_tokens(models, ask, {}) for ask in EVERY}
    for words, asks in ((50, NO_THOUGHTS), (100, THOUGHTS), (300, EFFORT)):
        for ask, more in asks:
            assert prompt_tokens(models, ask, more) == plain + words, (ask[0], more)
    assert prompt_tokens(models, CHAT, {"chat_template_kwargs": {"style": " a b"}}) == plain + 2
    counted = models.post("/v1/messages/count_tokens", model="thinker", messages=HI, thinking={"type": "disabled"})
    assert counted.json() == {"input_tokens": plain + 50}
    counted = models.post("/v1/responses/input_tokens", model="thinker", input=HI, reasoning={"effort": "none"})
    assert counted.json()["input_tokens"] == plain + 50


def test_h10_what_the_template_does_not_read_is_refused_by_name(models: HttpProcess) -> None:
    for ask, more in THOUGHTS:
        assert refusal(models, ask, more, "plain").startswith("thinking: the model does not think first")
    for ask, more in EFFORT:
        assert "reasoning_effort: the model" in refusal(models, ask, more, "plain")
    for model in ("plain", "thinker"):
        for ask, more in UNREAD:
            assert "thinking_budget: the model's chat template" in refusal(models, ask, more, model)
    for ask, more in NO_THOUGHTS:
        assert prompt_tokens(models, ask, more, "plain") > 0


def test_h10_what_is_no_option_is_refused(models: HttpProcess) -> None:
    assert "messages" in refusal(models, CHAT, {"chat_template_kwargs": {"messages": []}}, "thinker")
    assert "thinking" in refusal(models, CHAT, {"thinking": True, "enable_thinking": False}, "thinker")
    assert "think" in refusal(models, GENERATE, {"think": True, "raw": True}, "thinker")
    for ask, more in ((CHAT, {"reasoning_effort": "much"}), (RESPONSES, {"reasoning": {"effort": "much"}})):
        assert "effort" in refusal(models, ask, more, "thinker")
    assert "think" in refusal(models, OLLAMA, {"think": "much"}, "thinker")
    assert "thinking" in refusal(models, ANTHROPIC, {"thinking": {"type": "much"}}, "thinker")
