"""How much context a model has: as much as is asked for, at most what it was made for; more when it is idle."""

from __future__ import annotations

from typing import Any

from tests.questions import CAPITAL
from tests.support import MODEL, Installation

MADE_FOR = 8192
LONG: Any = [{"role": "user", "content": "lighthouse " * 600}]


def test_more_than_it_was_made_for_is_as_much_as_it_was_made_for(tabagent: Installation) -> None:
    with tabagent.host() as host:
        loaded = host.result("load_model", model=MODEL, options={"context_length": 128_000})
        assert loaded["result"]["context_length"] == MADE_FOR
        again = host.result("load_model", model=MODEL, options={"context_length": 128_000})
        assert again["result"]["already_loaded"] is True
        plan = host.result("detect_model", model=MODEL, options={"context_length": 128_000})["result"]["memory"]
        assert plan["context_length"] == MADE_FOR


def test_an_idle_model_makes_room_for_who_asks_for_more(tabagent: Installation) -> None:
    def answered(context: int | None, messages: Any = CAPITAL) -> dict[str, Any]:
        options = {"max_tokens": 1, **({"context_length": context} if context else {})}
        return host.result("chat", model=MODEL, messages=messages, options=options)

    def model() -> tuple[int, int]:
        [it] = host.result("status")["result"]["models"]
        return it["context_length"], it["pid"]

    with tabagent.host() as host:
        host.result("load_model", model=MODEL, options={"context_length": 512})
        before = model()
        assert answered(None, LONG)["error"]["code"] == "context_overflow"
        assert answered(256)["event"] == "done"
        assert model() == before, "who asks for less, or for nothing, is served as it is"
        assert answered(2048, LONG)["event"] == "done"
        length, pid = model()
        assert length == 2048
        assert pid != before[1]
        assert answered(1024)["event"] == "done"
        assert model() == (2048, pid)


def test_a_busy_model_stays_as_it_is(tabagent: Installation) -> None:
    with tabagent.host() as host:
        host.result("load_model", model=MODEL, options={"context_length": 512})
        story = host.send("generate", model=MODEL, prompt="Once upon a time", options={"max_tokens": 200})
        assert next(event for event in host.events(story) if event["event"] == "token")
        last = host.result("chat", model=MODEL, messages=CAPITAL, options={"max_tokens": 1, "context_length": 2048})
        assert last["event"] == "done"
        assert host.result("status")["result"]["models"][0]["context_length"] == 512
        assert list(host.events(story))[-1]["event"] == "done"
