"""From Ollama's ``chat`` and ``generate`` to the protocol's, and from its answers back."""

from __future__ import annotations

import base64
from typing import Any

from native_host.transports.http.arguments import arguments_of, text_of
from native_host.transports.http.ollama.names import kept_s, name_of, nanoseconds, now
from native_host.transports.http.ollama.shapes import Answering, ChatBody, GenerateBody, Options, Turn
from native_host.transports.http.sampling import NO_LIMIT, bad_param, options_of, refuse, stops

_PICTURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


def chat_of(body: ChatBody) -> dict[str, Any]:
    """The fields of ``chat``."""
    fields: dict[str, Any] = {"messages": _messages(body.messages)}
    if body.tools:
        fields["tools"] = [tool.model_dump(exclude_none=True) for tool in body.tools]
    if body.tool_choice is not None:
        fields["tool_choice"] = body.model_dump(include={"tool_choice"})["tool_choice"]
    if body.truncate:
        fields["truncate"] = True
    return {**fields, **_common(body)}


def generate_of(body: GenerateBody) -> tuple[str, dict[str, Any]]:
    """The action that answers a prompt, and its fields."""
    refuse(body, "suffix", "template", "context")
    if body.raw:
        refuse(body, "system", "images")
        fields = _common(body)
        if body.think:
            raise bad_param("think", "a raw prompt has no chat template; leave it out")
        fields.pop("thinking", None)
        return "generate", {"prompt": body.prompt, **fields}
    turns = [Turn(role="user", content=body.prompt, images=body.images)]
    if body.system:
        turns.insert(0, Turn(role="system", content=body.system))
    return "chat", {"messages": _messages(turns), **_common(body)}


def load_of(body: Answering) -> dict[str, Any]:
    """The fields of ``load_model``."""
    options = _common(body)["options"]
    kept = {name: value for name, value in options.items() if name in ("keep_alive", "context_length")}
    return {"model": name_of(body.model), "options": kept}


def call_of(call: dict[str, Any]) -> dict[str, Any]:
    """A call as Ollama has it."""
    return {"id": call["id"], "function": {"name": call["function"]["name"], "arguments": arguments_of(call)}}


def last_line(model: str, result: dict[str, Any]) -> dict[str, Any]:
    """What ends an answer. Durations are nanoseconds."""
    timings, usage = result["timings"], result["usage"]
    prefill, decode = nanoseconds(timings["prefill_ms"]), nanoseconds(timings["decode_ms"])
    load = nanoseconds(timings["load_ms"])
    return {
        "model": model,
        "created_at": now(),
        "done": True,
        "done_reason": "length" if result["finish_reason"] == "length" else "stop",
        "total_duration": nanoseconds(timings["queue_ms"]) + load + prefill + decode,
        "load_duration": load,
        "prompt_eval_count": usage["prompt_tokens"],
        "prompt_eval_duration": prefill,
        "eval_count": usage["completion_tokens"],
        "eval_duration": decode,
        **({"truncated_messages": cut} if (cut := result.get("truncated_messages")) else {}),
    }


def _common(body: Answering) -> dict[str, Any]:
    given = body.options or Options()
    options = options_of(
        given,
        max_tokens=NO_LIMIT if (given.num_predict or 0) < 0 else given.num_predict or None,
        stop=stops(given.stop),
        response_format=_format(body),
        logprobs=body.logprobs,
        top_logprobs=body.top_logprobs,
        **({"seed": None} if given.seed is not None and given.seed < 0 else {}),
        **({"context_length": given.num_ctx} if given.num_ctx is not None else {}),
        keep_alive=kept_s(given.keep_alive if body.keep_alive is None else body.keep_alive),
    )
    fields: dict[str, Any] = {"model": name_of(body.model), "options": options}
    if given.engine:
        fields["engine"] = given.engine
    if body.think is not None:
        fields["thinking" if isinstance(body.think, bool) else "reasoning_effort"] = body.think
    return fields


def _format(body: Answering) -> dict[str, Any] | None:
    if not body.format:
        return None
    if body.format == "json":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"schema": body.format}}


def _messages(turns: list[Turn]) -> list[dict[str, Any]]:
    """Calls have no ids here: they are counted, and a tool answers the oldest call of its name that has no answer."""
    messages: list[dict[str, Any]] = []
    unanswered: list[tuple[str, str]] = []
    for index, turn in enumerate(turns):
        message: dict[str, Any] = {"role": turn.role, "content": _content(turn)}
        if turn.tool_calls and turn.role == "assistant":
            message["tool_calls"] = []
            for number, call in enumerate(turn.tool_calls):
                name, made = call.function.name, call.id or f"call_{index}_{number}"
                unanswered.append((name, made))
                function = {"name": name, "arguments": text_of(call.function.arguments)}
                message["tool_calls"].append({"id": made, "type": "function", "function": function})
        if turn.thinking and turn.role == "assistant":
            message["reasoning_content"] = turn.thinking
        if turn.role == "tool" and (answers := turn.tool_call_id or _answered(unanswered, turn.tool_name)):
            message["tool_call_id"] = answers
        messages.append(message)
    return messages


def _answered(unanswered: list[tuple[str, str]], name: str | None) -> str | None:
    for it in unanswered:
        if name in (None, it[0]):
            unanswered.remove(it)
            return it[1]
    return None


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if not turn.images:
        return turn.content
    pictures = [{"type": "image_url", "image_url": {"url": _url(image)}} for image in turn.images]
    return [*pictures, {"type": "text", "text": turn.content}]


def _url(image: str) -> str:
    try:
        head = base64.b64decode(image[:16])
    except ValueError as error:
        raise bad_param("images", "is not base64") from error
    kind = next((kind for mark, kind in _PICTURES.items() if head.startswith(mark)), "png")
    return f"data:image/{kind};base64,{image}"
