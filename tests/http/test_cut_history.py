"""A call whose arguments were cut, or are no JSON object, stays in the history and never ends a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from tabagent_harness.http_process import HttpProcess
from tests.support import MODEL

CUT = '{"city": "Par'


def history(path: str, arguments: str, said: str = "Never mind.") -> dict[str, Any]:
    """Return the body of a request whose history has a call with these arguments."""
    question, more = {"role": "user", "content": "Rain?"}, {"role": "user", "content": said}
    function = {"name": "weather", "arguments": arguments}
    call = {"id": "c1", "type": "function", "function": function}
    turns = [question, {"role": "assistant", "tool_calls": [call]}, more]
    if path == "/v1/responses":
        item = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": arguments}
        return {"input": [question, item, more], "max_output_tokens": 4}
    if path == "/v1/messages":
        used = {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": arguments}],
        }
        return {"messages": [question, used, more], "max_tokens": 4}
    if path == "/api/chat":
        called = {"role": "assistant", "tool_calls": [{"function": function}]}
        return {"messages": [question, called, more], "stream": False, "options": {"num_predict": 4}}
    return {"messages": turns, **({"options": {"max_tokens": 4}} if "tabagent" in path else {"max_tokens": 4})}


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat", "/tabagent/v1/chat"]
)
def test_h18_cut_arguments_in_the_history_are_no_error(talking: HttpProcess, path: str) -> None:
    for arguments in (CUT, "", "nonsense", "[1, 2]", "null", '{"a": NaN}', '{"a":' * 80):
        answer = talking.post(path, model=MODEL, **history(path, arguments))
        assert answer.status_code == 200, (arguments, answer.text)
    counted = [talking.post(path, model=MODEL, **history(path, text)).json() for text in (CUT, CUT * 9)]
    few, many = (str(body.get("usage", body.get("prompt_eval_count"))) for body in counted)
    assert few != many, "the text of the call is in the prompt"
