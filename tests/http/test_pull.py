"""Downloads over HTTP: Ollama's client, and our own route, against a hub on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import ollama
import pytest

from native_host.transports.http.own import PREFIX
from tabagent_harness.http_process import HttpProcess
from tests.fake_hub import FakeHub, Fault, Repository
from tests.library.pulling import FILE, MODEL, REPO
from tests.support import MODEL as PACKAGED
from tests.support import Installation

SLOW = Fault(delay_s=0.03)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        running.repositories[REPO] = Repository({FILE: MODEL})
        yield running


@pytest.fixture
def http(install: Callable[..., Installation], hub: FakeHub) -> Iterator[HttpProcess]:
    with HttpProcess(install(hub_endpoint=hub.url)) as running:
        yield running


@pytest.fixture
def client(http: HttpProcess) -> Iterator[ollama.Client]:
    with ollama.Client(http.address, headers=http.headers, timeout=60) as it:
        yield it


def test_ollamas_client_shows_how_far_it_is(client: ollama.Client, hub: FakeHub) -> None:
    hub.faults[FILE] = SLOW
    told = list(client.pull(f"hf.co/{REPO}:Q4_0", stream=True))
    assert told[-1].status == "success"
    bars = [it for it in told if it.digest == FILE]
    assert bars[-1].completed == bars[-1].total == len(MODEL)
    assert any(0 < (it.completed or 0) < len(MODEL) for it in bars)
    assert f"{REPO}:Q4_0" in {it.model for it in client.list().models}
    assert client.pull(REPO).status == "success"
    assert hub.downloads(FILE) == 1
    client.delete(f"{REPO}:Q4_0")
    assert f"{REPO}:Q4_0" not in {it.model for it in client.list().models}


@pytest.mark.parametrize("name", [PACKAGED, f"{PACKAGED}:latest", "mine"])
def test_what_is_here_already_needs_no_hub(http: HttpProcess, client: ollama.Client, hub: FakeHub, name: str) -> None:
    http.installation.chaos_model("mine")
    assert client.pull(name).status == "success"
    assert [it.status for it in client.pull(name, stream=True)] == ["success"]
    assert not hub.requests


@pytest.mark.parametrize("stream", [False, True])
def test_a_repository_that_is_not_there(client: ollama.Client, stream: bool) -> None:
    with pytest.raises(ollama.ResponseError) as refused:
        list(client.pull("org/none", stream=stream))  # type: ignore[call-overload]
    assert refused.value.status_code == 404


def test_our_own_route_gives_the_protocols_events(http: HttpProcess, hub: FakeHub) -> None:
    hub.faults[FILE] = SLOW
    answer = http.post(f"{PREFIX}/pull_model", model=REPO, stream=True)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert {event["stage"] for event in events[:-1]} == {"downloading"}
    assert events[-1]["event"] == "done"
    assert events[-1]["result"]["size_bytes"] == len(MODEL)


def test_who_leaves_stops_the_download_and_the_next_one_goes_on(http: HttpProcess, hub: FakeHub) -> None:
    hub.faults[FILE] = Fault(delay_s=0.2)
    with http.client.stream("POST", "/api/pull", json={"model": REPO}) as answer:
        next(line for line in answer.iter_lines() if 0 < json.loads(line).get("completed", 0) < len(MODEL))
    hub.faults[FILE] = Fault()
    assert http.post("/api/pull", model=REPO, stream=False).json() == {"status": "success"}
    asked = [headers for path, headers in hub.requests if path.endswith(f"/{FILE}")]
    assert len(asked) == 2
    assert asked[1]["range"] != "bytes=0-", "it went on where it was"


@pytest.mark.parametrize("has_access", [False, True])
def test_h2_a_gated_repository(install: Callable[..., Installation], hub: FakeHub, has_access: bool) -> None:
    """With a token, every route asks the hub for the file."""
    hub.repositories[REPO].metadata = {"gated": "auto"}
    installation = install(hub_endpoint=hub.url)
    installation.environ["HF_TOKEN"] = "hf_secret"
    with HttpProcess(installation) as http:
        assert http.post("/api/show", model=REPO).status_code == 200
        assert http.post(f"{PREFIX}/detect_model", model=REPO).json()["obstacles"] == []
        for asked, (route, stream) in enumerate(
            [("/api/pull", False), ("/api/pull", True), (f"{PREFIX}/pull_model", False)]
        ):
            hub.faults[FILE] = Fault(statuses=[] if has_access else [403])
            answer = http.post(route, model=REPO, stream=stream)
            assert hub.downloads(FILE) == asked + 1
            if has_access:
                assert "success" in answer.text or answer.json()["repo"] == REPO
                http.client.request("DELETE", "/api/delete", json={"model": f"{REPO}:Q4_0"}).raise_for_status()
            else:
                assert '"gated"' in answer.text
