"""Models come from the hub, are found by every tool, verified, and removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.fake_hub import COMMIT, FakeHub, Fault, Repository
from tests.library.pulling import FILE, MODEL, REPO, cache, listed, pull, split_gguf, tiny
from tests.support import Installation


def test_a_model_comes_with_progress_and_is_listed_and_loaded(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.03)
    with puller.host() as host:
        events = list(host.ask("pull_model", model=f"hf.co/{REPO}:q4_0"))
        result = events[-1]["result"]
        assert result["model"] == f"{REPO}:Q4_0"
        assert (result["repo"], result["commit"], result["size_bytes"]) == (REPO, COMMIT, len(MODEL))
        progress = [event for event in events if event["event"] == "progress"]
        assert {event["stage"] for event in progress} == {"downloading"}
        assert progress[-1]["done"] == progress[-1]["total"] == len(MODEL)
        middle = next(event for event in progress if 0 < event["done"] < len(MODEL))
        assert middle["file"] == FILE
        assert any(event["bytes_per_second"] > 0 and event["seconds_left"] is not None for event in progress)
        assert listed(host) == [f"{REPO}:Q4_0"]
        assert Path(result["path"]).read_bytes() == MODEL
        assert host.result("load_model", model=result["model"])["error"]["code"] == "unsupported_architecture"
        assert host.result("verify_model", model=result["model"])["result"]["valid"] is True


def test_what_is_there_is_not_fetched_again(puller: Installation, hub: FakeHub) -> None:
    with puller.host() as host:
        for _ in range(2):
            assert pull(host)["event"] == "done"
    assert hub.downloads(FILE) == 1


def test_other_tools_find_it_without_a_network(puller: Installation, hub: FakeHub) -> None:
    code = f"import huggingface_hub as hub; print(hub.hf_hub_download({REPO!r}, {FILE!r}, revision=REVISION))"
    environ = {**os.environ, **puller.environ, "HF_HUB_OFFLINE": "1"}

    def look(revision: str) -> str:
        program = [sys.executable, "-c", code.replace("REVISION", repr(revision))]
        found = subprocess.run(program, env=environ, capture_output=True, text=True, check=False)
        return found.stdout.strip()

    with puller.host() as host:
        result = pull(host)["result"]
        assert look("main") == look(COMMIT) == result["path"]
        assert look("other") == ""
        host.result("remove_model", model=result["model"])
        assert look("main") == ""
        assert not list(cache(puller).glob("refs/*"))


def test_removing_frees_and_spares_what_is_loaded(puller: Installation, hub: FakeHub) -> None:
    with puller.host() as host:
        name = pull(host)["result"]["model"]
        removed = host.result("remove_model", model=name)["result"]
        assert removed["freed_bytes"] >= len(MODEL)
        assert listed(host) == []
        assert not list(cache(puller).glob("blobs/*"))
        busy = puller.chaos_model("busy")
        host.result("load_model", **busy)
        assert host.result("remove_model", model="busy")["error"]["code"] == "model_in_use"
        host.result("unload_model", model="busy")
        assert host.result("remove_model", model="busy")["event"] == "done"
        assert host.result("remove_model", model="smollm2-135m")["error"]["code"] == "not_removable"


def test_verify_finds_a_bit_that_flipped(puller: Installation, hub: FakeHub) -> None:
    with puller.host() as host:
        result = pull(host)["result"]
        path = Path(result["path"]).resolve()
        path.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
        verified = host.result("verify_model", model=result["model"])["result"]
        assert verified["valid"] is False
        assert [file["verified"] for file in verified["files"]] == [False]


def test_model_cache_without_a_broker(puller: Installation, hub: FakeHub) -> None:
    """In a process of its own: the cache's place is read from the environment once."""
    program = f"""
from native_host.core.model_library.model_cache import ModelCache
cache = ModelCache()
assert not cache.has_file({REPO!r}, {FILE!r})
seen = []
path = cache.download_quant({REPO!r}, "Q4_0", lambda done, total: seen.append((done, total)))
assert seen[-1] == ({len(MODEL)}, {len(MODEL)})
assert cache.has_file({REPO!r}, {FILE!r})
assert cache.get_file({REPO!r}, {FILE!r}) == path
assert cache.get_file({REPO!r}, "../../../secret") is None
"""
    (Path(puller.environ["HF_HOME"]) / "hub").mkdir(parents=True)
    (Path(puller.environ["HF_HOME"]) / "secret").write_text("s")
    subprocess.run([sys.executable, "-c", program], env=puller.environ, check=True)
    assert hub.downloads(FILE) == 1


def test_what_is_on_this_machine_stays_where_it_is(puller: Installation, hub: FakeHub) -> None:
    path = puller.models / "local.gguf"
    path.write_bytes(MODEL)
    with puller.host() as host:
        result = pull(host, str(path))["result"]
        assert (result["model"], result["path"]) == ("local", str(path))
    assert hub.requests == []


def test_parts_and_projector_come_together(puller: Installation, hub: FakeHub) -> None:
    parts = {f"big-Q8_0-0000{n}-of-00002.gguf": split_gguf(n - 1) for n in (1, 2)}
    others = {"big-Q4_0.gguf": tiny(seed=5), "mmproj-F16.gguf": tiny(seed=6), "mmproj-F32.gguf": tiny(seed=7)}
    hub.repositories["org/big"] = Repository({**parts, **others})
    with puller.host() as host:
        result = pull(host, f"{hub.url}/org/big/resolve/{COMMIT}/big-Q8_0-00001-of-00002.gguf")["result"]
    snapshot = Path(result["path"]).parent
    assert sorted(path.name for path in snapshot.iterdir()) == sorted([*parts, "mmproj-F16.gguf"])
