"""The environment of the processes under test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.terminal import Cli
from tests.support import Installation, processes

VARIANT = "TABAGENT_CPU_VARIANT"


def test_the_cpu_variant_of_the_caller_reaches_every_process(
    install: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIANT, "x64")
    monkeypatch.setenv("TABAGENT_THREADS", "7")
    cli = Cli(installation := install())
    with installation.host() as host:
        assert host.result("hardware")["result"]["cpu"]["variant"] == "x64"
        assert host.result("load_model", **installation.chaos_model())["event"] == "done"
        ours = [
            it for it in processes() if it.environ.get("TABAGENT_RUNTIME_DIR") == str(installation.root / "runtime")
        ]
        assert len(ours) >= 3, "host, broker, worker"
        assert {it.environ.get(VARIANT) for it in ours} == {"x64"}
        assert not [it for it in ours if "TABAGENT_THREADS" in it.environ]
    assert cli.environ[VARIANT] == "x64"
