"""Fields of other servers are obeyed or refused by name, in every dialect alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from native_host.transports.http.fields import table
from native_host.transports.http.known_fields import IGNORED_NAMES, REFUSED
from tabagent_harness.http_process import HttpProcess
from tests.questions import CAPITAL
from tests.support import MODEL

PAGE = Path(__file__).parents[2] / "docs" / "http.md"
OWN = "/tabagent/v1/chat"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": CAPITAL, "max_tokens": 16},
    "/v1/completions": {"prompt": "The capital of France is", "max_tokens": 16},
    "/v1/responses": {"input": CAPITAL, "max_output_tokens": 16},
    "/v1/messages": {"messages": CAPITAL[1:], "max_tokens": 16},
    "/api/chat": {"messages": CAPITAL, "stream": False},
    "/api/generate": {"prompt": "One,", "raw": True, "stream": False},
    OWN: {"messages": CAPITAL},
}
ONE_OF = ["red.", "blue (light)"]


def ask(http: HttpProcess, path: str, **fields: Any) -> Any:
    """Return the response to a request with more fields; TabAgent's own route has them in ``options``."""
    asked: Any = {"model": MODEL, **BODIES[path]}
    return http.post(path, **asked, **({"options": {"max_tokens": 16, **fields}} if path == OWN else fields))


@pytest.mark.parametrize("path", BODIES)
def test_p6_an_answer_is_one_of_the_choices(talking: HttpProcess, path: str) -> None:
    for field in ({"guided_choice": ONE_OF}, {"structured_outputs": {"choice": ONE_OF}}):
        answer = ask(talking, path, **field)
        assert answer.status_code == 200, answer.text
        assert any(f'"{choice}"' in answer.text for choice in ONE_OF), answer.text


@pytest.mark.parametrize("path", BODIES)
def test_p6_stop_sequences_end_an_answer(talking: HttpProcess, path: str) -> None:
    answer = ask(talking, path, regex="red, green", stop=["green"])
    assert answer.status_code == 200, answer.text
    assert ('"red, "' in answer.text, '"red, green"' in answer.text) == (True, False), answer.text


@pytest.mark.parametrize("path", BODIES)
def test_h23_what_cannot_be_obeyed_is_refused_by_name(talking: HttpProcess, path: str) -> None:
    for name in [*REFUSED.keys() - {"best_of", "n", "echo"}, "never_heard_of"]:
        answer = ask(talking, path, **{name: 0.37})
        assert (answer.status_code, name in answer.text) == (400, True), (name, answer.text)


@pytest.mark.parametrize("path", BODIES)
def test_h23_what_asks_for_nothing_is_answered(talking: HttpProcess, path: str) -> None:
    typed = {"stream_options", "metadata", "safety_identifier", "prompt_cache_key", "store"}
    neutral = {name: values[0] for name, values in REFUSED.items() if values}
    ignored = {name: {"any": ["thing", 1]} for name in IGNORED_NAMES - typed}
    answer = ask(talking, path, **neutral, **ignored, repetition_penalty=1.1, regex="red|blue", never_heard_of=None)
    assert answer.status_code == 200, answer.text


def test_h23_fields_that_change_vectors_are_refused(talking: HttpProcess) -> None:
    for path, fields in (("/v1/embeddings", "input"), ("/api/embed", "input"), ("/api/embeddings", "prompt")):
        answer = talking.post(path, model="minilm", **{fields: "a cat"}, normalize=False)
        assert (answer.status_code, "normalize" in answer.text) == (400, True), answer.text


def test_h23_options_beside_ollamas_options_count(talking: HttpProcess) -> None:
    body: Any = BODIES["/api/generate"]
    assert talking.post("/api/generate", model=MODEL, **body, num_predict=3, temperature=0).json()["eval_count"] == 3
    contradiction = talking.post("/api/generate", model=MODEL, **body, num_predict=3, options={"num_predict": 4})
    assert contradiction.json()["error"].startswith("num_predict: ")


def test_h23_the_documentation_has_the_table() -> None:
    written = PAGE.read_text().split("<!-- fields -->")[1].split("<!-- end of fields -->")[0]
    assert written.strip() == table()
