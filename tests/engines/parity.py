"""The same weights through every engine: what each continues 20 prompts with, against PyTorch in float32.

``python -m tests.engines.parity`` prints the table of docs/parity.md.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

from llguidance import LLTokenizer

from tabagent_harness import HostProcess
from tabagent_weights import smollm2
from tabagent_weights.routes import EMBEDDINGS, TEXT, Route
from tests.support import Installation

TOKENS = 32
PROMPTS = (
    "Once upon a time, in a small village,",
    "The capital of France is",
    "Water boils at a temperature of",
    "def fibonacci(n):\n    ",
    "The three primary colours are",
    "To make bread you need flour,",
    "In 1969, the first human",
    "The opposite of hot is",
    "Dear Sir or Madam,\n\n",
    "1, 2, 3, 4, 5,",
    "The mitochondria is the",
    "SELECT name FROM users WHERE",
    "Shakespeare wrote many plays, among them",
    "It was a dark and stormy night;",
    "The speed of light is approximately",
    "Le chat est",
    "A triangle has three sides and",
    "The best way to learn a language is",
    "Photosynthesis is the process by which",
    "Question: What is 2 + 2?\nAnswer:",
)
SENTENCES = (
    "A cat sits on the mat.",
    "The quick brown fox jumps over the lazy dog.",
    "",
    "Paris is the capital of France, and Berlin that of Germany.",
    "日本語の文章も、少し。",
    "An unbelievable picture of a cat 😀, which no vocabulary spells.",
    "print('hello world')",
)


@dataclass(frozen=True)
class Difference:
    """First token of an engine that differs from PyTorch's.

    Attributes:
        prompt: The prompt.
        token: Index of the token in the continuation.
        gap: PyTorch's logit of its best token there, less that of its second best.
    """

    prompt: str
    token: int
    gap: float


@cache
def reference() -> Reference:
    """Return PyTorch with the weights, loaded once."""
    return Reference()


class Reference:
    """Greedy continuations by Transformers in this process, with their logits."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415  # takes seconds; listing tests needs neither

        folder = smollm2.safetensors()
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._vocabulary = LLTokenizer((folder / "tokenizer.json").read_text())

    @cache  # noqa: B019  # there is one for the process
    def tokens(self, prompt: str, count: int) -> tuple[list[bytes], list[float]]:
        """Return the bytes of each token, and the gap between the best logit and the second at each."""
        inputs = self._tokenizer(prompt, return_tensors="pt")
        out = self._model.generate(
            **inputs, max_new_tokens=count, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
        tokens = out.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        if tokens[-1] == self._model.config.eos_token_id:
            tokens.pop()
        best = [logits[0].topk(2).values for logits in out.logits]
        pieces = [bytes(self._vocabulary.decode_bytes([token])) for token in tokens]
        return pieces, [float(first - second) for first, second in best]

    def difference(self, prompt: str, tokens: list[bytes], count: int) -> Difference | None:
        """Return the first token that differs; None if all ``count`` are equal.

        Tokens are compared, not texts: " w" is the beginning of " woman" and another token.
        """
        expected, gaps = self.tokens(prompt, count)
        if tokens == expected:
            return None
        pairs = zip_longest(tokens, expected)
        first = next(index for index, (token, other) in enumerate(pairs) if token != other)
        return Difference(prompt, first, gaps[min(first, len(gaps) - 1)])


@contextmanager
def host() -> Iterator[HostProcess]:
    """A host of an installation of its own."""
    installation = Installation(Path(tempfile.mkdtemp(prefix="tabagent-test-")))
    try:
        with installation.host() as process:
            yield process
    finally:
        installation.stop()
        shutil.rmtree(installation.root, ignore_errors=True)


def continuations(route: Route, process: HostProcess, prompts: Sequence[str], count: int) -> list[list[bytes]]:
    """Return the tokens, as bytes, that the engine continues each prompt with."""
    fields = {"model": str(route.make()), "engine": route.engine}
    load = {"context_length": 512, "allow_pickle": True}
    process.result("load_model", **fields, options=load)
    options = {"max_tokens": count, "temperature": 0, "logprobs": True, **load}
    continued = []
    for prompt in prompts:
        last = process.result("generate", prompt=prompt, options=options, **fields)
        assert last["event"] == "done", (route.name, last)
        continued.append([bytes(token["bytes"]) for token in last["result"]["logprobs"]])
    return continued


def differences(
    route: Route, process: HostProcess, prompts: Sequence[str] = PROMPTS, count: int = TOKENS
) -> list[Difference]:
    """Return the first difference from PyTorch for each prompt that has one. The model stays loaded."""
    pairs = zip(prompts, continuations(route, process, prompts, count), strict=True)
    compared = (reference().difference(prompt, tokens, count) for prompt, tokens in pairs)
    return [difference for difference in compared if difference is not None]


def embeddings(route: Route, process: HostProcess) -> list[list[float]]:
    """A vector for every sentence."""
    last = process.result("embed", model=str(route.make()), engine=route.engine, input=list(SENTENCES))
    assert last["event"] == "done", (route.name, last)
    vectors: list[list[float]] = last["result"]["embeddings"]
    return vectors


def main() -> None:
    """Print the table."""
    lines = ["| Route | Continuations like PyTorch's | First difference (token, PyTorch's gap) |", "|---|---|---|"]
    with host() as process:
        for route in TEXT:
            found = differences(route, process)
            process.result("unload_model", model=str(route.make()))
            first = min(found, key=lambda it: it.token, default=None)
            where = f"{first.prompt[:24]!r}: token {first.token}, {first.gap:.4f}" if first else "none"
            lines.append(f"| {route.name} | {len(PROMPTS) - len(found)} of {len(PROMPTS)} | {where} |")
        lines += ["", "| Embeddings | Smallest cosine with PyTorch's |", "|---|---|"]
        expected = embeddings(EMBEDDINGS[0], process)
        for route in EMBEDDINGS[1:]:
            worst = min(map(cosine, expected, embeddings(route, process)))
            lines.append(f"| {route.name} | {worst:.6f} |")
    sys.stdout.write("\n".join(lines) + "\n")


def cosine(one: list[float], other: list[float]) -> float:
    """Of vectors of length 1."""
    return sum(x * y for x, y in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
