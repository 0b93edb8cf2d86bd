"""``bench``: how fast engines read and write with a model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from native_host.cli.asking import follow
from native_host.cli.options import (
    AllowPickle,
    ContextLength,
    Device,
    Dtype,
    GpuLayers,
    Json,
    Model,
    load_options,
    reference,
)
from native_host.cli.terminal import session
from native_host.cli.words import size

Engine = Annotated[str, typer.Option(help="all that can run it, or one by its name.")]
PromptTokens = Annotated[int, typer.Option(help="Tokens that are read.", min=16, max=131_072)]
AnswerTokens = Annotated[int, typer.Option(help="Tokens that are written.", min=8, max=8192)]
Repeats = Annotated[int, typer.Option(help="Rounds, after one to warm up; the median counts.", min=1, max=20)]
_HEADERS = ("ENGINE", "READS tok/s", "WRITES tok/s", "REQUEST", "LOADS IN", "MEMORY", "")


def bench(
    model: Model,
    *,
    engine: Engine = "all",
    prompt_tokens: PromptTokens = 512,
    answer_tokens: AnswerTokens = 128,
    repeats: Repeats = 3,
    context_length: ContextLength = None,
    gpu_layers: GpuLayers = None,
    device: Device = None,
    dtype: Dtype = None,
    allow_pickle: AllowPickle = False,
    json_output: Json = False,
) -> None:
    """Measure engines with a model. With the default counts, auto goes by the result from then on."""
    options = load_options(
        context_length=context_length, gpu_layers=gpu_layers, device=device, dtype=dtype, allow_pickle=allow_pickle
    )
    with session(as_json=json_output, streams=True) as terminal:
        result = follow(
            terminal,
            "bench_model",
            model=reference(model),
            engine=engine,
            prompt_tokens=prompt_tokens,
            answer_tokens=answer_tokens,
            repeats=repeats,
            options=options,
        )
        if terminal.as_json:
            return
        terminal.table(_HEADERS, map(_row, result["measurements"]))
        for failure in result["failures"]:
            terminal.say(f"{failure['engine']}: {failure['code']}: {failure['message']}", "yellow")
        terminal.note(f"auto takes {result['auto_engine']} for {result['model']}")


def _row(speed: dict[str, Any]) -> tuple[str, ...]:
    return (
        speed["engine"],
        f"{speed['prefill_tokens_per_second']:.1f}",
        f"{speed['decode_tokens_per_second']:.1f}",
        f"{speed['request_ms'] / 1000:.1f} s",
        f"{speed['load_ms'] / 1000:.1f} s",
        size(speed["memory_bytes"]) if speed["memory_bytes"] else "",
        "recorded" if speed["recorded"] else "",
    )
