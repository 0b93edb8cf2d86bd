"""Settings: one frozen object, and the only module that reads the environment.

Every directory can be moved by its variable, so tests and a second installation touch nothing of the first.
Directories default to what the platform uses; see ``docs/settings.md`` for the list.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from native_host import __version__

_HOME = Path("~").expanduser()
_MAX_SOCKET_PATH = 100  # sun_path has 108 bytes on Linux, 104 on macOS
_SERVER_NAME = re.compile(r"(?!ollama$|lm-studio$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#]*)?")

Secrets = Mapping[str, str]
"""By name. What is wrong with one is said without it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set. Times are seconds; an empty address switches its server off."""

    config_dir: Path
    data_dir: Path
    state_dir: Path
    cache_dir: Path
    runtime_dir: Path
    model_dirs: tuple[Path, ...] = ()
    tool_model_dirs: tuple[Path, ...] = (
        _HOME / ".lmstudio" / "models",
        _HOME / ".cache" / "lm-studio" / "models",
        _HOME / ".cache" / "llama.cpp",
    )
    ollama_dir: Path = _HOME / ".ollama" / "models"
    extension_ids: tuple[str, ...] = ()
    default_model: str = "smollm2-135m"
    keep_alive_s: float = 300.0
    idle_exit_s: float = 10.0
    load_stall_s: float = 120.0
    generation_stall_s: float = 120.0
    cancel_grace_s: float = 5.0
    coalesce_ms: float = 33.0
    memory_limit_mb: int = 0
    threads: int = 0
    parallel: int = 4
    hub_endpoint: str = "https://huggingface.co"
    ollama_url: str = "http://127.0.0.1:11434"
    lm_studio_url: str = "http://127.0.0.1:1234"
    servers: Mapping[str, str] = field(default_factory=dict)
    server_keys: Secrets = field(default_factory=dict, repr=False)
    onnx_use_rust: bool = False
    litert_use_rust: bool = False
    log_level: str = "INFO"

    @property
    def socket_path(self) -> Path:
        """The broker's socket. Its name carries the version: an upgraded host starts a broker of its own."""
        path = self.runtime_dir / f"broker-{__version__}.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(f"{_runtime_dir_of_last_resort()}-{digest}") / "broker.sock"

    @property
    def log_dir(self) -> Path:
        """Where the broker writes its log."""
        return self.state_dir / "logs"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings from ``TABAGENT_*`` variables over the defaults.

        Raises:
            ValueError: a variable does not have the type of its setting; the message names it.
        """
        values: dict[str, object] = {
            it.name: _parse(variable, str(it.type), text)
            for it in fields(cls)
            if (text := environ.get(variable := f"TABAGENT_{it.name.upper()}"))
            or (text == "" and it.name in _MAY_BE_EMPTY)
        }
        if "hub_endpoint" not in values and environ.get("HF_ENDPOINT"):
            values["hub_endpoint"] = environ["HF_ENDPOINT"]
        values.update(_default_dirs(set(_DIRECTORIES) - values.keys()))
        settings = cls(**values)  # type: ignore[arg-type]  # every value was parsed by its field's type
        _check_servers(settings)
        return settings


def environment() -> Mapping[str, str]:
    """The process's environment, for those who must hand it on."""
    return os.environ


def _named(text: str) -> dict[str, str]:
    """``name=value,…``; a value may hold ``=``."""
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    if any(not equals for _, equals, _ in pairs):
        raise ValueError
    return {name.strip(): value.strip() for name, _, value in pairs}


_MAY_BE_EMPTY = ("ollama_url", "lm_studio_url")
_DIRECTORIES = ("config_dir", "data_dir", "state_dir", "cache_dir", "runtime_dir")
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "float": (float, "a number"),
    "int": (int, "a whole number"),
    "bool": (lambda text: _BOOLEANS[text.lower()], "true or false"),
    "Path": (lambda text: Path(text).expanduser(), "a path"),
    "tuple[Path, ...]": (lambda text: tuple(Path(it).expanduser() for it in text.split(os.pathsep) if it), "paths"),
    "tuple[str, ...]": (lambda text: tuple(part for part in text.split(",") if part), "names"),
    "str": (str, "text"),
    "Mapping[str, str]": (_named, "name=address,…"),
    "Secrets": (_named, "name=key,…"),
}


def _parse(variable: str, kind: str, text: str) -> object:
    parse, what = _PARSERS[kind]
    try:
        return parse(text)
    except (ValueError, KeyError) as error:
        if kind == "Secrets":
            raise ValueError(f"{variable} must be {what}") from None
        raise ValueError(f"{variable} must be {what}, not {text!r}") from error


def _check_servers(settings: Settings) -> None:
    addresses = {"TABAGENT_OLLAMA_URL": settings.ollama_url, "TABAGENT_LM_STUDIO_URL": settings.lm_studio_url}
    addresses |= {f"TABAGENT_SERVERS: {name}": url for name, url in settings.servers.items()}
    for variable, url in addresses.items():
        if url and not _ADDRESS.fullmatch(url):
            raise ValueError(f"{variable} must be http(s)://HOST:PORT/PATH; its key goes into TABAGENT_SERVER_KEYS")
    for name in settings.servers:
        if not _SERVER_NAME.fullmatch(name):
            raise ValueError(f"TABAGENT_SERVERS: {name[:80]!r} cannot be a server's name")
    for name, key in settings.server_keys.items():
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ValueError(f"TABAGENT_SERVER_KEYS: the key of {name[:80]!r} has characters that no header carries")


def _runtime_dir_of_last_resort() -> Path:
    return Path(tempfile.gettempdir()) / f"tabagent-{os.getuid()}"


def _default_dirs(missing: set[str]) -> dict[str, Path]:
    if not missing:
        return {}
    from platformdirs import PlatformDirs  # noqa: PLC0415  # the host must start fast, and often needs none of it

    dirs = PlatformDirs("tabagent", appauthor=False)
    defaults = {
        "config_dir": dirs.user_config_path,
        "data_dir": dirs.user_data_path,
        "state_dir": dirs.user_state_path,
        "cache_dir": dirs.user_cache_path,
        "runtime_dir": dirs.user_runtime_path if os.environ.get("XDG_RUNTIME_DIR") else _runtime_dir_of_last_resort(),
    }
    return {name: defaults[name] for name in missing}
