"""A ternary model of Microsoft's fork through the whole chain."""

from __future__ import annotations

from pathlib import Path

from tests.support import Installation
from tests.ternary_model import write


def test_an_i2_s_model_answers_and_is_repacked_once(tabagent: Installation) -> None:
    write(tabagent.models / "ternary.gguf", "llama", ternary=True)
    made = Path(tabagent.environ["TABAGENT_CACHE_DIR"]) / "repacked"
    with tabagent.host() as host:
        seen = []
        for _ in range(2):
            answer = host.result("generate", model="ternary", prompt="abc", options={"max_tokens": 4, "temperature": 0})
            assert answer["event"] == "done", answer
            assert answer["result"]["engine"] == "llama_cpp"
            seen.append([(path.name, path.stat().st_mtime_ns) for path in made.iterdir()])
            host.result("unload_model", model="ternary")
        assert len(seen[0]) == 1
        assert seen[0] == seen[1]


def test_2b_4t_is_refused_with_the_reason(tabagent: Installation) -> None:
    write(tabagent.models / "2b.gguf", "bitnet-b1.58", ternary=True)
    with tabagent.host() as host:
        error = host.result("load_model", model="2b")["error"]
        assert error["code"] == "unsupported_architecture"
        assert "squared ReLU" in error["message"]
