"""Pictures through the clients of three dialects: the same answer as through the host, and another for another picture.

The model is SmolLM2 in LLaVA's frame: it reads and writes as ever, what it sees are random numbers.
"""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Callable
from typing import Any

import anthropic
import numpy as np
import ollama
import openai
import pytest
from PIL import Image

from tabagent_harness.http_process import HttpProcess
from tabagent_weights import seeing

QUESTION = "What do you see?"
TOKENS = 12


@pytest.fixture(scope="module")
def seer(http: HttpProcess) -> HttpProcess:
    """With a model that sees, as ``seer``."""
    shutil.copytree(seeing.tiny_llama_sees().parent, http.installation.models / "seer")
    return http


def png(seed: int) -> bytes:
    """A picture like no other."""
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def by_the_host(seer: HttpProcess, picture: str) -> str:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    turns = [{"role": "user", "content": [image, {"type": "text", "text": QUESTION}]}]
    with seer.installation.host() as host:
        last = host.result("chat", model="seer", messages=turns, options={"max_tokens": TOKENS, "temperature": 0})
        return str(last["result"]["text"])


def by_openai(seer: HttpProcess, picture: str) -> str:
    image: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    turns: Any = [{"role": "user", "content": [image, {"type": "text", "text": QUESTION}]}]
    with openai.OpenAI(base_url=f"{seer.address}/v1", api_key=seer.token, max_retries=0, timeout=120) as client:
        answer = client.chat.completions.create(model="seer", messages=turns, max_tokens=TOKENS, temperature=0)
    return answer.choices[0].message.content or ""


def by_openai_responses(seer: HttpProcess, picture: str) -> str:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{picture}", "detail": "auto"}
    turns: Any = [{"role": "user", "content": [image, {"type": "input_text", "text": QUESTION}]}]
    with openai.OpenAI(base_url=f"{seer.address}/v1", api_key=seer.token, max_retries=0, timeout=120) as client:
        answer = client.responses.create(model="seer", input=turns, max_output_tokens=TOKENS, temperature=0)
    return answer.output_text


def by_ollama(seer: HttpProcess, picture: str) -> str:
    turn: Any = {"role": "user", "content": QUESTION, "images": [picture]}
    with ollama.Client(seer.address, headers=seer.headers, timeout=120) as client:
        answer = client.chat("seer", [turn], options={"temperature": 0, "num_predict": TOKENS})
    return answer.message.content or ""


def by_anthropic(seer: HttpProcess, picture: str) -> str:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}}
    turns: Any = [{"role": "user", "content": [image, {"type": "text", "text": QUESTION}]}]
    with anthropic.Anthropic(base_url=seer.address, api_key=seer.token, max_retries=0, timeout=120) as client:
        answer = client.messages.create(model="seer", messages=turns, max_tokens=TOKENS, extra_body={"temperature": 0})
    [block] = answer.content
    assert block.type == "text"
    return block.text


@pytest.mark.parametrize("ask", [by_openai, by_openai_responses, by_ollama, by_anthropic])
def test_a_picture_is_seen_as_through_the_host(seer: HttpProcess, ask: Callable[[HttpProcess, str], str]) -> None:
    pictures = [base64.b64encode(png(seed)).decode() for seed in (1, 2, 3)]
    answers = [ask(seer, picture) for picture in pictures]
    assert answers == [by_the_host(seer, picture) for picture in pictures]
    assert len(set(answers)) > 1
