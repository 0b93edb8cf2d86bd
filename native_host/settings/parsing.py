"""Values of settings: from text (variables, flags) and from TOML, and what is wrong with one."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field
from pathlib import Path
from typing import Any

_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#]*)?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[^\s/?#@:*\[\]]+)(:[0-9]{1,5})?", re.IGNORECASE)
_NAMED = ("Mapping[str, str]", "Secrets")
"""Types whose values are never told: a key may stand in one, in ``servers`` by mistake."""
_SERVER_NAME = re.compile(r"(?!ollama$|lm-studio$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SettingsError(ValueError):
    """A setting is unknown or has no such value; the message names where it was set.

    ``variable`` is that of the environment, where one did it.
    """

    def __init__(self, message: str, variable: str | None = None) -> None:
        super().__init__(message)
        self.variable = variable


class UnusablePath(ValueError):
    """A text that no absolute path can be made of; the message says what to give instead."""


def absolute_path(text: str) -> Path:
    """Return ``text`` as an absolute path, ``~`` and ``~user`` replaced by the home directory.

    Raises:
        UnusablePath: there is no such user or home, the working directory is gone, or the path has a NUL.
    """
    if "\0" in text:
        raise UnusablePath(f"{text[:200]!r} is not a path: it contains a NUL character")
    try:
        path = Path(text).expanduser()
        return path if path.is_absolute() else path.absolute()
    except RuntimeError:
        user = Path(text).parts[0]
        raise UnusablePath(f"no home directory is known for {user!r} in {text[:200]!r}; give a full path") from None
    except OSError as error:
        message = f"{text[:200]!r} is relative, and there is no working directory ({error.strerror}); give a full path"
        raise UnusablePath(message) from None


def parse_text(where: str, setting: Field[Any], text: str) -> object:
    """The value that ``text`` means; ``where`` is its variable or flag.

    Raises:
        SettingsError: it has another type.
    """
    parse, what = _FROM_TEXT[str(setting.type)]
    try:
        return parse(text)
    except UnusablePath as error:
        raise SettingsError(f"{where}: {error}") from None
    except (ValueError, KeyError):
        raise _wrong(where, setting, what, text) from None


def parse_toml(where: str, setting: Field[Any], value: object) -> object:
    """The setting's value that a TOML ``value`` means.

    Raises:
        SettingsError: it has another type.
    """
    parse, what = _FROM_TOML[str(setting.type)]
    try:
        return parse(value)
    except UnusablePath as error:
        raise SettingsError(f"{where}: {error}") from None
    except TypeError:
        raise _wrong(where, setting, what, value) from None


def check(where: str, setting: Field[Any], value: Any) -> None:
    """Hold a value of the right type to the setting's bounds.

    Raises:
        SettingsError: it is out of them.
    """
    bounds = setting.metadata
    if "choices" in bounds and value.upper() not in {choice.upper() for choice in bounds["choices"]}:
        raise SettingsError(f"{where} must be one of {', '.join(bounds['choices'])}, not {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{where} must be a finite number, not {value}")
    if "minimum" in bounds and value < bounds["minimum"]:
        raise SettingsError(f"{where} must be at least {bounds['minimum']}, not {value}")
    if "maximum" in bounds and value > bounds["maximum"]:
        raise SettingsError(f"{where} must be at most {bounds['maximum']}, not {value}")
    if "is_address" in bounds and value:
        _check_address(where, value)
    if check_more := _CHECKS.get(setting.name):
        check_more(where, value)


def _wrong(where: str, setting: Field[Any], what: str, value: object) -> SettingsError:
    told = "" if setting.type in _NAMED else f", not {str(value)[:200]!r}"
    return SettingsError(f"{where} must be {what}{told}")


def _check_address(where: str, url: str) -> None:
    if not _ADDRESS.fullmatch(url):
        raise SettingsError(f"{where} must be http(s)://HOST:PORT/PATH; its key goes into server_keys")


def _check_servers(where: str, servers: Mapping[str, str]) -> None:
    for name, url in servers.items():
        if not _SERVER_NAME.fullmatch(name):
            raise SettingsError(f"{where}: {name[:80]!r} cannot be a server's name")
        _check_address(f"{where}: {name}", url)


def _check_keys(where: str, keys: Mapping[str, str]) -> None:
    for name, key in keys.items():
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise SettingsError(f"{where}: the key of {name[:80]!r} has characters that no header carries")


def _check_origins(where: str, origins: tuple[str, ...]) -> None:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(f"{where}: {origin[:200]!r} is no origin; give scheme://host or scheme://host:port")


def _check_token_file(where: str, file: str) -> None:
    if file:
        try:
            absolute_path(file)
        except UnusablePath as error:
            raise SettingsError(f"{where}: {error}") from None


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "servers": _check_servers,
    "server_keys": _check_keys,
    "http_origins": _check_origins,
    "http_token_file": _check_token_file,
}


def _named(text: str) -> dict[str, str]:
    """``name=value,…``; a value may hold ``=``. What ends in one has no value: it may be a key without its name."""
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    if not all(value.strip() for _, _, value in pairs):
        raise ValueError
    return {name.strip(): value.strip() for name, _, value in pairs}


_FROM_TEXT: dict[str, tuple[Callable[[str], object], str]] = {
    "float": (float, "a number"),
    "int": (int, "a whole number"),
    "bool": (lambda text: _BOOLEANS[text.lower()], "true or false"),
    "Path": (absolute_path, "a path"),
    "tuple[Path, ...]": (lambda text: tuple(absolute_path(it) for it in text.split(os.pathsep) if it), "paths"),
    "tuple[str, ...]": (lambda text: tuple(part for part in text.split(",") if part), "names"),
    "str": (str, "text"),
    "Mapping[str, str]": (_named, "name=address,…"),
    "Secrets": (_named, "name=key,…"),
}


def _only(kind: type) -> Callable[[object], Any]:
    def parse(value: object) -> object:
        if type(value) is not kind:
            raise TypeError
        return value

    return parse


def _number(value: object) -> float:
    return float(value if type(value) is int else _only(float)(value))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_only(str)(it) for it in _only(list)(value))


def _table(value: object) -> dict[str, str]:
    return {name: _only(str)(it) for name, it in _only(dict)(value).items()}


_FROM_TOML: dict[str, tuple[Callable[[object], object], str]] = {
    "float": (_number, "a number"),
    "int": (_only(int), "a whole number"),
    "bool": (_only(bool), "true or false"),
    "Path": (lambda value: absolute_path(_only(str)(value)), "a path in quotes"),
    "tuple[Path, ...]": (lambda value: tuple(absolute_path(it) for it in _texts(value)), "a list of paths in quotes"),
    "tuple[str, ...]": (_texts, "a list of names in quotes"),
    "str": (_only(str), "text in quotes"),
    "Mapping[str, str]": (_table, "a table of names and addresses"),
    "Secrets": (_table, "a table of names and keys"),
}
