"""PROTOCOL.md says what the code does: codes, actions, options, limits."""

from __future__ import annotations

import json
import re
from pathlib import Path

from native_host.protocol import chunks, connection, framing, large_json
from native_host.protocol.errors import RETRYABLE, ErrorCode
from native_host.protocol.messages.requests import REQUESTS, GenerateOptions, LoadOptions
from native_host.protocol.messages.results import RESULTS

TEXT = (Path(__file__).parents[2] / "PROTOCOL.md").read_text(encoding="utf-8")


def test_error_codes_and_their_retryable_flags() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| .* \| (yes|no) \|$", TEXT, re.MULTILINE)
    assert dict(rows) == {code.value: "yes" if code in RETRYABLE else "no" for code in ErrorCode}
    assert [code for code, _ in rows] == [code.value for code in ErrorCode], "codes are append-only, in one order"


def test_actions() -> None:
    assert re.findall(r"^### `([a-z_]+)`", TEXT, re.MULTILINE) == list(REQUESTS)


def section(action: str) -> str:
    return TEXT.split(f"### `{action}`", 1)[1].split("\n##", 1)[0]


def test_every_field_of_requests_and_results_is_named() -> None:
    for action, model in REQUESTS.items():
        text = section(action) + section("chat")
        for field in set(model.model_fields) - {"id", "action"}:
            assert f"`{field}`" in text, f"{action}: {field}"
        for field in RESULTS[action].model_fields:
            assert f"`{field}`" in text, f"{action} → {field}"


def test_options_and_their_defaults() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| .* \| `?([^|`]*)`? \|$", section("chat"), re.MULTILINE))
    own = set(GenerateOptions.model_fields) - set(LoadOptions.model_fields) - {"seed", "response_format", "grammar"}
    assert set(rows) == own
    for name in own:
        assert json.dumps(GenerateOptions.model_fields[name].default) == rows[name].strip()


def test_limits() -> None:
    for limit in (framing.MAX_FRAME_TO_HOST, framing.MAX_REQUEST, framing.MAX_FRAME_TO_BROWSER):
        assert f"{limit:,} bytes" in TEXT
    for limit in (large_json.REQUEST.values, large_json.REQUEST.structures, large_json.REQUEST.escapes):
        assert f"in a request | {limit:,} | `bad_json` |" in TEXT
    assert f"up to {large_json.MAX_REPAIRED_BYTES // 2**20} MiB" in TEXT
    assert f"at most {large_json.MAX_HEX_ESCAPES:,} `\\u` escapes" in TEXT
    assert f"| JSON nesting | {large_json.MAX_DEPTH} |" in TEXT
    assert f"| requests in flight per connection | {connection.MAX_IN_FLIGHT} |" in TEXT
    assert f"at most {chunks.MAX_CHUNK_FRAME // 1024} KiB" in TEXT
    assert f"at most {large_json.MAX_INTEGER_DIGITS} digits" in TEXT
