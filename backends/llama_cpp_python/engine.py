"""The engine behind ``llama_cpp_python``: llama.cpp computes logits; all else is what engines in Python share."""

from __future__ import annotations

import sys
from functools import partial

from backends.by_task import EngineByTask
from backends.contract import TEXT_ACTIONS, EngineError, LoadProgress, LoadRequest, ModelInfo
from backends.llama_cpp_python.cores import physical_cores
from backends.llama_cpp_python.sequence import Compute, EvaluatedSequence
from backends.llama_cpp_python.tokenizer import GgufTokenizer
from backends.llama_cpp_python.vocabulary import Vocabulary
from backends.llama_cpp_python.weights import Weights
from backends.text.language_model import LanguageModel
from backends.text.limits import LARGEST_DEFAULT_CONTEXT


class LlamaCppPythonEngine(EngineByTask):
    """One GGUF model. Closing it ends the template's process; the weights go with the last stream."""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load it.

        Raises:
            EngineError: what ``Weights`` raises; ``load_failed`` in a process that has the wheel's llama.cpp.
        """
        if "tabagent_model" in sys.modules:
            # The loader takes libraries of one name for one another, and these are of two versions.
            raise EngineError("load_failed", "The engine llama_cpp_python needs a process without tabagent_model.")
        return self._serve(TextGeneration(request, progress))


class TextGeneration(LanguageModel):
    """One language model; each request has a context, and thus a KV cache, of its own."""

    def __init__(self, request: LoadRequest, progress: LoadProgress) -> None:
        self._weights = weights = Weights(request, progress)
        self._vocabulary = vocabulary = Vocabulary(weights)
        tokenizer = GgufTokenizer(vocabulary, weights.chat_template)
        self._threads = request.threads or physical_cores()
        compute = Compute(weights, vocabulary.size, self._threads)
        context_length = _context_length(request, weights.context_train_length)
        super().__init__(tokenizer, partial(EvaluatedSequence, compute), context_length, request.parallel)

    def info(self) -> ModelInfo:
        """What is loaded."""
        weights = self._weights
        return ModelInfo(
            architecture=weights.architecture,
            context_length=self.context_length,
            context_train_length=weights.context_train_length,
            vocab_size=self._vocabulary.size,
            embedding_length=weights.embedding_length,
            size_bytes=weights.size_bytes,
            chat_template=weights.chat_template is not None,
            actions=TEXT_ACTIONS,
            details={"threads": self._threads},
        )


def _context_length(request: LoadRequest, trained: int) -> int:
    """Tokens; ``trained`` is 0 where the file does not tell."""
    wanted = request.context_length or LARGEST_DEFAULT_CONTEXT
    return min(wanted, trained) if trained else wanted
