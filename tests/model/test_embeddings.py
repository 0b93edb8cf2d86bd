"""MiniLM through llama.cpp: texts to vectors, and a ranking model on its body."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import pytest
from tabagent_model import ContextOverflow, InvalidParameter, LoadFailed, ModelClosed, PyModel, WrongTask

from tabagent_weights import minilm_gguf, tiny_bert

TEXTS = (
    "The capital of France is Paris.",
    "Paris is the French capital.",
    "My cat sleeps all day.",
    "",
    "Zürich, 東京 and naïve façades; print('hello')",
)
DOCUMENTS = ("Paris is the capital of France.", "A cat sat on the mat.", "Berlin")


@pytest.fixture(scope="module")
def minilm(library: str) -> Iterator[PyModel]:
    with PyModel() as model:
        model.load(library, minilm_gguf.embeds())
        yield model


@pytest.fixture(scope="module")
def ranking(library: str) -> Iterator[PyModel]:
    with PyModel() as model:
        model.load(library, minilm_gguf.ranks(segments=1))
        yield model


def _cosine(one: list[float], other: list[float]) -> float:
    return sum(x * y for x, y in zip(one, other, strict=True))


def test_vectors_have_length_one_and_tell_texts_apart(minilm: PyModel) -> None:
    assert minilm.task == "embed"
    vectors, tokens = minilm.embed(TEXTS)
    assert [len(vector) for vector in vectors] == [minilm.embedding_dim] * len(TEXTS)
    assert all(math.isclose(_cosine(vector, vector), 1, abs_tol=1e-5) for vector in vectors)
    assert _cosine(vectors[0], vectors[1]) > 0.9 > 0.3 > _cosine(vectors[0], vectors[2])
    assert tokens == sum(len(minilm.tokenize(text, add_special=True)) for text in TEXTS)


def test_a_text_is_the_same_among_others(minilm: PyModel) -> None:
    """More tokens and more texts than go into one batch."""
    texts = [f"{text} {number}" for number in range(40) for text in TEXTS]
    together, _ = minilm.embed(texts)
    for text, vector in list(zip(texts, together, strict=True))[::17]:
        assert _cosine(vector, minilm.embed([text])[0][0]) > 1 - 1e-5


def test_nothing_gives_nothing(minilm: PyModel) -> None:
    assert minilm.embed([]) == ([], 0)


def test_a_text_cannot_hold_a_control_token(minilm: PyModel) -> None:
    (separator,) = minilm.tokenize("[SEP]", parse_special=True)
    assert separator not in minilm.tokenize("[SEP]")
    _, tokens = minilm.embed(["[SEP]"])
    assert tokens == len(minilm.tokenize("[SEP]")) + 2


def test_a_text_that_does_not_fit_is_refused_whole(minilm: PyModel) -> None:
    fits, too_long = "word " * 510, "word " * 511
    assert minilm.embed([fits])[1] == minilm.context_length
    with pytest.raises(ContextOverflow) as raised:
        minilm.embed(["short", too_long])
    assert raised.value.details == {"prompt_tokens": 513, "context_length": 512}
    with pytest.raises(ContextOverflow):
        minilm.embed(["x" * 1_000_000])


def test_several_callers(minilm: PyModel) -> None:
    alone = [minilm.embed([text])[0][0] for text in TEXTS]
    found: dict[int, list[float]] = {}

    def ask(index: int) -> None:
        found[index] = minilm.embed([TEXTS[index]] * 20)[0][-1]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(TEXTS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(_cosine(found[index], vector) > 1 - 1e-5 for index, vector in enumerate(alone))


def test_what_it_was_not_made_for(minilm: PyModel, ranking: PyModel, model: PyModel) -> None:
    for asked in (minilm.generate, minilm.stream, minilm.next_logits):
        with pytest.raises(WrongTask, match="generate") as raised:
            asked([1])
        assert raised.value.details == {"action": "generate", "can": "embed"}
    for other in (ranking, model):
        with pytest.raises(WrongTask, match="embed"):
            other.embed(["a"])
    with pytest.raises(WrongTask, match="rerank"):
        minilm.rerank("a", ["b"])
    assert (ranking.task, model.task) == ("rerank", "generate")


@pytest.mark.parametrize("texts", ["text", 5, [5], [None], ["\ud800"], None])
def test_what_are_no_texts_is_refused(minilm: PyModel, texts: object) -> None:
    with pytest.raises(InvalidParameter, match="texts"):
        minilm.embed(texts)  # type: ignore[arg-type]


def test_closing_ends_what_is_computed(library: str) -> None:
    model = PyModel()
    model.load(library, minilm_gguf.embeds())
    begun = threading.Event()
    outcome: list[str] = []

    def work() -> None:
        try:
            while True:
                model.embed(["word " * 400] * 4)
                begun.set()
        except ModelClosed:
            outcome.append("closed")

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    model.close()
    thread.join()
    assert outcome == ["closed"]


def test_scores_are_those_of_the_same_model_in_transformers(ranking: PyModel) -> None:
    import torch  # noqa: PLC0415  # seconds that listing tests does without
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415

    folder = tiny_bert.made_for(labels=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    reference = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    query = "What is the capital of France?"
    scores, tokens = ranking.rerank(query, DOCUMENTS)
    expected, length = [], 0
    for document in DOCUMENTS:
        inputs = tokenizer(query, document, return_tensors="pt")
        inputs["token_type_ids"] = torch.zeros_like(inputs["token_type_ids"])
        length += inputs["input_ids"].shape[1]
        with torch.no_grad():
            expected.append(float(reference(**inputs).logits.sigmoid()))
    assert scores == pytest.approx(expected, abs=2e-3)
    assert tokens == length


def test_a_model_with_segments_of_its_own_does_not_rank_wrongly(library: str) -> None:
    with pytest.raises(LoadFailed, match="segments"):
        PyModel().load(library, minilm_gguf.ranks(segments=2))
