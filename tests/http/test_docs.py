"""docs/http.md tells the status of every code that has one of its own."""

from __future__ import annotations

import re
from pathlib import Path

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.transports.http.failures import Failure

PAGE = Path(__file__).parents[2] / "docs" / "http.md"


def test_statuses() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    real = {code.value: Failure.of(TabAgentError(code, "")).status for code in ErrorCode}
    assert told == {code: status for code, status in real.items() if status != 400}
