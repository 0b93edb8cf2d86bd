"""What an answer is asked with beside text: pictures, and the form that it must have."""

from __future__ import annotations

import base64
import json
import mimetypes
from pathlib import Path
from typing import Any

import typer

from native_host.cli.options import user_path

PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
"""Known on every system, whatever its table of types lacks; others are as it says."""


def picture(path: Path) -> dict[str, Any]:
    """A picture as a part of a message.

    Raises:
        ValueError: its name is none of a picture.
        OSError: it cannot be read.
    """
    kind = PICTURES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or ""
    if not kind.startswith("image/"):
        raise ValueError(f"{path} is no picture by its name")
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{content}"}}


def response_format(asked: str | None) -> dict[str, Any] | None:
    """``--format`` as the protocol has it: ``json``, or a file with a JSON schema.

    Raises:
        typer.BadParameter: there is no such file, or it holds no JSON object.
    """
    if asked is None:
        return None
    if asked == "json":
        return {"type": "json_object"}
    try:
        schema = json.loads(user_path(asked).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{asked} cannot be read as JSON: {error}", param_hint="--format") from error
    if not isinstance(schema, dict):
        raise typer.BadParameter(f"{asked} is no JSON schema", param_hint="--format")
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
