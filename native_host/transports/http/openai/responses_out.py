"""From the protocol's answer to the items and events of ``/v1/responses``.

An answer has up to three kinds of items, in this order: a ``reasoning`` item, a ``message``, and a ``function_call``
for each call. As a stream every item opens, grows and closes; each event has the next ``sequence_number``.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from typing import Any

from native_host.protocol.messages.requests import GenerateOptions
from native_host.transports.http.arguments import is_whole
from native_host.transports.http.openai.responses_shapes import ResponseBody
from native_host.transports.http.streams import sse

Item = dict[str, Any]
_DEFAULTS = GenerateOptions()


class Answer:
    """One answer in the making; each method returns the events that it causes."""

    def __init__(self, body: ResponseBody) -> None:
        self._id = f"resp_{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._body = body
        self._sequence = itertools.count()
        self._output: list[Item] = []
        self._open: Item | None = None

    def begin(self) -> Iterator[bytes]:
        """The first events."""
        for kind in ("response.created", "response.in_progress"):
            yield self._event(kind, response=self._response("in_progress"))

    def add(self, token: dict[str, Any]) -> Iterator[bytes]:
        """A ``token`` event of the protocol."""
        if thought := token.get("reasoning"):
            yield from self._grow("reasoning", thought)
        if token["text"]:
            yield from self._grow("message", token["text"], token.get("logprobs") or [])
        for part in token.get("tool_calls") or []:
            if "id" in part:
                yield from self._begin_call(part)
            if arguments := part["function"]["arguments"]:
                yield from self._grow_call(arguments)

    def end(self, result: dict[str, Any]) -> Iterator[bytes]:
        """The ``done`` event of the protocol."""
        if not self._output:
            yield from self._open_item("message")
        response = self._finished(result)
        yield from self._close(response["status"])
        yield self._event(f"response.{response['status']}", response=response)

    def fail(self, error: dict[str, Any]) -> Iterator[bytes]:
        """It failed after it had begun."""
        wrong = {"code": error["code"], "message": error["message"]}
        yield self._event("response.failed", response={**self._response("failed"), "error": wrong})

    def whole(self, result: dict[str, Any]) -> dict[str, Any]:
        """The answer at once."""
        for _ in self.add(result):
            pass
        for _ in self.end(result):
            pass
        return self._finished(result)

    # ------------------------------------------------------------------------------------------ items

    def _grow(self, kind: str, text: str, logprobs: list[dict[str, Any]] | None = None) -> Iterator[bytes]:
        if self._open is None or self._open["type"] != kind:
            yield from self._close()
            yield from self._open_item(kind)
        assert self._open is not None
        part = self._open["content"][0]
        part["text"] += text
        name = "output_text" if kind == "message" else "reasoning_text"
        more = {}
        if kind == "message":
            part["logprobs"] += logprobs or []
            more = {"logprobs": logprobs or []}
        yield self._event(f"response.{name}.delta", **self._place(), content_index=0, delta=text, **more)

    def _open_item(self, kind: str) -> Iterator[bytes]:
        item: Item = {"type": kind, "id": f"{'msg' if kind == 'message' else 'rs'}_{uuid.uuid4().hex}"}
        item |= {"status": "in_progress", "content": []}
        if kind == "message":
            item["role"] = "assistant"
            part: Item = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        else:
            item["summary"] = []
            part = {"type": "reasoning_text", "text": ""}
        yield from self._show(item)
        item["content"].append(part)
        yield self._event("response.content_part.added", **self._place(), content_index=0, part=part)

    def _begin_call(self, part: dict[str, Any]) -> Iterator[bytes]:
        yield from self._close()
        item: Item = {"type": "function_call", "id": f"fc_{uuid.uuid4().hex}", "call_id": part["id"]}
        item |= {"name": part["function"]["name"], "arguments": "", "status": "in_progress"}
        yield from self._show(item)

    def _grow_call(self, arguments: str) -> Iterator[bytes]:
        assert self._open is not None
        self._open["arguments"] += arguments
        yield self._event("response.function_call_arguments.delta", **self._place(), delta=arguments)

    def _show(self, item: Item) -> Iterator[bytes]:
        self._open = item
        self._output.append(item)
        yield self._event("response.output_item.added", output_index=len(self._output) - 1, item=item)

    def _close(self, status: str = "completed") -> Iterator[bytes]:
        if self._open is None:
            return
        item, place = self._open, self._place()
        if item["type"] == "function_call":
            arguments = item["arguments"]
            yield self._event("response.function_call_arguments.done", **place, arguments=arguments)
            status = "completed" if is_whole(arguments) else "incomplete"
        else:
            part = item["content"][0]
            name = "output_text" if item["type"] == "message" else "reasoning_text"
            more = {"logprobs": part["logprobs"]} if name == "output_text" else {}
            yield self._event(f"response.{name}.done", **place, content_index=0, text=part["text"], **more)
            yield self._event("response.content_part.done", **place, content_index=0, part=part)
        item["status"] = status
        self._open = None
        yield self._event("response.output_item.done", output_index=place["output_index"], item=item)

    def _place(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._output) - 1}

    # --------------------------------------------------------------------------------------- response

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "sequence_number": next(self._sequence), **fields}, kind)

    def _response(self, status: str) -> dict[str, Any]:
        return {
            **_asked(self._body),
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "completed_at": int(time.time()) if status == "completed" else None,
            "status": status,
            "output": self._output if status != "in_progress" else [],
            "usage": None,
            "error": None,
            "incomplete_details": None,
        }

    def _finished(self, result: dict[str, Any]) -> dict[str, Any]:
        cut = result["finish_reason"] == "length"
        used = result["usage"]
        response = self._response("incomplete" if cut else "completed")
        response["model"] = result["model"]
        response["incomplete_details"] = {"reason": "max_output_tokens"} if cut else None
        response["usage"] = {
            "input_tokens": used["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": used["cached_tokens"]},
            "output_tokens": used["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used["total_tokens"],
        }
        if left_out := result.get("truncated_messages"):
            response["truncated_messages"] = left_out
        return response


def _asked(body: ResponseBody) -> dict[str, Any]:
    """Return the fields that repeat a request, with the value in force of each field that it leaves out."""
    given = body.model_dump(by_alias=True, exclude_none=True)
    return {
        "model": body.model,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": None,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        "store": False,
        "background": False,
        "service_tier": "default",
        "safety_identifier": body.safety_identifier,
        "prompt_cache_key": body.prompt_cache_key,
        "temperature": _DEFAULTS.temperature if body.temperature is None else body.temperature,
        "top_p": _DEFAULTS.top_p if body.top_p is None else body.top_p,
        "top_logprobs": body.top_logprobs or 0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "text": {"format": {"type": "text"}, **given.get("text", {})},
        "tool_choice": _flat(given.get("tool_choice", "auto" if body.tools else "none")),
        "tools": [_tool(tool.model_dump()) for tool in body.tools or []],
        "truncation": body.truncation or "disabled",
    }


def _flat(choice: Any) -> Any:
    """Return a choice as the Responses API has it, with the members of its kind beside ``type``."""
    if isinstance(choice, str):
        return choice
    members = choice[choice["type"]]
    if "tools" in members:
        members = {**members, "tools": [_flat(tool) for tool in members["tools"]]}
    return {"type": choice["type"], **members}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {**tool, "strict": tool["strict"] is True}
