"""A worker and its template sandbox know no key: an engine's library, or a template, might pass it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import Installation

SECRETS = {
    "HF_TOKEN": "hf_sEcReT",
    "TABAGENT_SERVER_KEYS": "gpu=sEcReT",
    "AWS_SECRET_ACCESS_KEY": "sEcReT",
    "OPENAI_API_KEY": "sEcReT",
    "LC_API_KEY": "sEcReT",
    "HTTPS_PROXY": "http://me:sEcReT@127.0.0.1:9",
    "LD_PRELOAD": "",
}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc")
def test_s12_workers_start_without_keys(tabagent: Installation) -> None:
    tabagent.environ |= SECRETS
    with tabagent.host() as host:
        host.result("load_model", **tabagent.chaos_model())
        (model,) = host.result("status")["result"]["models"]
        environment = Path(f"/proc/{model['pid']}/environ").read_bytes()
    assert b"sEcReT" not in environment
    assert b"PATH=" in environment
