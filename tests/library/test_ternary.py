"""A ternary model of Microsoft's fork through the whole chain."""

from __future__ import annotations

from pathlib import Path

from tests.support import Installation
from tests.ternary_model import write


def test_an_i2_s_model_answers_and_is_repacked_once(tabagent: Installation) -> None:
    write(tabagent.models / "ternary.gguf", "llama", ternary=True)
    made = Path(tabagent.environ["TABAGENT_CACHE_DIR"]) / "derived"
    with tabagent.host() as host:
        seen = []
        for _ in range(2):
            answer = host.result("generate", model="ternary", prompt="abc", options={"max_tokens": 4, "temperature": 0})
            assert answer["event"] == "done", answer
            assert answer["result"]["engine"] == "llama_cpp"
            seen.append([(path.name, path.stat().st_mtime_ns) for path in made.glob("*/*")])
            host.result("unload_model", model="ternary")
        assert sorted(name for name, _ in seen[0]) == ["model.gguf", "source"]
        assert seen[0] == seen[1]
        # What was made of a file goes when that is gone and another is made.
        (tabagent.models / "ternary.gguf").unlink()
        write(tabagent.models / "other.gguf", "llama", ternary=True)
        host.result("generate", model="other", prompt="abc", options={"max_tokens": 4})
        sources = [path.read_text() for path in made.glob("*/source")]
        assert sources == [str(tabagent.models / "other.gguf")]


def test_2b_4t_is_refused_with_the_reason(tabagent: Installation) -> None:
    write(tabagent.models / "2b.gguf", "bitnet-b1.58", ternary=True)
    with tabagent.host() as host:
        error = host.result("load_model", model="2b")["error"]
        assert error["code"] == "unsupported_architecture"
        assert "squared ReLU" in error["message"]
