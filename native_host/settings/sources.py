"""Where settings come from: flags, the environment, ``config.toml``, defaults. The first that names one decides it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from native_host.settings.parsing import SettingsError, UnusablePath, absolute_path, check, parse_text, parse_toml
from native_host.settings.schema import Settings, runtime_dir_of_last_resort

FILE = "config.toml"

_PREFIX = "TABAGENT_"
_READ_BY_OTHERS = ("TABAGENT_BUILD_", "TABAGENT_CPU_VARIANT", "TABAGENT_TEST_")
"""Variables, or their prefixes, that the Rust wheel, its build and the tests read."""
_OF_WORKERS = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_", "TZ", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "XDG_"),
    *("LD_LIBRARY_PATH", "DYLD_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "RUST_BACKTRACE"),
    *("OMP_", "KMP_", "MKL_", "OPENBLAS_", "GOMP_", "GGML_", *_READ_BY_OTHERS),
)
"""Variables, or their prefixes, of the system and of the libraries that engines use."""
_OF_THE_BROKER = ("TABAGENT_RUNTIME_DIR",)
"""Tells in a list of processes which broker a worker belongs to."""
_OF_THE_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_")
_SECRETS = ("TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIAL")
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


def worker_environment(*, network: bool) -> dict[str, str]:
    """Return the variables that a worker needs; keys and tokens are not among them.

    ``network``: the worker talks to a server, perhaps through a proxy.
    """
    names = (*_OF_WORKERS, *_OF_THE_BROKER, *(_OF_THE_NETWORK if network else ()))
    return {
        name: value for name, value in os.environ.items() if name.upper().startswith(names) and not _is_secret(name)
    }


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
    return Resolved(
        _with_home(Settings(**values)), {name: origins.get(name, Origin("default")) for name in known}, file
    )


def resolve_directories(environ: Mapping[str, str] = os.environ) -> Resolved:
    """The directories of the environment, and defaults: for what must work while another setting is wrong.

    Raises:
        SettingsError: one of the directories has no such value.
    """
    named = {name: environ.get(variable_of(name)) for name in _DIRECTORIES}
    values: dict[str, Any] = {}
    for name, text in named.items():
        try:
            values[name] = absolute_path(text) if text else _default_directory(name)
        except UnusablePath as error:
            raise SettingsError(f"{variable_of(name)}: {error}", variable_of(name)) from None
    origins = {it.name: Origin("default") for it in fields(Settings)}
    origins |= {name: Origin("environment", variable_of(name)) for name, text in named.items() if text}
    return Resolved(_with_home(Settings(**values)), origins, values["config_dir"] / FILE)


def _with_home(settings: Settings) -> Settings:
    """Return the settings if defaults that lie in the home directory are absolute.

    Raises:
        SettingsError: no home directory is known.
    """
    directories = [*(getattr(settings, name) for name in _DIRECTORIES), *settings.tool_model_dirs, settings.ollama_dir]
    for directory in directories:
        if not directory.is_absolute():
            raise _no_home(str(directory))
    return settings


def _no_home(what: str) -> SettingsError:
    message = (
        f"no home directory is known for {what}: HOME is not an absolute path, and user {os.getuid()} has no entry in "
        "the user database; set HOME to a full path"
    )
    return SettingsError(message, "HOME")


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return f"{_PREFIX}{name.upper()}"


def _is_secret(variable: str) -> bool:
    return any(word in variable.upper() for word in _SECRETS)


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
    try:
        path: Path = getattr(dirs, f"user_{name.removesuffix('_dir')}_path")
    except RuntimeError:  # platformdirs takes absolute values of HOME and XDG variables, then the user database
        raise _no_home(name) from None
    return path
