"""What ``/api/show`` answers: facts of the broker, and the metadata of the model's file."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from native_host.core.model_library.gguf_metadata import read_metadata
from native_host.protocol.messages.requests import GenerateOptions
from native_host.transports.http.ollama.names import moment

MAX_CONFIG_BYTES = 8 * 1024 * 1024
_DEFAULTS = GenerateOptions()
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")
_TEMPLATE = "tokenizer.chat_template"


def shown(name: str, model: dict[str, Any], engines: list[dict[str, Any]], *, all_arrays: bool) -> bytes:
    """Return the answer as JSON. Reads the model's files.

    Args:
        name: Name that the client gave.
        model: Result of ``detect_model``.
        engines: Engines of ``hello``.
        all_arrays: Long arrays of the metadata, such as the vocabulary, are wanted too.
    """
    path = Path(model["path"]) if model["path"] else None
    metadata = _metadata(path, all_arrays=all_arrays)
    architecture = model["architecture"] or _text(metadata, "general.architecture") or "unknown"
    template = _text(metadata, _TEMPLATE) or _template_beside(path)
    facts = {
        "general.architecture": architecture,
        "general.basename": _text(metadata, "general.name") or name,
        "general.parameter_count": model["parameters"],
        f"{architecture}.context_length": model["context_length"],
    }
    parameters = [f"{option:<30} {getattr(_DEFAULTS, option)}" for option in _SAMPLING]
    answer = {
        "license": model["license"] or _text(metadata, "general.license"),
        "modelfile": _modelfile(name, template, parameters),
        "parameters": "\n".join(parameters),
        "template": template,
        "modified_at": moment(_modified(path)),
        "details": details_of(model["model_type"], architecture, model["quantisation"], model["parameters"]),
        "model_info": {**{key: value for key, value in facts.items() if value is not None}, **metadata},
        "capabilities": _capabilities(model, engines),
    }
    return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def details_of(form: str, family: str | None, quantisation: str | None, parameters: int | None) -> dict[str, Any]:
    """Return ``details`` of a model."""
    return {
        "parent_model": "",
        "format": form,
        "family": family or "",
        "families": [family] if family else None,
        "parameter_size": _short(parameters) if parameters else "",
        "quantization_level": quantisation or "",
    }


def _short(count: int) -> str:
    """Return a count as Ollama writes it: ``8.0B``, ``134.52M``, ``12K``."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.1f}B"
    return f"{count / 1e6:.2f}M" if count >= 1_000_000 else f"{count // 1000}K"


def _metadata(path: Path | None, *, all_arrays: bool) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return read_metadata(path, all_arrays=all_arrays)
    except (OSError, ValueError):  # another format, or a file that has changed since
        return {}


def _text(metadata: dict[str, Any], key: str) -> str:
    return value if isinstance(value := metadata.get(key), str) else ""


def _template_beside(path: Path | None) -> str:
    """Return the chat template that lies in the folder of a model, or nothing."""
    if path is None:
        return ""
    with suppress(OSError, ValueError):
        return _small_text(path / "chat_template.jinja")
    with suppress(OSError, ValueError, RecursionError):
        config = json.loads(_small_text(path / "tokenizer_config.json"))
        if isinstance(config, dict) and isinstance(template := config.get("chat_template"), str):
            return template
    return ""


def _small_text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"{path.name} is no small file")
    return path.read_text(encoding="utf-8", errors="replace")


def _modified(path: Path | None) -> float | None:
    with suppress(OSError):
        return path.stat().st_mtime if path else None
    return None


def _modelfile(name: str, template: str, parameters: list[str]) -> str:
    quoted = [f'TEMPLATE """{template}"""'] if template else []
    return "\n".join([f"FROM {name}", *quoted, *(f"PARAMETER {' '.join(line.split())}" for line in parameters)]) + "\n"


def _capabilities(model: dict[str, Any], engines: list[dict[str, Any]]) -> list[str]:
    """In Ollama's words: of the model, and of the engine that comes first for it. Who thinks is known nowhere."""
    if model["task"] in ("feature-extraction", "sentence-similarity"):
        return ["embedding"]
    first = {place["engine"] for place in (model["backend"] or {}).values()}
    able = {capability for it in engines if it["name"] in first for capability in it["capabilities"]}
    told = {"tools": model["chat_template"] and "tools" in able, "vision": model["task"] == "image-text-to-text"}
    return ["completion", *(name for name, has in told.items() if has)]
