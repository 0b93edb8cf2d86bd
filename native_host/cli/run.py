"""``run``: one answer, or a conversation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from native_host.cli.answer import Question, answer
from native_host.cli.attachments import picture, response_format
from native_host.cli.options import (
    AllowPickle,
    ContextLength,
    Device,
    Dtype,
    Engine,
    GpuLayers,
    Json,
    KeepAlive,
    Mlock,
    Model,
    load_options,
    reference,
)
from native_host.cli.terminal import session
from native_host.cli.text_files import NotText, decode

Prompt = Annotated[
    list[str] | None,
    typer.Argument(
        help="The question. What is piped in follows it after an empty line. Without both, a conversation begins.",
        show_default=False,
    ),
]
System = Annotated[str | None, typer.Option(help="What the model is to be and do.", show_default=False)]
Image = Annotated[list[Path] | None, typer.Option(help="A picture to ask about first.", exists=True, dir_okay=False)]
Raw = Annotated[bool, typer.Option("--raw", help="Continue the prompt as it is, without the chat template.")]
Format = Annotated[str | None, typer.Option("--format", help="json, or a file with a JSON schema.", show_default=False)]
MaxTokens = Annotated[int | None, typer.Option(help="End after so many.", min=1, max=1_000_000, show_default=False)]
Temperature = Annotated[float | None, typer.Option(help="0 is greedy.", min=0, max=10, show_default=False)]
TopK = Annotated[int | None, typer.Option(help="0 is off.", min=0, max=1_000_000, show_default=False)]
TopP = Annotated[float | None, typer.Option(help="1 is off.", min=0, max=1, show_default=False)]
MinP = Annotated[float | None, typer.Option(help="0 is off.", min=0, max=1, show_default=False)]
RepeatPenalty = Annotated[float | None, typer.Option(help="1 is off.", min=0.1, max=10, show_default=False)]
Seed = Annotated[
    int | None, typer.Option(help="The same one gives the same answer.", min=0, max=2**32 - 2, show_default=False)
]
Stop = Annotated[list[str] | None, typer.Option(help="A text that ends the answer.", show_default=False)]
Think = Annotated[
    bool | None,
    typer.Option("--think/--no-think", help="Whether a model that can should think first.", show_default=False),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell times and counts after the answer.")]


def run(
    model: Model,
    prompt: Prompt = None,
    *,
    system: System = None,
    image: Image = None,
    raw: Raw = False,
    output_format: Format = None,
    think: Think = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repeat_penalty: RepeatPenalty = None,
    seed: Seed = None,
    stop: Stop = None,
    engine: Engine = "auto",
    context_length: ContextLength = None,
    gpu_layers: GpuLayers = None,
    mlock: Mlock = False,
    device: Device = None,
    dtype: Dtype = None,
    keep_alive: KeepAlive = None,
    allow_pickle: AllowPickle = False,
    verbose: Verbose = False,
    json_output: Json = False,
) -> None:
    """Ask a model. With a prompt or a pipe: one answer, as it is written. Without: a conversation (/help tells more).

    A repository of the hub that is not here yet is downloaded first.
    """
    options = load_options(
        context_length=context_length,
        gpu_layers=gpu_layers,
        mlock=mlock,
        device=device,
        dtype=dtype,
        keep_alive=keep_alive,
        allow_pickle=allow_pickle,
    )
    sampling = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repeat_penalty": repeat_penalty,
        "seed": seed,
        "stop": stop or None,
        "response_format": response_format(output_format),
    }
    options |= {name: value for name, value in sampling.items() if value is not None}
    text = _text(prompt)
    if text is None and json_output:
        raise typer.BadParameter("a conversation is no JSON: give a prompt, or pipe one in", param_hint="PROMPT")
    if raw and text is None:
        raise typer.BadParameter("--raw continues a text: give one, or pipe one in", param_hint="PROMPT")
    for name, given in (("--image", image), ("--system", system is not None), ("--think", think is not None)):
        if raw and given:
            raise typer.BadParameter("--raw sends text alone", param_hint=name)
    pictures = _pictures(image)
    with session(as_json=json_output, streams=True) as terminal:
        question = Question(reference(model), engine, options, think, system)
        if text is None:
            from native_host.cli.conversation import Conversation  # noqa: PLC0415  # what it reads lines with is heavy

            Conversation(terminal, question, pictures, verbose=verbose).run()
        elif raw:
            answer(terminal, "generate", question.to_continue(text), verbose=verbose)
        else:
            messages = question.opening(text, pictures)
            answer(terminal, "chat", question.to_answer(messages), verbose=verbose)


def _pictures(paths: list[Path] | None) -> list[dict[str, Any]]:
    """Parts of a message.

    Raises:
        typer.BadParameter: one is no picture.
    """
    try:
        return [picture(path) for path in paths or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--image") from error


def _text(prompt: list[str] | None) -> str | None:
    """The arguments, an empty line, and what is piped in; None for a conversation.

    Raises:
        typer.BadParameter: nothing is asked, or the pipe holds no text.
    """
    is_piped = not sys.stdin.isatty()
    try:
        piped = decode(sys.stdin.buffer.read(), "The pipe's content").strip("\n") if is_piped else ""
    except NotText as error:
        raise typer.BadParameter(str(error), param_hint="PROMPT") from error
    parts = [part for part in (" ".join(prompt or []), piped) if part.strip()]
    if not parts and (prompt or is_piped):
        told = ", and nothing came through the pipe" if is_piped else ""
        raise typer.BadParameter(f"nothing was asked{told}", param_hint="PROMPT")
    return "\n\n".join(parts) or None
