"""Fields of other servers about how an answer is made: one table for all dialects, and for docs/http.md.

A field of ``MEANINGS`` is obeyed under another name. A field of ``REFUSED`` cannot be obeyed: each value but the listed
ones, which ask for nothing, is refused by name. A field of ``IGNORED`` changes no answer. Any other field that a route
does not declare is refused as unknown: a request is never answered as if a field were not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from native_host.protocol import strict_json
from native_host.protocol.errors import RemoteProtocolError
from native_host.transports.http.failures import Failure
from native_host.transports.http.known_fields import IGNORED, IGNORED_NAMES, REFUSED

Given = dict[str, Any]
Meaning = Callable[[str, Any], Given]
_META = re.compile(r"[\\.+*?()|\[\]{}^$]")


def bad_param(path: str, reason: str) -> Failure:
    """Return the failure for an invalid field."""
    return Failure(400, "bad_param", f"{path}: {reason}.", details={"path": path})


def _schema(name: str, value: Any) -> Given:
    if isinstance(value, str):
        try:
            value = strict_json.loads(value.encode())
        except (RemoteProtocolError, UnicodeEncodeError) as error:
            raise bad_param(name, "is not JSON") from error
    if not isinstance(value, dict):
        raise bad_param(name, "is not a JSON schema")
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": value}}}


def _regex(name: str, value: Any) -> Given:
    return _grammar(name, "regex", value)


def _gbnf(name: str, value: Any) -> Given:
    return _grammar(name, "gbnf", value)


def _grammar(name: str, kind: str, value: Any) -> Given:
    if not isinstance(value, str) or not value:
        raise bad_param(name, "is not a text")
    return {"grammar": {"type": kind, "value": value}}


def _choice(name: str, value: Any) -> Given:
    if not isinstance(value, list) or not value or not all(isinstance(choice, str) and choice for choice in value):
        raise bad_param(name, "is not a list of texts")
    return _regex(name, "|".join(_META.sub(r"\\\g<0>", choice) for choice in value))


def _structured(name: str, value: Any) -> Given:
    asked = {key: part for key, part in value.items() if part} if isinstance(value, dict) else {}
    if len(asked) != 1 or (key := next(iter(asked))) not in _STRUCTURED:
        raise bad_param(name, f"takes one of {', '.join(_STRUCTURED)}")
    return _STRUCTURED[key](f"{name}.{key}", asked[key])


def _object(_: str, value: Any) -> Given:
    return {"response_format": {"type": "json_object"}} if value else {}


def _renamed(name: str) -> Meaning:
    return lambda _, value: {name: value}


def _stop(_: str, value: Any) -> Given:
    return {"stop_sequences": [value] if isinstance(value, str) else value}


_STRUCTURED: dict[str, Meaning] = {
    "json": _schema,
    "regex": _regex,
    "choice": _choice,
    "grammar": _gbnf,
    "json_object": _object,
}
MEANINGS: dict[str, tuple[Meaning, str]] = {
    "repetition_penalty": (_renamed("repeat_penalty"), "`repeat_penalty`"),
    "random_seed": (_renamed("seed"), "`seed`"),
    "n_predict": (_renamed("max_tokens"), "`max_tokens`"),
    "ttl": (_renamed("keep_alive"), "`keep_alive`"),
    "stop": (_stop, "`stop_sequences`, where a route has these"),
    "guided_json": (_schema, "`response_format` with this schema"),
    "json_schema": (_schema, "`response_format` with this schema"),
    "regex": (_regex, "`grammar` of type `regex`"),
    "guided_regex": (_regex, "`grammar` of type `regex`"),
    "guided_choice": (_choice, "`grammar` of type `regex`: one of the texts"),
    "guided_grammar": (_gbnf, "`grammar` of type `gbnf`"),
    "structured_outputs": (_structured, "one of `json`, `regex`, `choice`, `grammar`, `json_object`, as above"),
}


def translated(given: Any, declared: Collection[str]) -> Any:
    """Return a body with the route's own names for fields of other servers.

    Args:
        given: Body of a request, or its options.
        declared: Names of the fields that the route has.

    Raises:
        Failure: A field cannot be obeyed, or is unknown.
    """
    if not isinstance(given, dict):
        return given
    body: Given = {name: value for name, value in given.items() if name in declared}
    if isinstance(body.get("grammar"), str):  # llama.cpp's server
        body |= _gbnf("grammar", body["grammar"])
    for name, value in given.items():
        if name in declared or value is None:
            continue
        for ours, meant in _obeyed(name, value, declared).items():
            if body.get(ours) not in (None, meant):
                raise bad_param(name, f"contradicts another field: both mean {ours}")
            body[ours] = meant
    return body


def _obeyed(name: str, value: Any, declared: Collection[str]) -> Given:
    """Return what a field that the route does not have means in fields that it has."""
    if name in MEANINGS and (meant := MEANINGS[name][0](name, value)).keys() <= set(declared):
        return meant
    if name in REFUSED:
        _refuse(name, value)
    elif name not in IGNORED_NAMES:
        raise bad_param(name[:100], "unknown field; leave it out")
    return {}


def _refuse(name: str, value: Any) -> None:
    empty = isinstance(value, dict | list | str) and not value and name != "web_search_options"
    neutral = REFUSED[name]
    if empty or any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in neutral):
        return
    reason = "is not supported here; leave it out"
    raise bad_param(name, f"{reason}, or {json.dumps(neutral[0])}" if neutral else reason)


def table() -> str:
    """Return the tables of docs/http.md."""
    rows = [f"| `{name}` | {means} |" for name, (_, means) in MEANINGS.items()]
    for name, neutral in sorted(REFUSED.items()):
        values = " or ".join(f"`{json.dumps(value)}`" for value in neutral)
        rows.append(f"| `{name}` | refused{', except ' + values if values else ''} |")
    ignored = [f"| {about} | {', '.join(f'`{name}`' for name in names)} |" for about, names in IGNORED.items()]
    return "\n".join(["| Field | Meaning |", "|---|---|", *rows, "", "| Ignored | Fields |", "|---|---|", *ignored])
