"""Models that other programs have are used in place."""

from __future__ import annotations

import json
from pathlib import Path

from tabagent_chaos import chaos_file
from tests.support import Installation


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_every_source_is_listed_where_it_is(tabagent: Installation) -> None:
    model = chaos_file({})
    ollama = Path(tabagent.environ["TABAGENT_OLLAMA_DIR"])
    blob = write(ollama / "blobs" / ("sha256-" + "a" * 64), model)
    manifest = {"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64}]}
    write(ollama / "manifests/registry.ollama.ai/library/llama3.2/1b", json.dumps(manifest).encode())
    write(ollama / "manifests/registry.ollama.ai/library/broken/1b", b"{")
    studio = write(Path(tabagent.environ["TABAGENT_TOOL_MODEL_DIRS"]) / "org/repo-GGUF/studio-Q8_0.gguf", model)
    hub = Path(tabagent.environ["HF_HOME"]) / "hub/models--org--name"
    write(hub / "blobs/b", model)
    link = hub / "snapshots/0123/name-Q4_K_M.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../blobs/b")
    own = write(tabagent.models / "deep/er/own.gguf", model)
    write(tabagent.models / "part-00001-of-00002.gguf", model)
    with tabagent.host() as host:
        found = {entry["name"]: entry for entry in host.result("list_models")["result"]["models"]}
        for name, path in {"llama3.2:1b": blob, "studio-Q8_0": studio, "org/name:Q4_K_M": link, "own": own}.items():
            assert found[name]["path"] == str(path)
        assert set(found) == {"llama3.2:1b", "studio-Q8_0", "org/name:Q4_K_M", "own", "smollm2-135m"}
        used = host.result("generate", model="llama3.2:1b", engine="chaos", prompt='{"tokens": 1}')
        assert used["result"]["model"] == "llama3.2:1b"
        assert host.result("remove_model", model="studio-Q8_0")["error"]["code"] == "not_removable"


def test_a_model_that_goes_while_it_is_known(tabagent: Installation) -> None:
    """Row F37."""
    tabagent.chaos_model("going")
    with tabagent.host() as host:
        assert "going" in {entry["name"] for entry in host.result("list_models")["result"]["models"]}
        (tabagent.models / "going.gguf").unlink()
        assert host.result("load_model", model="going")["error"]["code"] == "model_not_found"
        tabagent.chaos_model("changing")
        assert host.result("detect_model", model="changing")["result"]["model_type"] == "gguf"
        (tabagent.models / "changing.gguf").write_bytes(b"something else now")
        assert host.result("load_model", model="changing", engine="chaos")["error"]["code"] == "model_corrupt"


def test_t29_a_model_that_is_replaced_while_it_generates(tabagent: Installation) -> None:
    model = tabagent.chaos_model("swapped")
    path = tabagent.models / "swapped.gguf"
    with tabagent.host() as host:
        request = host.send("generate", prompt='{"tokens": 60, "interval_ms": 10}', **model)
        next(event for event in host.events(request) if event["event"] == "token")
        path.unlink()
        write(path, b"other")
        assert list(host.events(request))[-1]["event"] == "done"
        assert host.result("status")["event"] == "done"
