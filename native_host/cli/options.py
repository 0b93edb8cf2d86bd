"""Options that several commands share, and how they become fields of a request."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from native_host.cli.completion import models as known_models

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_LIKE_A_PATH = (".", "/", "~")

Json = Annotated[bool, typer.Option("--json", help="Print JSON: the protocol's own objects.")]
Model = Annotated[
    str,
    typer.Argument(
        help="A name of tabagent list, a path, or a repository: org/repo, org/repo:Q4_K_M, hf.co/org/repo.",
        autocompletion=known_models,
        show_default=False,
    ),
]
Engine = Annotated[str, typer.Option(help="auto, fallback (another where one fails), or an engine's name.")]
ContextLength = Annotated[
    int | None,
    typer.Option(help="Tokens of room for prompt and answer.", min=16, max=16_777_216, show_default=False),
]
GpuLayers = Annotated[
    int | None, typer.Option(help="Layers to put on the graphics card.", min=0, max=10_000, show_default=False)
]
Mlock = Annotated[bool, typer.Option("--mlock", help="Keep the weights in memory.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or metal.", show_default=False)]
Dtype = Annotated[str | None, typer.Option(help="auto, float32, float16 or bfloat16.", show_default=False)]
KeepAlive = Annotated[
    str | None,
    typer.Option(help="How long it stays loaded when idle: 10m, 1h30m, 0, or -1 for ever.", show_default=False),
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Read pickled weights, as data; nothing of them is run.")
]


def reference(text: str) -> str:
    """A model as the broker takes it: it has another working directory, so paths become absolute."""
    path = user_path(text)
    is_path = text.startswith(_LIKE_A_PATH) or path.is_file()
    return os.path.abspath(path) if is_path else text  # noqa: PTH100  # a link keeps its own name


def user_path(text: str) -> Path:
    """Return the path with ``~`` expanded; ``~nosuch`` names a file of that name, as in a shell."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  # pathlib's raises RuntimeError


def seconds(text: str) -> float:
    """``--keep-alive`` in seconds.

    Raises:
        typer.BadParameter: it is no span of time.
    """
    if text in ("-1", "forever"):
        return -1
    spans = f"{text}s" if text[-1:].isdecimal() else text
    if not re.fullmatch(f"({_SPAN.pattern})+", spans):
        raise typer.BadParameter(f"{text!r} is no time: give 90, 10m, 1h30m, 1d, 0 or -1", param_hint="--keep-alive")
    return sum(float(number) * _SECONDS[unit] for number, unit in _SPAN.findall(spans))


def load_options(
    *,
    context_length: int | None = None,
    gpu_layers: int | None = None,
    mlock: bool = False,
    device: str | None = None,
    dtype: str | None = None,
    keep_alive: str | None = None,
    allow_pickle: bool = False,
) -> dict[str, Any]:
    """The ``options`` of a request; what was not given is left to its default."""
    given = {
        "context_length": context_length,
        "gpu_layers": gpu_layers,
        "mlock": mlock or None,
        "device": device,
        "dtype": dtype,
        "keep_alive": None if keep_alive is None else seconds(keep_alive),
        "allow_pickle": allow_pickle or None,
    }
    return {name: value for name, value in given.items() if value is not None}
