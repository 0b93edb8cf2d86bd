"""What is known of a repository of the hub before any of its files is here."""

from __future__ import annotations

from tabagent_harness.http_process import HttpProcess
from tests.fake_hub import FakeHub, Repository
from tests.library.pulling import REPO
from tests.made_models import safetensors
from tests.support import Installation


def test_h1_memory_of_a_repository_has_no_context(puller: Installation, hub: FakeHub) -> None:
    """Over native messaging, on TabAgent's route and on Ollama's."""
    made = {"model.safetensors": safetensors(w=("F32", [4])), "config.json": b'{"model_type": "llama"}'}
    hub.repositories["org/safe"] = Repository(made)
    with HttpProcess(puller) as http, puller.host() as host:
        for name in (REPO, f"hf.co/{REPO}:Q4_0", "org/safe"):
            memory = host.result("detect_model", model=name)["result"]["memory"]
            assert memory["context_length"] is None
            assert memory["weights_bytes"] > 0
            answer = http.post("/tabagent/v1/detect_model", model=name)
            assert (answer.status_code, answer.json()["memory"]) == (200, memory)
            shown = http.post("/api/show", model=name)
            assert shown.status_code == 200, shown.text
            assert shown.json()["details"]["format"] in {"gguf", "safetensors"}
