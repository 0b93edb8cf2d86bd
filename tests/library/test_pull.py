"""Rows F39-F42, T13-T15: models arrive whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from native_host.core.model_library.download import Download, RemoteFile
from tabagent_harness import HostProcess
from tests.fake_hub import COMMIT, FakeHub, Fault, Repository
from tests.made_models import gguf
from tests.pickled_models import archive, evil
from tests.support import Installation, eventually

REPO = "org/tiny-GGUF"
FILE = "tiny-Q4_0.gguf"


def tiny(size: int = 3_000_000, seed: int = 1) -> bytes:
    """A model of an architecture nobody knows, sound as far as a reader can tell."""
    weights = random.Random(seed).randbytes(size // 4 * 4)
    return gguf([("t", [size // 4], 0, weights)], general__architecture="chaos")


def split_gguf(number: int) -> bytes:
    """A part of a model of two."""
    values: dict[str, object] = {"split__no": number, "split__count": 2}
    if number == 0:
        values["general__architecture"] = "chaos"
    return gguf([(f"t{number}", [64], 0, bytes(256))], **values)


MODEL = tiny()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        running.repositories[REPO] = Repository({FILE: MODEL, "README.md": b"# tiny"})
        yield running


@pytest.fixture
def puller(install: Callable[..., Installation], hub: FakeHub) -> Installation:
    return install(hub_endpoint=hub.url)


def cache(installation: Installation) -> Path:
    return Path(installation.environ["HF_HOME"]) / "hub" / f"models--{REPO.replace('/', '--')}"


def listed(host: HostProcess) -> list[str]:
    models = host.result("list_models")["result"]["models"]
    return [model["name"] for model in models if model["source"] == "hub"]


def pull(host: HostProcess, model: str = REPO) -> dict[str, Any]:
    return host.result("pull_model", model=model)


def is_absent_resumable_or_whole(installation: Installation) -> str:
    """Which of the three states a download has left; fails on a fourth."""
    folder = cache(installation)
    for link in folder.glob("snapshots/*/*"):
        assert link.read_bytes() == MODEL
        return "whole"
    for blob in folder.glob("blobs/*"):
        if blob.suffix == ".part":
            assert MODEL.startswith(blob.read_bytes())
            return "resumable"
        assert blob.read_bytes() == MODEL
        return "resumable"
    return "absent"


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


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut_after=100_000, cuts=3),
        Fault(cut_after=1 << 20),
        Fault(statuses=[503, 500, 429], retry_after="0"),
        Fault(cut_after=1_000_000, cuts=1, ignores_range=True),
    ],
    ids=["cut", "reset every MiB", "5xx and 429", "200 to a range"],
)
def test_f39_what_can_be_mended_is(puller: Installation, hub: FakeHub, fault: Fault) -> None:
    hub.faults[FILE] = fault
    with puller.host() as host:
        assert pull(host)["event"] == "done"
        assert is_absent_resumable_or_whole(puller) == "whole"


@pytest.mark.parametrize(
    "content",
    [
        MODEL[:-1] + bytes([MODEL[-1] ^ 1]),
        bytes(len(MODEL)),
        MODEL + b"more",
        tiny(seed=2),
    ],
    ids=["one bit", "same size", "longer", "other weights"],
)
def test_f39_t14_wrong_content_is_never_installed(puller: Installation, hub: FakeHub, content: bytes) -> None:
    hub.faults[FILE] = Fault(content=content)
    with puller.host() as host:
        error = pull(host)["error"]
        assert error["code"] == "download_failed"
        assert "announced" in error["details"]["reason"]
        assert listed(host) == []
        assert not list(cache(puller).glob("snapshots/*/*"))
        del hub.faults[FILE]
        assert pull(host)["event"] == "done"


def test_f39_a_server_that_only_fails(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(statuses=[404] * 9)
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "download_failed"
        hub.faults[FILE] = Fault(statuses=[403])
        assert pull(host)["error"]["code"] == "gated"
        assert pull(host, "org/missing")["error"]["code"] == "model_not_found"
        assert pull(host, f"{REPO}:Q9_9")["error"]["code"] == "model_not_found"
        assert listed(host) == []


def test_a_damaged_model_does_not_become_visible(puller: Installation, hub: FakeHub) -> None:
    """Its hash is right: it was damaged before it was uploaded."""
    hub.repositories[REPO].files[FILE] = MODEL[:1_000_000]
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "model_corrupt"
        assert listed(host) == []


def test_cancelling_stops_and_the_rest_is_continued(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.05)
    with puller.host() as host:
        request = host.send("pull_model", model=REPO)
        next(event for event in host.events(request) if event.get("done", 0) > 500_000)
        host.result("cancel", target=request)
        assert list(host.events(request))[-1]["event"] == "cancelled"
        eventually(lambda: is_absent_resumable_or_whole(puller) == "resumable")
        del hub.faults[FILE]
        events = list(host.ask("pull_model", model=REPO))
        assert events[-1]["event"] == "done"
    assert any("range" in headers for path, headers in hub.requests if path.endswith(FILE))


def test_one_comes_as_the_last_one_leaves(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.05)
    with puller.host() as host:
        for _ in range(3):
            request = host.send("pull_model", model=REPO)
            next(event for event in host.events(request) if event.get("done", 0) > 0)
            host.send("cancel", target=request)
        assert pull(host)["event"] == "done"


def test_f42_two_clients_share_one_download_and_one_may_leave(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.05)
    with puller.host() as one, puller.host() as two:
        first = one.send("pull_model", model=REPO)
        next(event for event in one.events(first) if event.get("done", 0) > 0)
        second = two.send("pull_model", model=REPO)
        next(event for event in two.events(second) if event.get("done", 0) > 0)
        one.result("cancel", target=first)
        assert list(one.events(first))[-1]["event"] == "cancelled"
        assert list(two.events(second))[-1]["event"] == "done"
    assert hub.downloads(FILE) == 1


def test_f41_killed_at_any_moment(puller: Installation, hub: FakeHub) -> None:
    """The broker dies; the next one continues. Every state in between is one of three."""
    hub.faults[FILE] = Fault(delay_s=0.02)
    moments = random.Random(41)
    seen = set()
    for _ in range(int(os.environ.get("TABAGENT_TEST_KILLS", "12"))):
        with puller.host() as host:
            host.result("status")
            host.send("pull_model", model=REPO)
            time.sleep(moments.uniform(0.0, 1.4))
            puller.stop()
        puller.stop()
        state = is_absent_resumable_or_whole(puller)
        seen.add(state)
        if state == "whole":
            with puller.host() as host:
                assert listed(host) == [f"{REPO}:Q4_0"]
                host.result("remove_model", model=f"{REPO}:Q4_0")
    assert len(seen) > 1, seen
    with puller.host() as host:
        assert pull(host)["event"] == "done"
        assert is_absent_resumable_or_whole(puller) == "whole"


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


LEADING_AWAY = ["../x", "..\\x", "a/../../x", "/etc/passwd", "//h/s", "\\\\h\\s", "C:x", "C:\\x", "C:/x", "a/b:stream"]
LEADING_AWAY += ["x\0y", "x\ny", "./x", "a//b", "a/./b", "..", ".", "", "a/", "/", "a/..", "x\x7f", "a\\..\\b"]
NOT_EVERYWHERE = ["CON.json", "con.json", "NUL.json", "a/aux.json", "COM1.json", "lpt9.json", "PRN", "CLOCK$.json"]
NOT_EVERYWHERE += ["x. .json", "dir./config.json", "dir /config.json", "a?.json", "a*.json", "a<b>.json", 'a"b.json']
NOT_EVERYWHERE += ["a|b.json", f"{'x' * 300}.json", "CONIN$.json"]


@pytest.mark.parametrize("name", LEADING_AWAY)
def test_t13_names_that_lead_away(puller: Installation, hub: FakeHub, name: str) -> None:
    hub.repositories[REPO].names = [name]
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "model_not_found"
    assert not list(puller.root.rglob("passwd"))
    assert not cache(puller).exists()


def test_t13_names_that_not_every_system_holds(puller: Installation, hub: FakeHub) -> None:
    """Beside safetensors every JSON file comes too: one that cannot be written everywhere refuses the whole."""
    with puller.host() as host:
        for name in NOT_EVERYWHERE:
            files = {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "config.json": b"{}"}
            hub.repositories["org/odd"] = Repository(files, names=[name])
            answer = pull(host, "org/odd")
            written = [path for path in puller.root.rglob("*") if str(path).endswith(f"/{name}")]
            assert answer["event"] == "error" or not written, name
        twins = {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "config.json": b"{}", "Config.json": b"{}"}
        hub.repositories["org/twins"] = Repository(twins)
        assert pull(host, "org/twins")["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/x",
        "https://localhost/x",
        "file:///etc/passwd",
        "ftp://example.org/x",
    ],
)
def test_t15_redirects_elsewhere_are_refused(install: Callable[..., Installation], hub: FakeHub, target: str) -> None:
    tabagent = install(hub_endpoint=hub.url)
    tabagent.environ["HF_TOKEN"] = "hf_secret"
    hub.faults[FILE] = Fault(redirect=target)
    with tabagent.host() as host:
        error = pull(host)["error"]
        assert error["code"] == "download_failed"
        assert "refused" in error["details"]["reason"]


def test_t15_the_token_goes_to_the_hub_alone(install: Callable[..., Installation], hub: FakeHub) -> None:
    tabagent = install(hub_endpoint=hub.url)
    tabagent.environ["HF_TOKEN"] = "hf_secret"
    with FakeHub() as elsewhere, tabagent.host() as host:
        hub.faults[FILE] = Fault(redirect=f"{elsewhere.url}/{REPO}/resolve/{COMMIT}/{FILE}")
        assert pull(host)["error"]["code"] == "download_failed"
        assert elsewhere.requests == []
    assert {headers.get("authorization") for _, headers in hub.requests} == {"Bearer hf_secret"}


def test_t5_t7_pickles_and_code_do_not_come(puller: Installation, hub: FakeHub) -> None:
    hub.repositories["org/pickled"] = Repository({"pytorch_model.bin": b"\x80\x02.", "config.json": b"{}"})
    code = {"auto_map": {"AutoModel": "evil.Model"}}
    hub.repositories["org/code"] = Repository(
        {"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", "config.json": json.dumps(code).encode(), "evil.py": b"boom"},
        {"config": code},
    )
    with puller.host() as host:
        assert pull(host, "org/pickled")["error"]["code"] == "format_refused"
        assert pull(host, "org/code")["error"]["code"] == "remote_code_refused"
        assert not any("resolve" in path for path, _ in hub.requests)


def test_t5_allowed_pickles_come_when_nothing_in_them_would_run(
    puller: Installation, hub: FakeHub, tmp_path: Path
) -> None:
    config = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
    canary = tmp_path / "canary"
    weights = {"fine": archive({"w": ([1], [1.0])}), **evil(canary)}
    for number, content in enumerate(weights.values()):
        hub.repositories[f"org/m{number}"] = Repository({"pytorch_model.bin": content, "config.json": config})
    with puller.host() as host:
        for number, name in enumerate(weights):
            last = host.result("pull_model", model=f"org/m{number}", allow_pickle=True)
            assert (last["event"] == "done") == (name == "fine"), (name, last)
        listed = host.result("list_models")["result"]["models"]
        assert [model["format"] for model in listed if model["source"] == "hub"] == ["pytorch"]
    assert not canary.exists()


def test_f40_a_full_disk_is_said_before_anything_is_fetched(puller: Installation, hub: FakeHub) -> None:
    hub.repositories[REPO].files[FILE] = MODEL
    hub.repositories["org/huge"] = Repository(
        {}, {"siblings": [{"rfilename": "huge.gguf", "size": 1 << 50, "lfs": {"sha256": "0" * 64, "size": 1 << 50}}]}
    )
    with puller.host() as host:
        error = pull(host, "org/huge")["error"]
        assert error["code"] == "disk_full"
        assert error["details"]["needed_bytes"] > error["details"]["free_bytes"]
        assert pull(host)["event"] == "done"


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


def test_f40_the_disk_fills_up_in_the_middle(puller: Installation, hub: FakeHub) -> None:
    """A limit on the size of files is what a full disk looks like; what came stays, and is continued later."""
    program = f"""
import resource, signal
from native_host.core.model_library.model_cache import ModelCache
from native_host.protocol.errors import TabAgentError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    ModelCache().download_quant({REPO!r}, "Q4_0")
except TabAgentError as error:
    assert error.code == "disk_full", error
else:
    raise AssertionError("it was not noticed")
"""
    subprocess.run([sys.executable, "-c", program], env=puller.environ, check=True)
    assert is_absent_resumable_or_whole(puller) == "resumable"
    with puller.host() as host:
        assert pull(host)["event"] == "done"


def test_parts_and_projector_come_together(puller: Installation, hub: FakeHub) -> None:
    parts = {f"big-Q8_0-0000{n}-of-00002.gguf": split_gguf(n - 1) for n in (1, 2)}
    others = {"big-Q4_0.gguf": tiny(seed=5), "mmproj-F16.gguf": tiny(seed=6), "mmproj-F32.gguf": tiny(seed=7)}
    hub.repositories["org/big"] = Repository({**parts, **others})
    with puller.host() as host:
        result = pull(host, f"{hub.url}/org/big/resolve/{COMMIT}/big-Q8_0-00001-of-00002.gguf")["result"]
    snapshot = Path(result["path"]).parent
    assert sorted(path.name for path in snapshot.iterdir()) == sorted([*parts, "mmproj-F16.gguf"])


def test_f39_main_changes_in_the_middle(puller: Installation, hub: FakeHub) -> None:
    """The commit that was asked about is the one that is fetched, or nothing is."""
    hub.faults[FILE] = Fault(delay_s=0.02, cut_after=2_500_000, cuts=1)
    with puller.host() as host:
        request = host.send("pull_model", model=REPO)
        next(event for event in host.events(request) if event.get("done", 0) > 0)
        hub.repositories[REPO] = Repository({FILE: tiny(seed=9)}, commit="f" * 40)
        assert list(host.events(request))[-1]["error"]["code"] == "download_failed"
        assert listed(host) == []
        hub.faults.clear()
        assert pull(host)["result"]["commit"] == "f" * 40


def test_f39_a_server_that_stalls(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults[FILE] = Fault(stall_s=1.5)
    download = Download(None, lambda _name, _have: None, stall_s=0.4)
    remote = RemoteFile(
        f"{hub.url}/{REPO}/resolve/{COMMIT}/{FILE}", FILE, len(MODEL), hashlib.sha256(MODEL).hexdigest(), None
    )
    download.fetch(remote, tmp_path / "blob")
    assert (tmp_path / "blob").read_bytes() == MODEL
    assert hub.downloads(FILE) > 1
    download.close()


def test_f42_two_programs_do_not_fetch_a_blob_twice(puller: Installation, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.02)
    program = f"""
from native_host.core.model_library.model_cache import ModelCache
assert ModelCache().download_quant({REPO!r}, "Q4_0").exists()
"""
    programs = [subprocess.Popen([sys.executable, "-c", program], env=puller.environ) for _ in range(3)]
    assert [it.wait(60) for it in programs] == [0, 0, 0]
    assert hub.downloads(FILE) == 1
