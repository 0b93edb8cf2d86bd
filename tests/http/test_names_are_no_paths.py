"""Row S9: a name without a leading slash is no path either, although the broker's working folder is ``/``."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from native_host.core.model_library.hub_names import as_reference
from native_host.protocol.errors import TabAgentError
from native_host.transports.http.own import PREFIX
from tabagent_harness.http_process import HttpProcess
from tests.fake_hub import FakeHub
from tests.http.test_names import ROUTES
from tests.support import Installation
from tests.syscalls import SystemCalls

FILES = ["etc/passwd", "etc/hostname", "bin/sh", "etc", "dev/null", "proc/1/environ", "root/.ssh"]
NO_FILES = ["etc/nothing-here", "nothing-here", "nothing/at/all", "nothing/.here"]


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        yield running


@pytest.fixture(scope="module")
def http(shared: Installation, hub: FakeHub) -> Iterator[HttpProcess]:
    shared.environ["TABAGENT_HUB_ENDPOINT"] = hub.url
    with HttpProcess(shared) as process:
        yield process


def test_s9_no_route_looks_at_a_path(http: HttpProcess, tmp_path: Path) -> None:
    """No existing file is looked at, and it is answered as one that is not there."""
    canary = tmp_path / "canary.gguf"
    canary.write_bytes(b"GGUF")
    relative = str(canary).lstrip("/")
    names = [*FILES, relative, f"{relative}:latest", f"hf:{relative}", f"hf.co/{canary}", f" {canary}", f"x/..{canary}"]
    with http.installation.host(), SystemCalls(http.installation.broker_pid(), tmp_path) as calls:
        answers = {
            (route, name): http.post(route, model=name, **body)
            for route, body in ROUTES
            for name in (*names, *NO_FILES)
        }
    for (route, name), answer in answers.items():
        assert answer.status_code == 404, (route, name, answer.text)
        assert not any(word in answer.text.lower() for word in ("directory", "size_bytes", "magic", "permission"))
    looked_at = {str(canary), *(f"/{name}" for name in FILES if name not in {"etc", "dev/null"})}
    assert not looked_at & calls.touched()


@pytest.mark.parametrize("action", ["detect_model", "pull_model"])
def test_s9_an_existing_path_is_answered_as_a_missing_one(http: HttpProcess, action: str) -> None:
    def answer(name: str) -> dict[str, Any]:
        found = http.post(f"{PREFIX}/{action}", model=name)
        return {"status": found.status_code, "text": found.text.replace(name, "NAME")}

    assert answer("etc/passwd") == answer("etc/nothing-here")
    assert answer("etc") == answer("nothing-here")
    assert answer("usr/bin/env") == answer("usr/bin/nothing-here")


def test_s9_native_messaging_takes_absolute_paths_only(install: Callable[..., Installation], hub: FakeHub) -> None:
    tabagent = install(hub_endpoint=hub.url)
    tabagent.chaos_model("mine")
    path = (tabagent.models / "mine.gguf").rename(tabagent.root / "mine.gguf")  # in no folder of models
    with tabagent.host() as host:
        assert host.result("detect_model", model=str(path))["event"] == "done"
        for action in ("detect_model", "pull_model", "load_model", "verify_model", "remove_model"):
            for name in (str(path).lstrip("/"), f"../../../../../../..{path}", f"./{path}"):
                error = host.result(action, model=name)["error"]
                assert error["code"] == "model_not_found", (action, name, error)


def test_s9_a_reference_never_begins_as_a_path() -> None:
    """Whatever is drawn: refused, or an address that no folder of the broker's working folder has."""
    draw = random.Random(9)
    pieces = [
        "..",
        ".",
        "/",
        "\\",
        "~",
        "a",
        "org",
        "name",
        ":",
        "@",
        "hf.co/",
        "hf:",
        "https://",
        "huggingface.co/",
        "\0",
    ]
    pieces += ["etc/passwd", "resolve", "main", "?", "#", "%2e%2e", " ", "C:"]
    taken = 0
    for _ in range(50_000):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 7)))
        try:
            reference = as_reference(text, "http://127.0.0.1:81")
        except TabAgentError as error:
            assert error.code == "model_not_found"  # noqa: PT017
            continue
        taken += 1
        assert reference.startswith(("hf:", "http://", "https://")), text
        assert not {"..", "."} & set(reference.partition("?")[0].partition("#")[0].split("/")), text
    assert taken > 100
