"""What can be set: names, types, defaults, bounds and meanings. ``docs/configuration.md`` is printed from this."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from native_host import __version__


def _home() -> Path:
    """Return HOME if it is absolute, else the home of the user database; ``~`` if there is none."""
    home = os.path.expanduser("~")  # noqa: PTH111  # pathlib's raises RuntimeError
    if os.path.isabs(home):  # noqa: PTH117
        return Path(home)
    import pwd  # noqa: PLC0415  # only Unix has it, and there it is seldom needed

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path("~")


OLLAMA_URL = "http://127.0.0.1:11434"
LM_STUDIO_URL = "http://127.0.0.1:1234"

_HOME = _home()
_MAX_SOCKET_PATH = 100  # sun_path has 108 bytes on Linux, 104 on macOS

Secrets = Mapping[str, str]
"""By name. What is wrong with one is said without it."""


def _means(meaning: str, **bounds: Any) -> dict[str, Any]:
    """A field's metadata: ``minimum``, ``maximum``, ``choices``, ``is_address``, ``may_be_empty``, ``alias``."""
    return {"meaning": meaning, **bounds}


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set. Times are seconds; an empty address switches its server off."""

    config_dir: Path = field(metadata=_means("where `config.toml` lies; cannot be set in it"))
    data_dir: Path = field(metadata=_means("the launcher and the installer's receipt"))
    state_dir: Path = field(metadata=_means("logs, the command line's history"))
    cache_dir: Path = field(metadata=_means("caches"))
    runtime_dir: Path = field(metadata=_means("the broker's socket and lock"))
    model_dirs: tuple[Path, ...] = field(default=(), metadata=_means("folders with models; files are used in place"))
    tool_model_dirs: tuple[Path, ...] = field(
        default=(
            _HOME / ".lmstudio" / "models",
            _HOME / ".cache" / "lm-studio" / "models",
            _HOME / ".cache" / "llama.cpp",
        ),
        metadata=_means("folders of other programs; their models are used in place and never removed"),
    )
    ollama_dir: Path = field(default=_HOME / ".ollama" / "models", metadata=_means("Ollama's models, likewise"))
    extension_ids: tuple[str, ...] = field(
        default=(), metadata=_means("extensions that may call the host beside the built-in one")
    )
    default_model: str = field(default="smollm2-135m", metadata=_means("the model that `hello` suggests"))
    keep_alive_s: float = field(
        default=300.0, metadata=_means("seconds an idle model stays loaded; -1: for ever", minimum=-1)
    )
    idle_exit_s: float = field(
        default=10.0,
        metadata=_means("seconds after which a broker without clients and models ends", minimum=0.01),
    )
    load_stall_s: float = field(
        default=120.0, metadata=_means("seconds without progress after which a load is given up", minimum=0.01)
    )
    generation_stall_s: float = field(
        default=120.0, metadata=_means("seconds without progress after which an answer is given up", minimum=0.01)
    )
    cancel_grace_s: float = field(
        default=5.0,
        metadata=_means("seconds a worker has to stop after a cancel before it is killed", minimum=0),
    )
    coalesce_ms: float = field(
        default=33.0, metadata=_means("tokens that come within this time travel in one event", minimum=0)
    )
    memory_limit_mb: int = field(
        default=0,
        metadata=_means("memory that all workers together may take; 0: what the machine has", minimum=0),
    )
    threads: int = field(default=0, metadata=_means("threads per model; 0: one per physical core", minimum=0))
    parallel: int = field(default=4, metadata=_means("requests that one model answers at once", minimum=1))
    hub_endpoint: str = field(
        default="https://huggingface.co", metadata=_means("the model hub", alias="HF_ENDPOINT", is_address=True)
    )
    ollama_url: str = field(
        default=OLLAMA_URL, metadata=_means("Ollama; empty: none", may_be_empty=True, is_address=True)
    )
    lm_studio_url: str = field(
        default=LM_STUDIO_URL, metadata=_means("LM Studio; empty: none", may_be_empty=True, is_address=True)
    )
    servers: Mapping[str, str] = field(
        default_factory=dict, metadata=_means("servers that speak OpenAI's dialect, by name; see servers.md")
    )
    server_keys: Secrets = field(
        default_factory=dict,
        repr=False,
        metadata=_means(
            "their keys, also for `ollama` and `lm-studio`; a key is sent to its server alone and shown nowhere"
        ),
    )
    onnx_use_rust: bool = field(
        default=False, metadata=_means("an engine in Rust comes first for ONNX models, where one is installed")
    )
    litert_use_rust: bool = field(default=False, metadata=_means("likewise for `.tflite`, `.task` and `.litertlm`"))
    http: bool = field(default=False, metadata=_means("serve HTTP as long as the broker runs"))
    http_host: str = field(default="127.0.0.1", metadata=_means("the address that HTTP listens on"))
    http_port: int = field(default=11535, metadata=_means("its port; 0: any that is free", minimum=0, maximum=65535))
    http_origins: tuple[str, ...] = field(
        default=(), metadata=_means("web pages that may call it, as `https://host:port`, beside the extension")
    )
    http_token_file: str = field(
        default="",
        metadata=_means("a file with the token that HTTP asks for; empty: one is made", may_be_empty=True),
    )
    http_max_concurrent: int = field(
        default=8, metadata=_means("requests that it answers at once; others wait or get 429", minimum=1)
    )
    http_max_body_mb: int = field(
        default=10, metadata=_means("the largest body it takes, in MiB; at most 16", minimum=1, maximum=16)
    )
    color: str = field(
        default="auto",
        metadata=_means("colours on a terminal; `auto` also obeys `NO_COLOR`", choices=("auto", "always", "never")),
    )
    log_level: str = field(
        default="INFO",
        metadata=_means("of the broker's log", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    )

    @property
    def socket_path(self) -> Path:
        """The broker's socket. Its name carries the version: an upgraded host starts a broker of its own."""
        path = self.runtime_dir / f"broker-{__version__}.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(f"{runtime_dir_of_last_resort()}-{digest}") / "broker.sock"

    @property
    def log_dir(self) -> Path:
        """Where the broker writes its log."""
        return self.state_dir / "logs"


def runtime_dir_of_last_resort() -> Path:
    """A folder of the user's own where the platform names none."""
    return Path(tempfile.gettempdir()) / f"tabagent-{os.getuid()}"
