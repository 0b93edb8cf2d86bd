"""Nothing is counted: an engine's worker leaves nothing of its library's makers in the user's home.

The library counts nobody by itself where variables tell it of a CI runner: none is passed on.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tabagent_weights import minilm
from tests.support import Installation


def as_a_user_has_it(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if name == "PATH" or name.startswith(("TABAGENT_", "HF_"))}
    return {**kept, "HOME": str(home)}


def left_in(home: Path) -> list[str]:
    return [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]


def test_onnx_runtime_leaves_no_id(tabagent: Installation, tmp_path: Path) -> None:
    tabagent.environ = as_a_user_has_it(tabagent.environ, tmp_path)
    with tabagent.host() as host:
        done = host.result("embed", model=str(minilm.onnx_int8().parent), engine="onnxruntime", input="x")
        assert done["event"] == "done", done
    tabagent.stop()
    assert left_in(tmp_path) == []


def test_it_would_leave_one(tabagent: Installation, tmp_path: Path) -> None:
    """Else the other test proves nothing."""
    environ = as_a_user_has_it(tabagent.environ, tmp_path)
    subprocess.run([sys.executable, "-c", "import onnxruntime"], env=environ, check=True)
    assert any("Microsoft" in path for path in left_in(tmp_path))
