"""Where settings come from: flags, the environment, ``config.toml``, defaults. The first that names one decides it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from native_host.settings.parsing import SettingsError, check, parse_text, parse_toml
from native_host.settings.schema import Settings, runtime_dir_of_last_resort

FILE = "config.toml"

_PREFIX = "TABAGENT_"
_READ_BY_OTHERS = ("TABAGENT_BUILD_", "TABAGENT_CPU_VARIANT", "TABAGENT_TEST_")
"""Variables, or their prefixes, that the Rust wheel, its build and the tests read."""
_DIRECTORIES = ("config_dir", "data_dir", "state_dir", "cache_dir", "runtime_dir")


@dataclass(frozen=True, slots=True)
class Origin:
    """What decided a setting. ``where`` is the flag, the variable or the file; empty for a default."""

    kind: Literal["flag", "environment", "file", "default"]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, the origin of each by name, and the file that was or would be read."""

    settings: Settings
    origins: Mapping[str, Origin]
    file: Path


def environment() -> Mapping[str, str]:
    """The process's environment, for those who must hand it on."""
    return os.environ


def load_settings(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings. ``flags`` are values by name; None is a flag that was not given.

    Raises:
        SettingsError: one is unknown, of another type or out of bounds, or the file cannot be read.
    """
    return resolve(flags, environ).settings


def resolve(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Resolved:
    """The settings, and what decided each; see ``load_settings``."""
    known = {it.name: it for it in fields(Settings)}
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}

    def decide(name: str, value: Any, origin: Origin) -> None:
        if name not in values:
            check(_named_in(origin, name), known[name], value)
            values[name], origins[name] = value, origin

    for name, value in (flags or {}).items():
        if value is not None:
            decide(name, value, Origin("flag", f"--{name.replace('_', '-')}"))
    _refuse_unknown_variables(environ, known)
    for name, setting in known.items():
        for variable, text in _variables(setting, environ):
            try:
                decide(name, parse_text(variable, setting, text), Origin("environment", variable))
            except SettingsError as error:
                raise SettingsError(str(error), variable) from None
    if "config_dir" not in values:
        decide("config_dir", _default_directory("config_dir"), Origin("default"))
    file = values["config_dir"] / FILE
    for name, value in _read(file, known).items():
        decide(name, value, Origin("file", str(file)))
    for name in _DIRECTORIES:
        if name not in values:
            decide(name, _default_directory(name), Origin("default"))
    return Resolved(Settings(**values), {name: origins.get(name, Origin("default")) for name in known}, file)


def resolve_directories(environ: Mapping[str, str] = os.environ) -> Resolved:
    """The directories of the environment, and defaults: for what must work while another setting is wrong."""
    named = {name: environ.get(variable_of(name)) for name in _DIRECTORIES}
    values: dict[str, Any] = {
        name: Path(text).expanduser().absolute() if text else _default_directory(name) for name, text in named.items()
    }
    origins = {it.name: Origin("default") for it in fields(Settings)}
    origins |= {name: Origin("environment", variable_of(name)) for name, text in named.items() if text}
    return Resolved(Settings(**values), origins, values["config_dir"] / FILE)


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"{_PREFIX}{name.upper()}"


def _named_in(origin: Origin, name: str) -> str:
    return f"{origin.where}: {name}" if origin.kind == "file" else origin.where or name


def _variables(setting: Field[Any], environ: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Those that name it, and their text. An empty one counts as absent, unless empty means something."""
    for variable in (variable_of(setting.name), setting.metadata.get("alias")):
        text = environ.get(variable) if variable else None
        if text or (text == "" and "may_be_empty" in setting.metadata):
            yield str(variable), text
    if setting.name == "color" and environ.get("NO_COLOR"):
        yield "NO_COLOR", "never"


def _refuse_unknown_variables(environ: Mapping[str, str], known: Iterable[str]) -> None:
    variables = {variable_of(name) for name in known}
    for variable in sorted(environ):
        if variable.startswith(_PREFIX) and variable not in variables and not variable.startswith(_READ_BY_OTHERS):
            raise SettingsError(f"{variable} is no setting{_nearest(variable, variables)}", variable)


def _read(file: Path, known: Mapping[str, Field[Any]]) -> dict[str, object]:
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    import tomllib  # noqa: PLC0415  # the host must start fast, and most installations have no such file

    try:
        document = tomllib.loads(text.decode("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file} is no TOML: {error}") from error
    for name in document:
        if name not in known:
            raise SettingsError(f"{file}: {name} is no setting{_nearest(name, known)}")
    if "config_dir" in document:
        raise SettingsError(f"{file}: config_dir says where this file lies; set {variable_of('config_dir')} instead")
    return {name: parse_toml(f"{file}: {name}", known[name], value) for name, value in document.items()}


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415  # only for who misspelt

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; docs/configuration.md lists them all"


def _default_directory(name: str) -> Path:
    from platformdirs import PlatformDirs  # noqa: PLC0415  # the host must start fast, and often needs none of it

    dirs = PlatformDirs("tabagent", appauthor=False)
    if name == "runtime_dir" and not os.environ.get("XDG_RUNTIME_DIR"):
        return runtime_dir_of_last_resort()
    path: Path = getattr(dirs, f"user_{name.removesuffix('_dir')}_path")
    return path
