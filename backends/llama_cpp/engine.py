"""The engine behind ``llama_cpp``: a thin layer on ``tabagent_model.PyModel``, which does the work in Rust."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tabagent_model

from backends import chat_prompt
from backends.contract import (
    Completion,
    EngineError,
    GenerationCancelled,
    LoadProgress,
    LoadRequest,
    ModelInfo,
    Progress,
    Sampling,
    TextStream,
)
from backends.llama_cpp import ternary
from backends.template_process import TemplateProcess

_CODES: tuple[tuple[type[tabagent_model.ModelError], str], ...] = (
    (tabagent_model.ModelNotFound, "model_not_found"),
    (tabagent_model.NotGguf, "model_corrupt"),
    (tabagent_model.CorruptModel, "model_corrupt"),
    (tabagent_model.UnknownArchitecture, "unsupported_architecture"),
    (tabagent_model.InsufficientMemory, "insufficient_memory"),
    (tabagent_model.ContextOverflow, "context_overflow"),
    (tabagent_model.ModelClosed, "model_unloaded"),
    (tabagent_model.GenerationFailed, "generation_failed"),
    (tabagent_model.ModelError, "load_failed"),
)


class LlamaCppEngine:
    """One GGUF model."""

    def __init__(self) -> None:
        self._model = tabagent_model.PyModel()
        self._template: TemplateProcess | None = None
        self._special_tokens = chat_prompt.SpecialTokens(())

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load with the library of the given CPU variant."""
        model = self._model
        with _errors_mapped():
            model.load(
                tabagent_model.get_library(request.cpu_variant),
                str(ternary.readable(request.path, request.cache_dir)),
                gpu_layers=request.gpu_layers,
                mlock=request.mlock,
                context_length=request.context_length,
                n_parallel=request.parallel,
                threads=request.threads or None,
                progress=progress,
            )
        if model.chat_template is not None:
            self._template = TemplateProcess(
                model.chat_template,
                {
                    "add_generation_prompt": True,
                    "bos_token": model.token_text(model.token_bos) if model.token_bos >= 0 else "",
                    "eos_token": model.token_text(model.token_eos) if model.token_eos >= 0 else "",
                },
            )
        self._special_tokens = chat_prompt.SpecialTokens(model.special_tokens())
        return ModelInfo(
            architecture=model.architecture,
            context_length=model.context_length,
            context_train_length=model.context_train_size,
            vocab_size=model.vocab_size,
            embedding_length=model.embedding_dim,
            size_bytes=model.size_bytes,
            chat_template=self._template is not None,
            details={"cpu_variant": request.cpu_variant, "threads": model.threads, "parallel": model.n_parallel},
        )

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Continue plain text, after BOS where the model wants one."""
        with _errors_mapped():
            tokens = self._model.tokenize(prompt, add_special=True)
        return self._stream(tokens or [self._model.token_bos], sampling, coalesce_ms)

    def chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation."""
        if self._template is None:
            raise EngineError("template_error", "This model carries no chat template; use generate.")
        tokens = []
        for piece in chat_prompt.build(messages, self._template, self._special_tokens):
            tokens += self._model.tokenize(piece.text, parse_special=piece.parse_special)
        bos = self._model.token_bos
        if self._model.should_add_bos and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return self._stream(tokens, sampling, coalesce_ms)

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        with _errors_mapped():
            return self._model.tokenize(text, add_special=add_special, parse_special=special)

    def close(self) -> None:
        """Free the model and end the template's process."""
        if self._template is not None:
            self._template.close()
        self._model.close()

    def _stream(self, tokens: list[int], sampling: Sampling, coalesce_ms: float) -> TextStream:
        with _errors_mapped():
            stream = self._model.stream(
                tokens,
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                top_k=sampling.top_k,
                top_p=sampling.top_p,
                min_p=sampling.min_p,
                repeat_penalty=sampling.repeat_penalty,
                seed=sampling.seed,
                stop=sampling.stop,
                coalesce_ms=coalesce_ms,
            )
        return LlamaCppStream(stream)


class LlamaCppStream:
    """A stream of the wheel as the contract has it."""

    def __init__(self, stream: tabagent_model.TokenStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        with _errors_mapped():
            yield from self._stream

    def cancel(self) -> None:
        """Stop, in prefill too."""
        self._stream.cancel()

    @property
    def progress(self) -> Progress:
        """How far the prompt is."""
        done, total = self._stream.progress
        return Progress(self._stream.queued, done, total, self._stream.activity)

    @property
    def completion(self) -> Completion:
        """The whole answer."""
        done = self._stream.completion
        times: Mapping[str, Any] = done.timings
        return Completion(
            text=done.text,
            finish_reason=done.finish_reason,
            prompt_tokens=done.prompt_tokens,
            completion_tokens=done.completion_tokens,
            cached_tokens=done.cached_tokens,
            queue_ms=times["queue_ms"],
            prefill_ms=times["prefill_ms"],
            decode_ms=times["decode_ms"],
            time_to_first_token_ms=times["time_to_first_token_ms"],
        )


@contextmanager
def _errors_mapped() -> Iterator[None]:
    """The wheel's typed errors as the contract's."""
    try:
        yield
    except tabagent_model.Cancelled as error:
        raise GenerationCancelled from error
    except tabagent_model.ModelError as error:
        raise _engine_error(error) from error


def _engine_error(error: tabagent_model.ModelError) -> EngineError:
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    details = dict(error.details)
    if error.path is not None:
        details["path"] = str(error.path)
    return EngineError(code, str(error), **details)
