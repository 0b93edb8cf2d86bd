"""Row P5: ``/api/generate`` has no ``context``, in neither direction."""

from __future__ import annotations

import json

from tabagent_harness.http_process import HttpProcess
from tests.support import MODEL

PROMPT = {"model": MODEL, "prompt": "Say yes.", "options": {"num_predict": 2}}


def test_p5_no_context_is_given(talking: HttpProcess) -> None:
    whole = talking.post("/api/generate", **PROMPT, stream=False)
    whole.raise_for_status()
    assert whole.json()["done"] is True
    assert "context" not in whole.json()
    streamed = talking.post("/api/generate", **PROMPT, stream=True)
    *_, last = (json.loads(line) for line in streamed.text.splitlines())
    assert last["done"] is True
    assert "context" not in last


def test_p5_a_context_is_refused_by_name(talking: HttpProcess) -> None:
    refused = talking.post("/api/generate", **PROMPT, context=[1, 2, 3])
    assert refused.status_code == 400
    assert "context" in refused.json()["error"]
