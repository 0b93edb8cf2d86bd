"""Row S1: pipes, devices and damaged parts in the hub's cache."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.fake_hub import FakeHub
from tests.library.pulling import MODEL, cache, pull
from tests.support import Installation

PART = f"{hashlib.sha256(MODEL).hexdigest()}.part"


@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_s1_a_reference_that_never_ends(puller: Installation, hub: FakeHub, kind: str) -> None:
    reference = cache(puller) / "refs" / "main"
    reference.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(reference)
    elif kind == "device":
        reference.symlink_to("/dev/zero")
    else:
        reference.touch()
        os.truncate(reference, 3 << 30)
    with puller.host() as host:
        assert host.result("list_models", timeout_s=30)["event"] == "done"
        assert pull(host)["event"] == "done"
    assert reference.is_file()


@pytest.mark.parametrize("part", [bytes(1000), bytes(len(MODEL)), MODEL + b"x"], ids=["start", "whole", "longer"])
def test_f41_a_damaged_part_is_fetched_anew(puller: Installation, hub: FakeHub, part: bytes) -> None:
    path = cache(puller) / "blobs" / PART
    path.parent.mkdir(parents=True)
    path.write_bytes(part)
    with puller.host() as host:
        answer = pull(host)
    assert answer["event"] == "done", answer


def test_s1_a_part_that_is_a_pipe(puller: Installation, hub: FakeHub) -> None:
    path = cache(puller) / "blobs" / PART
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with puller.host() as host:
        assert host.result("pull_model", model="org/tiny-GGUF", timeout_s=30)["error"]["code"] == "download_failed"
