"""Another way to the same server, and the same model on another."""

from __future__ import annotations

from tests.engines.servers.asking import KEY, Install, chat
from tests.servers.fake import Fault
from tests.servers.openai import FakeLMStudio, FakeOpenAI


def test_the_next_way_to_the_same_server(install: Install) -> None:
    with FakeLMStudio("one") as studio, install(lm_studio_url=studio.url).host() as host:
        studio.faults["/api/v1/models/load"] = Fault(status=500, body=b'{"error": {"message": "no room"}}')
        assert chat(host, model="lm-studio/one")["error"]["code"] == "load_failed"
        result = chat(host, model="lm-studio/one", engine="fallback")["result"]
        assert result["engine"] == "openai_compatible"
        assert [(it["engine"], it["code"]) for it in result["fallbacks"]] == [("lm_studio", "load_failed")]


def test_the_same_model_on_another_server(install: Install, gpu: FakeOpenAI) -> None:
    with FakeOpenAI("small", "tiny") as spare:
        addresses = f"gpu={gpu.url}/v1,spare={spare.url}/v1"
        with install(servers=addresses, server_keys=f"gpu={KEY}").host() as host:
            assert chat(host, engine="fallback")["result"]["model"] == "gpu/small"
            gpu.stop()
            assert chat(host)["error"]["code"] == "engine_unavailable"
            result = chat(host, engine="fallback")["result"]
            assert (result["model"], result["text"]) == ("spare/small", "1 2 3 4 5 ")
            assert [(it["engine"], it["code"]) for it in result["fallbacks"]] == [("gpu", "engine_unavailable")]
            again = chat(host, engine="fallback")["result"]
            assert (again["model"], again["fallbacks"]) == ("spare/small", result["fallbacks"]), "it was tried again"
            assert chat(host, model="spare/small")["result"]["fallbacks"] == [], "and this one tried nothing else"
            assert not any("authorization" in it.headers for it in spare.asked)
            spare.stop()
            assert chat(host, engine="fallback")["error"]["code"] == "engine_unavailable"
