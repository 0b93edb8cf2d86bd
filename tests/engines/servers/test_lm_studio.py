"""LM Studio: its instances."""

from __future__ import annotations

from tests.engines.servers.asking import CHAT, Install, chat
from tests.servers.openai import FakeLMStudio
from tests.support import eventually


def test_lm_studio_loads_and_unloads(install: Install) -> None:
    with FakeLMStudio("one", "two") as studio, install(lm_studio_url=studio.url).host() as host:
        studio.instances["two"] = ("two", 4096)
        options = {"context_length": 2048}
        info = host.result("load_model", model="lm-studio/one", options=options)["result"]
        assert (info["context_length"], info["context_train_length"]) == (2048, 8192)
        assert info["size_bytes"] == 98362432
        assert info["details"]["instance"] == "one"
        assert studio.instances["one"] == ("one", 2048)
        assert chat(host, model="lm-studio/one")["result"]["engine"] == "lm_studio"
        assert studio.bodies(CHAT)[-1]["top_k"] == 40
        assert chat(host, model="lm-studio/two")["event"] == "done"
        assert len(studio.bodies("/api/v1/models/load")) == 1, "an instance that is loaded is used"
        assert host.result("load_model", model="lm-studio/three")["error"]["code"] == "model_not_found"
        for name in ("one", "two"):
            host.result("unload_model", model=f"lm-studio/{name}")
        assert eventually(lambda: set(studio.instances) == {"two"}), "what was loaded before stays"
