"""What goes wrong between us and a server, as errors with a code and with what to do. A key is in none of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from backends.contract import EngineError, Server
from backends.http.fields import parse
from native_host.protocol.strict_json import clean

SHOWN = 200
"""Characters of a server's words that an error repeats."""
_READ = 64 * 1024
"""Characters of a server's words that are looked at."""
NAMED = 8
"""Models that an error names."""

_OVERFLOW = re.compile(
    r"exceed_context|context_length_exceeded|(?:exceed|maximum|too long|overflow).{0,60}context"
    r"|context.{0,40}(?:exceed|overflow|too (?:long|small))",
    re.IGNORECASE | re.DOTALL,
)
_PROMPT_TOKENS = re.compile(
    r"n_prompt_tokens\D{1,5}(\d{1,12})\b|\((\d{1,12}) tokens\)|(?:requested|resulted in|has) (\d{1,12}) tokens"
)
_CONTEXT_LENGTH = re.compile(r"n_ctx\D{1,5}(\d{1,12})\b|context (?:length|size|window)(?: is| of)? \(?(\d{1,12})\b")


class ServerErrors:
    """Makes errors about one server. ``failed``: the code of what has no better one."""

    def __init__(self, server: Server, failed: str) -> None:
        self._server = server
        self.failed = failed
        self.who = f"{server.name} at {server.url}"

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """The HTTP library's errors as ours.

        Raises:
            EngineError: ``engine_unavailable``, ``engine_timeout``, or ``failed``.
        """
        try:
            yield
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            why = self._words(str(error)) or "timed out"
            raise self.error(
                "engine_unavailable", f"{self.who} does not answer ({why}). Start it, or change its address."
            ) from error
        except httpx2.TimeoutException as error:
            seconds = self._server.stall_s
            raise self.error(
                "engine_timeout", f"{self.who} sent nothing for {seconds:.0f} s. See whether it is stuck."
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            what = self._words(str(error)) or type(error).__name__
            raise self.error(self.failed, f"{self.who} ended the connection in the middle: {what}.") from error

    def error(self, code: str, message: str, /, **details: Any) -> EngineError:
        """An error that names the server."""
        return EngineError(code, message, server=self._server.name, url=self._server.url, **details)

    def stranger(self, user: int) -> EngineError:
        """Another person's program listens where the server usually is. ``user``: the uid, or -1 where it hides."""
        who = f"of the user {user}" if user >= 0 else "of nobody who can be told"
        name, url = self._server.name, self._server.url
        return self.error(
            "engine_unavailable",
            f"{self.who} is a program {who} of this machine, and is sent nothing. If it is meant to be used, set it "
            f"as a server: TABAGENT_SERVERS=shared-{name}={url}",
        )

    def refusal(self, status: int, body: str, location: str = "") -> EngineError:
        """What the server's status, and its words, mean."""
        said = self._words(_message(body))
        details: dict[str, Any] = {"status": status}
        code, message = self.failed, f"{self.who} answered {status}: {said}"
        if status in (401, 403):
            lacking = "the key" if self._server.key else "requests without a key"
            hint = f"Set its key: TABAGENT_SERVER_KEYS={self._server.name}=KEY"
            code, message = "engine_unavailable", f"{self.who} refuses {lacking} ({status}). {hint}"
        elif 300 <= status < 400:
            target = self._words(urlsplit(location).netloc) or "another address"
            message = f"{self.who} sends us to {target}, which is not followed. Set the address you mean."
        elif status in (400, 413, 422, 500) and _OVERFLOW.search(body):
            code, message = "context_overflow", f"{self.who}: {said}"
            details |= _overflow_numbers(body)
        elif status == 404 and "model" in body.lower():
            code, message = "model_not_found", f"{self.who}: {said}"
        elif status in (404, 405, 501):
            code, message = "unsupported_task", f"{self.who} does not do this ({status}): {said}"
        elif status in (429, 503):
            code, message = "busy", f"{self.who} is busy ({status}): {said} Try again."
        return self.error(code, message, **details)

    def nonsense(self, body: str, wanted: str) -> EngineError:
        """It answered, but not with what it should."""
        said = self._words(body)
        return self.error(self.failed, f"{self.who} did not answer with {wanted}. It said: {said!r}")

    def no_such_model(self, model: str, models: Sequence[str]) -> EngineError:
        """The server has others."""
        others = ", ".join(sorted(models)[:NAMED]) or "none at all"
        return self.error(
            "model_not_found", f"{self.who} has no model {model[:SHOWN]!r}. It has: {self._words(others)}."
        )

    def too_long(self, limit: int) -> EngineError:
        """An answer exceeds ``limit`` bytes."""
        return self.error(self.failed, f"{self.who} sent more than {limit // 2**20} MiB. Ask for less.")

    def cut(self) -> EngineError:
        """An answer ended before its end."""
        return self.error(self.failed, f"{self.who} ended its answer in the middle. Ask again.")

    def reported(self, error: Any) -> EngineError:
        """An error inside an answer that had begun."""
        body = json.dumps({"error": error}, ensure_ascii=False)
        code = error.get("code") if isinstance(error, dict) else None
        return self.refusal(code if isinstance(code, int) and 400 <= code < 600 else 500, body)

    def _words(self, text: str) -> str:
        """The beginning of what somebody said, on one line, without the key."""
        text = text[:_READ]
        if self._server.key:
            text = text.replace(self._server.key, "…")
        return clean(" ".join(text.split())[:SHOWN])


def _message(body: str) -> str:
    """The sentence in an error's body, in any of the usual shapes; else all of it."""
    found = parse(body)
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else body


def _overflow_numbers(body: str) -> dict[str, int]:
    found = {"prompt_tokens": _PROMPT_TOKENS.search(body), "context_length": _CONTEXT_LENGTH.search(body)}
    return {name: int(next(filter(None, match.groups()))) for name, match in found.items() if match}
