"""Rows S1, S7, S9, S16: whatever a hub, a folder or a caller names, no other file is touched and no other host called.

Each case draws names, hashes, headers, redirects or folders, and runs through a real host or HTTP server under strace.
Every name that leads out leads to ``canary-CASE``, so a path in the trace tells which case it was.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from native_host.transports.http.own import PREFIX
from tabagent_harness import HostProcess
from tabagent_harness.http_process import HttpProcess
from tests.fake_hub import COMMIT, FakeHub, Fault, Repository
from tests.library.pulling import pull, tiny
from tests.made_models import safetensors
from tests.support import Installation, few_or_many
from tests.syscalls import SystemCalls

MODEL = tiny(400)
SHA256 = hashlib.sha256(MODEL).hexdigest()
WEIGHTS = safetensors(w=("F32", [4]))
PIECES = [
    "..",
    ".",
    "/",
    "\\",
    "~",
    "%2e%2e",
    "%2F",
    "\0",
    "\n",
    "\u202e",
    "\u0661",
    "é",
    "a",
    "A",
    ":",
    "x" * 250,
    " ",
    "-",
]
FINE = {"hub_unavailable", "model_not_found", "download_failed", "model_corrupt", "unsupported_format", "disk_full"}


@dataclass
class World:
    """What a case may use. ``outside``: a path that nothing may touch."""

    draw: random.Random
    host: HostProcess
    http: HttpProcess
    hub: FakeHub
    models: Path
    port: int
    outside: Path

    def path(self) -> str:
        """A name that leads to ``outside``, or nearly one that is fine."""
        up = "../" * self.draw.randint(1, 12)
        return self.draw.choice(
            [
                f"{up.rstrip('/')}{self.outside}",
                f"{up}{self.outside.name}",
                str(self.outside),
                f"file://{self.outside}",
                f"a/{up}{self.outside.name}",
                f"{'a' * self.draw.choice([39, 40, 64])}/{up.rstrip('/')}{self.outside}",
                str(self.outside).replace("/", "\\"),
                str(self.outside).replace("/", "%2F"),
                "".join(self.draw.choices(PIECES, k=self.draw.randint(1, 6))),
            ]
        )

    def odd(self, good: Any) -> Any:
        """A good value as it is, one in three times; else a path, or a value of another type."""
        others = [None, 0, -1, 2**63, 1.5, True, [], {}, "", [good], {"sha256": good}, f"{good}\n", f" {good}"]
        return self.draw.choice([good, good, good, self.path(), self.path(), self.path(), self.draw.choice(others)])

    def sibling(self, name: Any) -> Any:
        """A file of the hub's answer."""
        size, sha = self.odd(len(MODEL)), self.odd(SHA256)
        fields = {"rfilename": name, "size": size, "blobId": self.odd("b" * 40), "lfs": {"sha256": sha, "size": size}}
        for field in self.draw.sample(["size", "blobId", "lfs", "rfilename"], self.draw.choice([0, 0, 1])):
            fields[field] = self.odd(fields[field])
        return fields

    def redirect(self) -> str:
        """An address that is not the hub's."""
        hosts = ["127.1", "0x7f.1", "2130706433", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "0", "a@127.1", "10.1"]
        scheme = self.draw.choice(["https", "http", "file", "ftp", ""])
        return f"{scheme}://{self.draw.choice(hosts)}:{self.port}{self.outside}"


def a_hubs_answer(world: World) -> str:
    """Names, hashes, sizes and the commit."""
    good = "m-Q4_0.gguf"
    files = {good: MODEL}
    names = [world.odd(good), *(world.path() for _ in range(world.draw.randint(0, 3)))]
    for name in names:
        if isinstance(name, str):
            files[name] = MODEL
    metadata = {
        "siblings": [world.sibling(name) for name in names],
        "sha": world.odd(COMMIT),
        "id": world.odd("org/name"),
        "gguf": world.odd({"architecture": "chaos"}),
        "config": world.odd({"model_type": world.path()}),
    }
    world.hub.repositories["org/name"] = Repository(files, metadata)
    answer = pull(world.host, "org/name") if world.draw.random() < 0.8 else detect(world.host, "org/name")
    return outcome(answer)


def an_index_of_shards(world: World) -> str:
    """It names files that are none of the repository's."""
    index = {"weight_map": {f"t{number}": world.path() for number in range(4)} | {"w": "model.safetensors"}}
    files = {"model.safetensors": WEIGHTS, "config.json": b"{}"}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    world.hub.repositories["org/name"] = Repository(files)
    return outcome(pull(world.host, "org/name"))


def headers_and_redirects(world: World) -> str:
    """What is sent with a file."""
    name = "h-Q4_0.gguf"
    text = world.path().encode("ascii", "replace").decode().replace("\n", "").replace("\0", "")
    headers = {"ETag": f'"{text}"', "X-Linked-Etag": text, "X-Repo-Commit": text, "Content-Disposition": text}
    fault = Fault(headers=headers, redirect=world.redirect() if world.draw.random() < 0.7 else None)
    world.hub.faults[name] = fault
    content = tiny(400, seed=world.draw.randrange(2**30))
    world.hub.repositories["org/name"] = Repository({name: content})
    return outcome(pull(world.host, "org/name"))


def a_revision(world: World) -> str:
    """A reference of the caller with a path where a revision or a file belongs."""
    world.hub.repositories["org/name"] = Repository({"m-Q4_0.gguf": MODEL})
    form = world.draw.choice(["org/name@{}", "org/name:{}", "org/name/resolve/{}/m-Q4_0.gguf", "org/{}", "hf.co/{}"])
    return outcome(pull(world.host, form.format(world.path())))


def a_name_over_http(world: World) -> str:
    """Any path is no name."""
    route = world.draw.choice(["/api/show", "/api/pull", f"{PREFIX}/detect_model", f"{PREFIX}/remove_model"])
    answer = world.http.post(
        route, model=world.draw.choice([world.path(), str(world.outside).lstrip("/")]), stream=False
    )
    assert answer.status_code in {400, 404, 502}, answer.text
    return str(answer.status_code)


def a_folder_to_remove(world: World) -> str:
    """Its index names other files of the user; links lead to them."""
    folder = world.models / world.outside.name
    folder.mkdir()
    mine = {name: folder / name for name in ("notes.txt", "package.json", "thesis.model", "other.safetensors")}
    for path in mine.values():
        path.write_bytes(b"mine")
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    named = [world.path(), str(mine["notes.txt"]), "notes.txt", "../x", "."]
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(enumerate(named))}))
    (folder / "link.json").symlink_to(world.outside)
    answer = world.host.result("remove_model", model=folder.name)
    assert answer["event"] == "done", answer
    assert all(path.read_bytes() == b"mine" for name, path in mine.items() if name != "notes.txt")
    assert not (folder / "model.safetensors").exists()
    return "removed"


CASES: list[Callable[[World], str]] = [
    a_hubs_answer,
    a_hubs_answer,
    an_index_of_shards,
    headers_and_redirects,
    a_revision,
    a_name_over_http,
    a_folder_to_remove,
]


def detect(host: HostProcess, model: str) -> dict[str, Any]:
    return host.result("detect_model", model=model)


def outcome(answer: dict[str, Any]) -> str:
    if answer["event"] == "done":
        return "done"
    assert answer["error"]["code"] in FINE, answer
    return str(answer["error"]["code"])


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that nobody may connect to."""
    with socket.create_server(("", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("cases", few_or_many(80, 5000))
def test_s1_s7_s9_s16_nothing_outside_is_touched(
    puller: Installation, hub: FakeHub, listener: socket.socket, tmp_path: Path, cases: int
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    draw = random.Random(7)
    seen: Counter[str] = Counter()
    with puller.host() as host, HttpProcess(puller) as http:
        hub.repositories["org/first"] = Repository({"first-Q4_0.gguf": tiny(400)})
        assert pull(host, "org/first")["event"] == "done"  # what a download needs is imported
        traces = [tmp_path / "broker", tmp_path / "http"]
        for folder in traces:
            folder.mkdir()
        broker = int(host.result("status")["result"]["pid"])
        with SystemCalls(broker, traces[0]) as calls, SystemCalls(http.process.pid, traces[1]) as http_calls:
            for number in range(cases):
                canary = outside / f"canary-{number}"
                canary.write_bytes(MODEL)
                world = World(draw, host, http, hub, puller.models, listener.getsockname()[1], canary)
                case = draw.choice(CASES)
                seen[f"{case.__name__} {case(world)}"] += 1
    with pytest.raises(BlockingIOError):
        listener.accept()
    for trace in (calls, http_calls):
        assert {path for path in trace.touched() if str(outside) in path} == set()
        strange = {path for path in trace.changed() if not path.startswith((f"{puller.root}/", "/proc/"))}
        assert {path for path in strange if "__pycache__" not in path} <= {"/dev/null"}
        assert trace.connected() <= {"127.0.0.1"}, "the hub alone"
    assert {path.read_bytes() for path in outside.iterdir()} == {MODEL}
    assert {path.name for path in tmp_path.iterdir()} == {"outside", "broker", "http"}
    assert {word.split()[1] for word in seen} >= {"done", "removed", "404"}, seen
