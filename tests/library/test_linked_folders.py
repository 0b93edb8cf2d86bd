"""Rows S1 and S7: links that others made in the hub's cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fake_hub import COMMIT, FakeHub
from tests.library.pulling import FILE, MODEL, cache, pull
from tests.made_models import safetensors
from tests.support import Installation

WEIGHTS = safetensors(w=("F32", [4]))


@pytest.mark.parametrize("place", ["snapshots", f"snapshots/{COMMIT}", f"snapshots/{COMMIT}/sub"])
def test_s7_files_in_a_linked_folder_stay(puller: Installation, tmp_path: Path, place: str) -> None:
    mine = tmp_path / "outside" / "mine"
    mine.mkdir(parents=True)
    for name in ("notes.txt", "package.json", "thesis.model"):
        (mine / name).write_bytes(b"{}")
    (mine / "model.safetensors").write_bytes(WEIGHTS)
    link = cache(puller) / place
    link.parent.mkdir(parents=True)
    link.symlink_to(mine.parent if place == "snapshots" else mine)
    before = sorted(mine.iterdir())
    with puller.host() as host:
        models = [model["name"] for model in host.result("list_models")["result"]["models"] if model["source"] == "hub"]
        assert models
        for name in models:
            assert host.result("remove_model", model=name)["error"]["code"] == "not_removable"
    assert sorted(mine.iterdir()) == before


@pytest.mark.parametrize("place", ["snapshots", f"snapshots/{COMMIT}"])
def test_s1_no_link_is_made_in_a_linked_folder(puller: Installation, hub: FakeHub, tmp_path: Path, place: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    link = cache(puller) / place
    link.parent.mkdir(parents=True)
    link.symlink_to(mine)
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "config_unwritable"
    assert list(mine.iterdir()) == []


@pytest.mark.parametrize("kind", ["outside", "dangling", "circle", "old blob", "file", "pipe"])
def test_s1_a_pulled_name_means_what_was_verified(
    puller: Installation, hub: FakeHub, tmp_path: Path, kind: str
) -> None:
    """Another file with the model's name is replaced; what a link led to is kept."""
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    link = cache(puller) / "snapshots" / COMMIT / FILE
    link.parent.mkdir(parents=True)
    old = cache(puller) / "blobs" / ("0" * 64)
    old.parent.mkdir()
    old.write_bytes(b"old")
    if kind == "file":
        link.write_bytes(b"old")
    elif kind == "pipe":
        os.mkfifo(link)
    else:
        link.symlink_to({"outside": other, "dangling": "none", "circle": FILE, "old blob": old}[kind])
    with puller.host() as host:
        answer = pull(host)
        assert answer["event"] == "done", answer
    assert Path(answer["result"]["path"]) == link
    assert link.is_file()
    assert link.read_bytes() == MODEL
    assert other.read_bytes() == b"mine"


def test_s1_a_folder_with_the_name_of_a_model(puller: Installation, hub: FakeHub) -> None:
    (cache(puller) / "snapshots" / COMMIT / FILE / "notes").mkdir(parents=True)
    with puller.host() as host:
        assert pull(host)["error"]["code"] == "config_unwritable"
