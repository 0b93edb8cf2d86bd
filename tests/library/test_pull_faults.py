"""Rows F39-F41, T14: whatever breaks, a download is absent, resumable, or whole and verified."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from native_host.core.model_library.download import Download, RemoteFile, _continues
from tests.fake_hub import COMMIT, FakeHub, Fault, Repository
from tests.library.pulling import FILE, MODEL, REPO, cache, is_absent_resumable_or_whole, listed, pull, tiny
from tests.support import Installation, eventually, few_or_many


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


def test_a_damaged_model_does_not_become_visible(puller: Installation, hub: FakeHub) -> None:
    """Its hash is right: it was damaged before it was uploaded."""
    hub.repositories[REPO].files[FILE] = MODEL[:1_000_000]
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "model_corrupt"
        assert listed(host) == []


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


def wait_for_download(puller: Installation, hub: FakeHub, requests_before: int) -> None:
    """Wait until the hub gets the next request for the file, or the file needs none."""
    eventually(lambda: hub.downloads(FILE) > requests_before or is_absent_resumable_or_whole(puller) == "whole")


@pytest.mark.parametrize("kills", few_or_many(4, 200))
def test_f41_killed_at_any_moment(kills: int, puller: Installation, hub: FakeHub) -> None:
    """The broker dies; the next one continues. Every state in between is one of three.

    Every second kill counts from the file's request: on a busy machine the others may all come before it.
    """
    hub.faults[FILE] = Fault(delay_s=0.02)
    moments = random.Random(41)
    seen = set()
    for number in range(kills):
        requests = hub.downloads(FILE)
        with puller.host() as host:
            host.result("status")
            host.send("pull_model", model=REPO)
            if number % 2:
                wait_for_download(puller, hub, requests)
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


@pytest.mark.parametrize("retry_after", ["\u00b2", "\u0661", "-1", "nan", "9" * 5000, "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_f39_a_time_that_is_no_number(puller: Installation, hub: FakeHub, retry_after: str) -> None:
    """It is passed over. A hub's headers are bytes: those of UTF-8 arrive as text."""
    as_sent = retry_after.encode().decode("latin-1")
    hub.faults[FILE] = Fault(statuses=[503], retry_after=as_sent)
    with puller.host() as host:
        answer = pull(host)
    assert answer["event"] == "done", answer


@pytest.mark.parametrize("number", ["9" * 5000, "0" * 5000 + "1", "\u0661"])
def test_f39_a_range_that_is_no_number(number: str) -> None:
    headers = {"Content-Range": f"bytes {number}-2/3".encode()}
    assert not _continues(httpx2.Response(206, headers=headers), 1, 3)
