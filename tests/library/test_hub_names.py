"""Row S1: a name that a hub sends becomes a part of a path only if it is of its own alphabet."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from native_host.core.model_library.hub_cache import HubCache
from native_host.protocol.errors import TabAgentError
from tests.fake_hub import COMMIT, FakeHub, Repository
from tests.library.pulling import FILE, MODEL, REPO, cache, listed, pull
from tests.support import Installation
from tests.syscalls import SystemCalls

SHA256 = hashlib.sha256(MODEL).hexdigest()
PIECES = [
    "..",
    ".",
    "/",
    "\\",
    "a" * 40,
    "f" * 64,
    "A" * 64,
    "x",
    "\n",
    "\0",
    " ",
    "%2e%2e",
    "\u0661",
    "é",
    "-",
    ":",
    "~",
]
KINDS = ["lfs.sha256", "blobId", "sha", "rfilename"]


def hostile(draw: random.Random, outside: Path) -> str:
    """A path out of the cache, or a name that is nearly right."""
    up = "../" * draw.randint(1, 9)
    return draw.choice(
        [
            f"{up}x",
            f"{up.rstrip('/')}{outside}/x",
            str(outside / "existing"),
            str(outside / "new"),
            f"{'a' * 64}/../{up}x",
            f"{'a' * draw.choice([39, 41, 63, 65])}",
            f"{'a' * draw.choice([40, 64])}\n",
            "".join(draw.choices(PIECES, k=draw.randint(1, 5))),
        ]
    )


def metadata(kind: str, value: str) -> dict[str, Any]:
    """The hub's answer about a repository of one file, with one hostile name in it."""
    sibling: dict[str, Any] = {"rfilename": FILE, "size": len(MODEL), "lfs": {"sha256": SHA256, "size": len(MODEL)}}
    answer: dict[str, Any] = {"siblings": [sibling], "sha": COMMIT}
    if kind == "lfs.sha256":
        sibling["lfs"]["sha256"] = value
    elif kind == "blobId":
        sibling.pop("lfs")
        sibling["blobId"] = value
    elif kind == "sha":
        answer["sha"] = value
    else:
        sibling["rfilename"] = value + ".gguf"
    return answer


def everything_below(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_ino, path.lstat().st_size) for path in folder.rglob("*")}


def test_s1_names_of_a_hub_lead_nowhere(puller: Installation, hub: FakeHub, tmp_path: Path) -> None:
    """No path outside the installation is opened for writing, made or removed, whatever the hub sends."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "existing").write_bytes(MODEL)
    before = everything_below(outside)
    draw = random.Random(1)
    drawn = [(kind, hostile(draw, outside)) for kind in KINDS for _ in range(12)]
    with puller.host() as host:
        pid = puller.broker_pid()
        pull(host, "org/none")  # the broker imports what a download needs
        with SystemCalls(pid, tmp_path) as calls:
            for kind, value in drawn:
                hub.repositories[REPO].metadata = metadata(kind, value)
                answer = pull(host)
                assert answer["event"] == "error", (kind, value, answer)
                allowed = {"hub_unavailable", "model_not_found"}
                if kind == "rfilename":  # some drawn names are good ones, of files that the hub does not have
                    allowed.add("download_failed")
                assert answer["error"]["code"] in allowed, (kind, value, answer)
        assert listed(host) == []
    changed = {path for path in calls.changed() if not path.startswith(f"{puller.root}/")}
    assert {path for path in changed if not path.startswith("/proc/")} <= {"/dev/null"}
    assert everything_below(outside) == before


def test_s1_the_trace_sees_what_a_download_writes(puller: Installation, hub: FakeHub, tmp_path: Path) -> None:
    with puller.host() as host, SystemCalls(puller.broker_pid(), tmp_path) as calls:
        assert pull(host)["event"] == "done"
    blob, snapshot = cache(puller) / "blobs" / SHA256, cache(puller) / "snapshots" / COMMIT / FILE
    assert {str(blob), f"{blob}.part", str(snapshot)} <= calls.changed()


@pytest.mark.parametrize("content", [bytes(len(MODEL)), MODEL[:1000], b""], ids=["same size", "shorter", "empty"])
def test_s1_a_blob_is_hashed_before_it_is_believed(puller: Installation, hub: FakeHub, content: bytes) -> None:
    blob = cache(puller) / "blobs" / SHA256
    blob.parent.mkdir(parents=True)
    blob.write_bytes(content)
    with puller.host() as host:
        answer = pull(host)
        assert answer["event"] == "done", answer
        assert Path(answer["result"]["path"]).read_bytes() == MODEL
        assert pull(host)["event"] == "done"
    assert hub.downloads(FILE) == 1, "a blob with the right content is not fetched again"


def test_s1_a_blob_that_is_a_link_is_replaced_not_followed(puller: Installation, hub: FakeHub, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    blobs = cache(puller) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / SHA256).symlink_to(other)
    with puller.host() as host:
        answer = pull(host)
        assert answer["event"] == "done", answer
        assert not (blobs / SHA256).is_symlink()
        host.result("remove_model", model=f"{REPO}:Q4_0")
        (blobs / f"{SHA256}.part").symlink_to(other)
        assert pull(host)["error"]["code"] == "download_failed"
    assert other.read_bytes() == b"mine"


def test_s1_two_files_that_need_one_place(puller: Installation, hub: FakeHub) -> None:
    config = {"config.json": b"{}", "a.json": b"{}"}
    hub.repositories["org/odd"] = Repository({"model.safetensors": b"\x02\0\0\0\0\0\0\0{}", **config})
    hub.repositories["org/odd"].names = ["A.json"]
    with puller.host() as host:
        assert pull(host, "org/odd")["error"]["code"] in {"model_not_found", "hub_unavailable"}


def _ways(cache: HubCache, name: str) -> list[Callable[[], object]]:
    """Every method of the cache that makes a path of a name."""
    return [
        lambda: cache.repository(name),
        lambda: cache.blob(REPO, name),
        lambda: cache.blob(name, SHA256),
        lambda: cache.lock(REPO, name),
        lambda: cache.snapshot(REPO, name),
        lambda: cache.publish(REPO, COMMIT, {name: SHA256}, name),
        lambda: cache.publish(REPO, COMMIT, {FILE: name}, FILE),
        lambda: cache.publish(REPO, name, {FILE: SHA256}, FILE),
        lambda: cache.refer(REPO, name, COMMIT),
        lambda: cache.refer(REPO, "main", name),
    ]


def test_s1_the_cache_checks_again_where_it_makes_a_path(tmp_path: Path) -> None:
    """Whatever the name, a path is inside the cache or is not made."""
    cache, draw = HubCache(tmp_path / "deep" / "er" / "hub"), random.Random(2)
    cache.repository(REPO).mkdir(parents=True)
    made = refused = 0
    for _ in range(2000):
        name = hostile(draw, tmp_path / "outside")
        for way in _ways(cache, name):
            try:
                path = way()
            except TabAgentError:
                refused += 1
            except (FileExistsError, IsADirectoryError, NotADirectoryError):
                refused += 1  # an earlier name is in its way
            else:
                made += 1
                inside = os.path.normpath(str(path or cache.root))
                assert inside.startswith(str(cache.root)), (name, inside)
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert {path.name for path in (tmp_path / "deep" / "er").iterdir()} == {"hub"}
    assert refused > made
