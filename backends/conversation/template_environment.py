"""The Jinja environment of chat templates: filters, tags, globals and variables of Transformers' own.

Chat templates are written and tested against ``apply_chat_template`` of Transformers, so this environment offers the
same names with the same arguments: <https://github.com/huggingface/transformers/blob/main/src/transformers/utils/
chat_template_utils.py> (5.23). The template sandbox imports this module; it imports nothing heavier than Jinja.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

DEFAULTS: dict[str, Any] = {"tools": None, "documents": None}
"""Variables that every template gets; a conversation replaces them."""


def environment() -> ImmutableSandboxedEnvironment:
    """Return a new environment."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlocks, loopcontrols]
    )
    made.filters["tojson"] = _to_json
    made.globals |= {
        "raise_exception": _raise,
        "strftime_now": _now,
        "dict": _Dictionaries(),
        "namespace": _PublicNamespace,
    }
    return made


class GenerationBlocks(Extension):
    """The tag ``{% generation %}``, which marks the assistant's tokens for training. It renders its body."""

    tags = {"generation"}  # noqa: RUF012  # as the base class declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse a block into a call, as Transformers does: its body has a scope of its own."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller: Macro) -> str:
        return caller()


class _Dictionaries:
    """The global ``dict``, without the attributes of the type."""

    def __call__(self, *args: Any, **values: Any) -> dict[Any, Any]:
        return dict(*args, **values)

    def fromkeys(self, keys: Iterable[Any], value: Any = None) -> dict[Any, Any]:
        return dict.fromkeys(keys, value)


class _PublicNamespace(Namespace):
    """The global ``namespace``. Names with a leading underscore are refused."""

    def __init__(*args: Any, **values: Any) -> None:  # as in Jinja: ``self`` may be a name in ``values``
        self, *rest = args
        attributes = dict(*rest, **values)
        for name in attributes:
            _refuse_private(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)


def _refuse_private(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"A namespace cannot have the attribute {name!r}: names begin without an underscore.")


def _to_json(
    x: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002  # templates may give it by position
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    """Return JSON without HTML escapes."""
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(format: str) -> str:  # noqa: A002  # the name by which templates give it
    return datetime.now().strftime(format)  # local time without a zone, as Transformers has it
