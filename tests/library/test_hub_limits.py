"""Row S1: sizes, numbers and lengths in a hub's answer have limits, as its names have alphabets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from native_host.core.model_library.download import Download, RemoteFile
from native_host.core.model_library.hub_names import _check_distinct
from native_host.core.model_library.pull import Job, Plan, Received, _report
from native_host.protocol.errors import TabAgentError
from tests.fake_hub import COMMIT, FakeHub, Repository
from tests.library.pulling import FILE, MODEL, REPO, pull
from tests.library.test_hub_names import SHA256
from tests.support import Installation


def sibling(name: str = FILE, size: int = len(MODEL)) -> dict[str, Any]:
    return {"rfilename": name, "size": size, "lfs": {"sha256": SHA256, "size": size}}


@pytest.mark.parametrize(
    "siblings",
    [
        pytest.param([sibling(size=2**63)], id="a file of 8 EiB"),
        pytest.param([sibling(size=2**64 - 1)], id="the largest number"),
        pytest.param([sibling(f"m-0000{n}-of-00002.gguf", 2**63) for n in (1, 2)], id="a sum that overflows"),
        pytest.param([sibling("a/" * 600 + FILE)], id="a deep path"),
        pytest.param([sibling("/".join(["x" * 200] * 6) + f"/{FILE}")], id="a long path"),
        pytest.param([sibling("model.safetensors"), *(sibling(f"{n}.json") for n in range(20_000))], id="many files"),
    ],
)
def test_s1_more_than_a_model_can_be(puller: Installation, hub: FakeHub, siblings: list[dict[str, Any]]) -> None:
    hub.repositories[REPO] = Repository({FILE: MODEL}, {"siblings": siblings})
    with puller.host() as host:
        for answer in (host.result("detect_model", model=REPO), pull(host)):
            assert answer["error"]["code"] == "hub_unavailable", answer
    assert hub.downloads(FILE) == 0


@pytest.mark.parametrize(
    ("wanted", "siblings"),
    [
        pytest.param(":Q9", [sibling("x" * 700_000 + f"{n}.gguf") for n in range(9)], id="long names to choose from"),
        pytest.param("", [sibling("x" * 7_000_000 + ".gguf")], id="a long name"),
        pytest.param("", [sibling("\x1b" * 1_000_000)], id="a long name that must be escaped"),
        pytest.param("", [sibling("/".join(["m" * 200] * 4) + "-0001-of-2000.gguf")], id="many missing files"),
    ],
)
def test_s1_errors_that_name_much(
    puller: Installation, hub: FakeHub, wanted: str, siblings: list[dict[str, Any]]
) -> None:
    hub.repositories[REPO] = Repository({FILE: MODEL}, {"siblings": siblings})
    with puller.host() as host:
        answer = pull(host, REPO + wanted)
        assert answer["error"]["code"] in {"model_not_found", "model_corrupt"}
        assert len(json.dumps(answer)) < 100_000


@pytest.mark.parametrize("character", "\u202e\u2066\u200f\u061c\u2028\x85")
def test_s1_names_that_reorder_text(puller: Installation, hub: FakeHub, character: str) -> None:
    hub.repositories[REPO] = Repository({FILE: MODEL}, {"siblings": [sibling(f"{character}fugg-Q4_0.gguf")]})
    with puller.host() as host:
        assert pull(host)["error"]["code"] in {"hub_unavailable", "model_not_found"}


def test_s1_deep_paths_are_compared_in_a_moment() -> None:
    """Ten thousand names of 480 folders; half a minute when each folder was looked up."""
    deep = [f"{'a/' * 480}{number}.json" for number in range(10_000)]
    began = time.process_time()
    _check_distinct(deep)
    assert time.process_time() - began < 5
    for clash in (deep[7].upper(), f"{deep[7]}/x", "a", "A/a"):
        with pytest.raises(TabAgentError):
            _check_distinct([*deep, clash])
    with pytest.raises(TabAgentError):
        _check_distinct(["\u00e9.json", "e\u0301.json"])


def test_s1_claims_that_no_model_meets(puller: Installation, hub: FakeHub) -> None:
    """They are left out, and the model can be had."""
    huge, text = 2**64 - 1, "\u202e" * 100_000
    gguf = {"architecture": text, "total": huge, "context_length": huge}
    hub.repositories[REPO].metadata = {"gguf": gguf, "pipeline_tag": text, "cardData": {"license": text}}
    with puller.host() as host:
        facts = host.result("detect_model", model=REPO)["result"]
        for name in ("parameters", "context_length", "architecture", "license", "task"):
            assert facts[name] is None, name
        assert pull(host)["event"] == "done"


def test_s1_progress_of_many_files_is_reported_while_they_come() -> None:
    """The thread that downloads adds files while the event loop reads how far it is."""

    done: list[int] = []

    class Heard:
        async def progress(self, _stage: str, now: int, _total: int, _unit: str, **_more: object) -> None:
            done.append(now)

        async def token(self, text: str, **more: object) -> None: ...

    def receive(received: Received) -> None:
        for number in range(300_000):
            received.note(str(number), 1)

    async def main() -> None:
        files = tuple(RemoteFile("http://hub", f"{number}.json", 1, "0" * 64, None) for number in range(50))
        plan = Plan(REPO, "main", COMMIT, "0.json", files, allow_pickle=False)
        received = Received()
        job = Job(plan, Download(None, received.note), asyncio.get_running_loop().create_future(), received)
        thread = threading.Thread(target=receive, args=(received,))
        thread.start()
        while thread.is_alive():
            await _report(job, Heard())
        await _report(job, Heard())

    asyncio.run(main())
    assert done == sorted(done)
    assert done[-1] == 300_000
