"""schemathesis against the schema that is checked in: whatever is sent, no answer is a defect of ours (5xx)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tabagent_harness.http_process import HttpProcess
from tests.fake_hub import FakeHub
from tests.support import Installation

SCHEMA = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("phases", "examples"), [("fuzzing", 2), pytest.param("coverage,fuzzing", 20, marks=pytest.mark.long)]
)
def test_nothing_that_is_sent_makes_it_fail(
    phases: str, examples: int, install: Callable[..., Installation], tmp_path: Path
) -> None:
    with FakeHub() as hub, HttpProcess(install(hub_endpoint=hub.url)) as http:
        command = [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", str(SCHEMA), "--url", http.address),
            *("--header", f"Authorization: Bearer {http.token}", "--checks", "not_a_server_error"),
            *("--phases", phases, "--max-examples", str(examples), "--seed", "1"),
            *("--request-timeout", "20", "--suppress-health-check", "all", "--no-color"),
        ]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
        assert http.client.get("/healthz").status_code == 200
        assert "Traceback" not in http.stderr
