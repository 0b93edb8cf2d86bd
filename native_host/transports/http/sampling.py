"""What every dialect can say of how an answer is made, and its way into the protocol's ``options``.

Beside its own fields each dialect takes TabAgent's: ``top_k``, ``min_p``, ``repeat_penalty``, ``engine``,
``keep_alive``, ``context_length``. Bounds are the protocol's; what is out of them is told by its name there.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, model_validator

from native_host.protocol.limits import MAX_TOKENS
from native_host.protocol.messages.base import Message
from native_host.protocol.messages.requests import MAX_LOGPROBS, Grammar, ResponseFormat
from native_host.transports.http.fields import bad_param, translated

__all__ = ["DialectBody", "Sampling", "bad_param", "options_of", "refuse", "seconds", "seed_of", "stops"]

MAX_SEED = 2**32 - 1
NO_LIMIT = -1
"""As ``max_tokens``: the context alone ends an answer. LM Studio and llama.cpp's clients send it by default."""
MAX_DURATION_CHARACTERS = 64
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"([+-]?)(?:({_NUMBER})|((?:{_PART.pattern})+))", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class DialectBody(Message):
    """Body of a request; fields of other servers are obeyed or refused, see ``fields``."""

    @model_validator(mode="before")
    @classmethod
    def _with_known_fields(cls, given: Any) -> Any:
        return translated(given, cls.model_fields)


class Sampling(DialectBody):
    """Fields that have the same name everywhere."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    engine: str | None = Field(default=None, description="`auto`, `fallback`, or an engine's name.")
    keep_alive: float | str | None = Field(
        default=None,
        description="How long the model stays loaded: seconds, or `10m`, `1h30m`; 0: not at all; -1: for ever.",
    )
    context_length: int | None = Field(default=None, description="Tokens, where this request loads the model.")
    response_format: ResponseFormat | None = None
    grammar: Grammar | None = None


def options_of(body: Sampling, **more: Any) -> dict[str, Any]:
    """Return the protocol's ``options``; what is None is left to its default.

    A ``max_tokens`` of -1 asks for no limit but the context; it and a larger number than the protocol takes become the
    largest that it takes.
    """
    if more.get("max_tokens") is not None:
        most = MAX_LOGPROBS // (max(0, more.get("top_logprobs") or 0) + 1) if more.get("logprobs") else MAX_TOKENS
        more["max_tokens"] = _limit(more["max_tokens"], most)
    form = body.response_format and body.response_format.model_dump(mode="json", by_alias=True, exclude_none=True)
    if form and more.get("response_format"):
        raise bad_param("response_format", "contradicts another field: both are the form of the answer")
    more["response_format"] = more.get("response_format") or form
    options = {
        "grammar": body.grammar and body.grammar.model_dump(),
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
        "min_p": body.min_p,
        "repeat_penalty": body.repeat_penalty,
        "seed": None if body.seed is None else body.seed % MAX_SEED,
        "keep_alive": seconds(body.keep_alive),
        "context_length": body.context_length,
        **more,
    }
    return {name: value for name, value in options.items() if value is not None}


def _limit(max_tokens: int, most: int) -> int:
    return most if max_tokens == NO_LIMIT else min(max_tokens, most)


def seconds(keep_alive: float | str | None) -> float | None:
    """A duration in seconds, from a number or Go's form (``1h30m``, ``300ms``); whatever is below 0 is for ever.

    Raises:
        Failure: it is none.
    """
    if keep_alive is None or not isinstance(keep_alive, str):
        value = keep_alive
    elif len(keep_alive) <= MAX_DURATION_CHARACTERS and (found := _DURATION.fullmatch(keep_alive.strip())):
        parts = _PART.findall(found[3] or "") or [(found[2], "s")]
        value = sum(float(number) * _SECONDS[unit] for number, unit in parts) * (-1 if found[1] == "-" else 1)
    else:
        raise bad_param("keep_alive", f"{keep_alive[:40]!r} is no duration, such as 10m, 1h30m or 300")
    return -1.0 if value is not None and value < 0 else value


def seed_of(options: dict[str, Any], index: int) -> dict[str, int]:
    """The seed of one of several answers, where there is any."""
    return {"seed": (options["seed"] + index) % MAX_SEED} if "seed" in options else {}


def stops(stop: str | list[str] | None) -> list[str] | None:
    """Stop sequences; empty ones stop nothing."""
    if stop is None:
        return None
    return [it for it in ([stop] if isinstance(stop, str) else stop) if it]


def refuse(body: Message, *names: str) -> None:
    """Refuse fields that ask for what is not there; one that asks for nothing (0, empty, null) is let pass.

    Raises:
        Failure: 400, with the field's name.
    """
    for name in names:
        if getattr(body, name):
            raise bad_param(name, "is not supported here; leave it out")
