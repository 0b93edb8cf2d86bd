from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tabagent_harness.http_process import HttpProcess
from tabagent_weights import minilm
from tests.support import MODEL, Installation

if TYPE_CHECKING:
    import openai


@pytest.fixture(scope="module")
def http(shared: Installation) -> Iterator[HttpProcess]:
    """One HTTP server for all tests of a module."""
    with HttpProcess(shared) as process:
        yield process


@pytest.fixture(scope="module")
def talking(http: HttpProcess) -> HttpProcess:
    """The same server with the real language model loaded."""
    http.post("/tabagent/v1/load_model", model=MODEL, options={"keep_alive": -1}).raise_for_status()
    return http


@pytest.fixture(scope="module")
def real(talking: HttpProcess) -> HttpProcess:
    """The same server with MiniLM and a reranker on disk as ``minilm`` and ``reranker``."""
    models = talking.installation.models
    shutil.copytree(minilm.onnx_int8().parent, models / "minilm")
    shutil.copytree(minilm.onnx_classifier(labels=1).parent, models / "reranker")
    return talking


@pytest.fixture(scope="module")
def client(real: HttpProcess) -> Iterator[openai.OpenAI]:
    """OpenAI's client; the modules of other dialects have one of their own by this name."""
    import openai  # noqa: PLC0415  # 1.3 s, which most modules of this folder do without

    with openai.OpenAI(base_url=f"{real.address}/v1", api_key=real.token, max_retries=0, timeout=120) as it:
        yield it
