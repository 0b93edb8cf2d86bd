"""Messages larger than a browser takes: split into ``chunk`` events by encoded bytes, and rejoined.

Escaping makes text grow when it becomes a JSON string again (a quote twofold, a control character sixfold), so a part
is measured as it will be written, not as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from native_host.protocol import strict_json
from native_host.protocol.errors import ErrorCode, RemoteProtocolError

MAX_CHUNK_FRAME = 768 * 1024
_ENVELOPE = 512  # bytes for the fields around ``data``; an id takes at most 128 bytes, escaped sixfold at the worst
_WORST_GROWTH = 6


def split(payload: bytes, request_id: int | str | None) -> Iterator[bytes]:
    """Payloads of the ``chunk`` events that carry ``payload``."""
    text = payload.decode("utf-8")
    budget = MAX_CHUNK_FRAME - _ENVELOPE - _WORST_GROWTH * 128
    start = seq = 0
    while start < len(text) or seq == 0:
        end = _end_of_part(text, start, budget)
        yield strict_json.dumps(
            {
                "id": request_id,
                "event": "chunk",
                "seq": seq,
                "last": end >= len(text),
                "data": text[start:end],
            }
        )
        start, seq = end, seq + 1


def _end_of_part(text: str, start: int, budget: int) -> int:
    """The largest end for which ``text[start:end]`` fits, within a twentieth of the budget."""
    end = min(len(text), start + budget)
    while (size := len(strict_json.dumps(text[start:end]))) > budget:
        end = start + max(1, (end - start) * budget // size * 19 // 20)
    return end


class Rejoiner:
    """Collects ``chunk`` events per request until the message is whole."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: dict[int | str | None, list[str]] = {}
        self._sizes: dict[int | str | None, int] = {}

    def add(self, event: dict[str, Any]) -> bytes | None:
        """The whole message once its last part is there.

        Raises:
            RemoteProtocolError: ``bad_request`` for a part out of order, or a message above ``max_bytes``.
        """
        request_id, data = event["id"], event.get("data")
        parts = self._parts.setdefault(request_id, [])
        if event.get("seq") != len(parts) or not isinstance(data, str):
            self.forget(request_id)
            raise RemoteProtocolError(ErrorCode.BAD_REQUEST, "A chunk is out of order.", seq=event.get("seq"))
        parts.append(data)
        size = self._sizes[request_id] = self._sizes.get(request_id, 0) + len(data)
        if size > self._max_bytes:
            self.forget(request_id)
            raise RemoteProtocolError(ErrorCode.BAD_REQUEST, "A message in chunks is too large.", size=size)
        if not event.get("last"):
            return None
        self.forget(request_id)
        return "".join(parts).encode("utf-8")

    def forget(self, request_id: int | str | None) -> None:
        """Drop what was collected for a request."""
        self._parts.pop(request_id, None)
        self._sizes.pop(request_id, None)
