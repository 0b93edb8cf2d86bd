"""A repository of the fake hub, how it is pulled, and what must be on disk afterwards."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tabagent_harness import HostProcess
from tests.made_models import gguf
from tests.support import Installation

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
