"""docs/http.md tells the status of every code that has one of its own, and every code of HTTP alone."""

from __future__ import annotations

import re
from pathlib import Path

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.transports.http import app
from native_host.transports.http.failures import Failure

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "http.md"
WITHOUT_A_BODY = {"preflight", "client_gone"}


def test_statuses() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    told = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    real = {code.value: Failure.of(TabAgentError(code, "")).status for code in ErrorCode}
    assert told == {code: status for code, status in real.items() if status != 400}


def test_codes_of_http_alone() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "native_host/transports/http").rglob("*.py")]
    raised = {code for text in sources for code in re.findall(r'Failure\(\s*\d{3},\s*"(\w+)"', text)}
    codes = raised | {*app._CODES.values(), "bad_request"}
    assert {"host_refused", "not_found"} <= codes
    assert codes - set(re.findall(r"`(\w+)`", PAGE.read_text())) - {code.value for code in ErrorCode} == WITHOUT_A_BODY
