"""What the engines in Rust have in common: a model of ``tabagent_model`` that writes text, as the contract has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tabagent_model

from backends.contract import (
    Completion,
    Constraint,
    Conversation,
    Delta,
    EngineError,
    GenerationCancelled,
    ModelInfo,
    Progress,
    Sampling,
    TextStream,
    TokenLogprob,
)
from backends.conversation.chat_template import ChatTemplate
from backends.conversation.messages import texts_of
from backends.conversation.prompt import SpecialTokens
from backends.grammar import compiled, unusable
from backends.text.limits import refuse_long

_CODES: tuple[tuple[type[tabagent_model.ModelError], str], ...] = (
    (tabagent_model.ModelNotFound, "model_not_found"),
    (tabagent_model.WrongFormat, "model_corrupt"),
    (tabagent_model.CorruptModel, "model_corrupt"),
    (tabagent_model.ModelRefused, "format_refused"),
    (tabagent_model.UnknownArchitecture, "unsupported_architecture"),
    (tabagent_model.InsufficientMemory, "insufficient_memory"),
    (tabagent_model.ContextOverflow, "context_overflow"),
    (tabagent_model.WrongTask, "unsupported_task"),
    (tabagent_model.ModelClosed, "model_unloaded"),
    (tabagent_model.GenerationFailed, "generation_failed"),
    (tabagent_model.ModelError, "load_failed"),
)


WheelModel = tabagent_model.PyModel | tabagent_model.CandleModel


class WheelText:
    """``generate``, ``chat`` and ``tokenize``. Whoever loads the model calls ``_model_loaded`` then."""

    def __init__(self, model: WheelModel) -> None:
        self._model = model
        self._template: ChatTemplate | None = None
        self._shown: list[int] = []

    def _model_loaded(self, **details: str | int) -> ModelInfo:
        """What is loaded; ``details`` are the engine's own facts."""
        model = self._model
        bos, eos = (model.token_text(token) if token >= 0 else "" for token in (model.token_bos, model.token_eos))
        named = {"bos_token": bos, "eos_token": eos}
        special = model.special_tokens()
        self._template = ChatTemplate(model.chat_template, SpecialTokens(special), named)
        self._shown = [token for text, token in special.items() if text in self._template.marks]
        return ModelInfo(
            architecture=model.architecture,
            context_length=model.context_length,
            context_train_length=model.context_train_size,
            vocab_size=model.vocab_size,
            embedding_length=model.embedding_dim,
            size_bytes=model.size_bytes,
            chat_template=self._template.exists,
            details={"threads": model.threads, "parallel": model.n_parallel, **details},
        )

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Continue plain text, after BOS where the model wants one."""
        self._refuse_long([prompt])
        with errors_mapped():
            tokens = self._model.tokenize(prompt, add_special=True)
        return self._stream(tokens or [max(self._model.token_bos, 0)], sampling, coalesce_ms)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation."""
        assert self._template is not None
        self._refuse_long(texts_of(conversation.messages))
        prepared = self._template.prepare(conversation, sampling)
        self._refuse_long(piece.text for piece in prepared.pieces)
        tokens = []
        with errors_mapped():
            for piece in prepared.pieces:
                tokens += self._model.tokenize(piece.text, parse_special=piece.parse_special)
        bos = self._model.token_bos
        if self._model.should_add_bos and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return prepared.answer(self._stream(tokens, prepared.sampling, coalesce_ms, self._shown))

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        with errors_mapped():
            return self._model.tokenize(text, add_special=add_special, parse_special=special)

    def close(self) -> None:
        """Free the model and end the template's process."""
        if self._template is not None:
            self._template.close()
        self._model.close()

    def _refuse_long(self, texts: Iterable[str]) -> None:
        refuse_long(texts, self._model.longest_token, self._model.context_length)

    def _stream(
        self, tokens: list[int], sampling: Sampling, coalesce_ms: float, shown: Sequence[int] = ()
    ) -> TextStream:
        """Begin an answer; ``shown``: control tokens that its text shows."""
        constraint = sampling.constraint
        with errors_mapped(), _grammar_errors_mapped(constraint):
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
                grammar=compiled(constraint) if constraint else None,
                logprobs=sampling.logprobs,
                shown=shown,
            )
        return WheelStream(stream)


class WheelStream:
    """A stream of the wheel as the contract has it."""

    def __init__(self, stream: tabagent_model.TokenStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Delta]:
        with errors_mapped():
            for text in self._stream:
                yield Delta(text, logprobs=self._new_logprobs())
            if rest := self._new_logprobs():
                yield Delta(logprobs=rest)

    def _new_logprobs(self) -> tuple[TokenLogprob, ...]:
        return tuple(
            _logprob(found.bytes, found.logprob, tuple(_logprob(data, logprob) for _, data, logprob in found.top))
            for found in self._stream.take_logprobs()
        )

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
            stop_sequence=done.stop_sequence,
        )


def _logprob(data: bytes, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
    return TokenLogprob(data.decode(errors="replace"), data, logprob, top)


@contextmanager
def _grammar_errors_mapped(constraint: Constraint | None) -> Iterator[None]:
    try:
        yield
    except tabagent_model.InvalidParameter as error:
        if constraint is None or error.details.get("name") != "grammar":
            raise
        raise unusable(constraint, str(error.details["reason"]).removeprefix("cannot be kept to: ")) from error


@contextmanager
def errors_mapped() -> Iterator[None]:
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
