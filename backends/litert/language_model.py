"""Language models of LiteRT-LM.

Its traps, all measured with 0.18.1, and what is done about them:

- Control tokens are parsed in every text, contents too: a prompt is given in pieces that are tokenised one by one.
- A prefill cannot be cancelled, and decoding a session that was cancelled before hangs: prompts are evaluated in parts,
  and a session is cancelled only by the thread that reads it.
- Dropping a stream does not stop it: it is cancelled and read to its end.
- Sessions, and conversations that are only rendered, wait until an answer that is being written is whole: one request
  at a time gets to the runtime, so that the others are seen to wait and can be cancelled.
- A stream ends alike for every reason: the runtime's count of decoded tokens tells which it was.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import litert_lm

from backends.contract import TEXT_ACTIONS, Conversation, EngineError, LoadRequest, ModelInfo, Sampling, TextStream
from backends.conversation.answer import Answer
from backends.conversation.chat_template import ChatTemplate
from backends.conversation.dialogue import Dialogue
from backends.conversation.messages import texts_of
from backends.conversation.prompt import Variables
from backends.conversation.template_options import EFFORT, THINKING_SWITCHES
from backends.conversation.tools import HERMES
from backends.derived_models import derived
from backends.litert.vocabulary import Part, Vocabulary
from backends.text.control import Control, Slots
from backends.text.limits import LARGEST_DEFAULT_CONTEXT, refuse_long, refuse_overflow
from backends.text.stream import Generation, Piece, Pieces

ALL_TOKENS = 1 << 20
"""More than any vocabulary has: ``top_k`` that takes all."""
NO_CACHE = ":nocache"
_NOT_RENDERED = frozenset({"tools", "documents", "add_generation_prompt"})
"""Variables of Transformers' templates that are not passed to the runtime, which sets its own."""


class LanguageModel:
    """One language model."""

    def __init__(self, request: LoadRequest) -> None:
        litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
        self._size = request.path.stat().st_size
        self._trained, self._type = _read_about(request.path)
        wanted = request.context_length or min(self._trained, LARGEST_DEFAULT_CONTEXT)
        self._context_length = min(wanted, self._trained)
        self._engine = _open(request, self._context_length)
        self._vocabulary = Vocabulary(self._engine)
        template = RuntimeTemplate(self._engine)
        self._fallback = None if template.exists() else ChatTemplate(None, self._vocabulary.special, {})
        self._dialogue = Dialogue("", template, self._vocabulary.special, grammars=False)
        self._slots = Slots(1)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return ModelInfo(
            architecture=self._type,
            context_length=self._context_length,
            context_train_length=self._trained,
            vocab_size=self._vocabulary.size,
            embedding_length=0,
            size_bytes=self._size,
            chat_template=self._fallback is None,
            actions=TEXT_ACTIONS,
            details={"runtime": "litert-lm", "ignored_options": "min_p, repeat_penalty"},
        )

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Continue plain text; the runtime puts BOS before it where the model wants one."""
        return self._stream(lambda: self._continued(prompt), sampling, coalesce_ms)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation."""
        if self._fallback is not None:
            self._refuse_long(texts_of(conversation.messages))
            prepared = self._fallback.prepare(conversation, sampling)
            texts = self._vocabulary.rendered(prepared.pieces)
            return prepared.answer(self._stream(lambda: texts, prepared.sampling, coalesce_ms))
        stream = self._stream(lambda: self._rendered(conversation), sampling, coalesce_ms)
        form = HERMES if conversation.tools and conversation.tool_choice != "none" else None
        return Answer(stream, self._dialogue.splitter(conversation, form))

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids."""
        return self._vocabulary.encode(text, special=special, add_special=add_special)

    def close(self) -> None:
        """Free the model and end the fallback template's process."""
        if self._fallback is not None:
            self._fallback.close()
        self._engine.close()

    def _continued(self, prompt: str) -> list[str]:
        self._refuse_long([prompt])
        return self._vocabulary.plain(prompt) or [self._vocabulary.beginning()]

    def _rendered(self, conversation: Conversation) -> list[str]:
        self._refuse_long(texts_of(conversation.messages))
        return self._vocabulary.rendered(self._dialogue.pieces(conversation)[0])

    def _stream(self, prompt: Callable[[], list[str]], sampling: Sampling, coalesce_ms: float) -> TextStream:
        """``prompt`` is asked for its texts when its turn has come: rendering waits for an answer that is written."""
        return Generation(
            lambda control: self._answer(prompt(), sampling, control), Control(0), self._slots, sampling, coalesce_ms
        )

    def _refuse_long(self, texts: Iterable[str]) -> None:
        refuse_long(texts, self._vocabulary.longest_token, self._context_length)

    def _parts(self, texts: Sequence[str]) -> tuple[list[Part], int]:
        self._refuse_long(texts)
        parts = list(self._vocabulary.parts(texts))
        tokens = sum(part.tokens for part in parts)
        refuse_overflow(tokens, self._context_length)
        return parts, tokens

    def _answer(self, texts: Sequence[str], sampling: Sampling, control: Control) -> Pieces:
        parts, control.prompt_tokens = self._parts(texts)
        with self._session(sampling) as session:
            evaluated = 0
            for part in parts:
                _prefill(session, part)
                evaluated += part.tokens
                control.evaluated(evaluated)
            shown = 0
            for text in _decoded(session):
                shown += 1
                yield Piece(text)
            decoded = session.get_benchmark_info().last_decode_token_count
            is_full = control.prompt_tokens + decoded >= self._context_length
            is_cut = is_full or decoded >= sampling.max_tokens
            control.finish = "length" if is_cut else "stop"
            # The runtime holds text back that could begin a stop token, so a piece may be of several tokens.
            yield Piece("", max(0, decoded - (0 if is_cut else 1) - shown))

    @contextmanager
    def _session(self, sampling: Sampling) -> Iterator[Any]:
        is_greedy = sampling.temperature == 0
        session = self._engine.create_session(
            apply_prompt_template=False,
            sampler_config=litert_lm.SamplerConfig(
                top_k=1 if is_greedy else sampling.top_k or ALL_TOKENS,
                top_p=sampling.top_p,
                temperature=1.0 if is_greedy else sampling.temperature,
                seed=_seed(sampling.seed),
            ),
            max_output_tokens=min(sampling.max_tokens, self._context_length),
        )
        try:
            yield session
        finally:
            session.close()


class RuntimeTemplate:
    """Renders conversations through the runtime, which knows the templates of old files and of model families too."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def exists(self) -> bool:
        """Whether the model has a template: it makes more of a message than the message."""
        try:
            (text,) = self.render({"messages": [{"role": "user", "content": "Hi"}]})
        except EngineError:
            return False
        return len(text) > len("Hi")

    def render(self, *conversations: Variables) -> list[str]:
        """Each conversation as text.

        Raises:
            EngineError: ``template_error``.
        """
        return [
            self._render(**{name: value for name, value in conversation.items() if name not in _NOT_RENDERED})
            for conversation in conversations
        ]

    def names_read(self) -> frozenset[str]:
        """Return the options for thoughts that change the prompt; the runtime does not show the template."""
        probes = {**dict.fromkeys(THINKING_SWITCHES, (False, True)), EFFORT: ("low", "high")}
        return frozenset(name for name, values in probes.items() if self._distinguishes(name, *values))

    def _distinguishes(self, name: str, one: Any, other: Any) -> bool:
        hello = {"messages": [{"role": "user", "content": "Hi"}]}
        first, second = self.render({**hello, name: one}, {**hello, name: other})
        return first != second

    def _render(self, messages: list[dict[str, Any]], **options: Any) -> str:
        try:
            with self._engine.create_conversation(messages=messages[:-1], extra_context=options) as conversation:
                text: str = conversation.render_message_to_string(messages[-1])
        except RuntimeError as error:
            raise EngineError("template_error", f"LiteRT-LM cannot render the conversation: {error}") from error
        if not text:
            raise EngineError("template_error", "The model's chat template does not take this conversation.")
        return text


def _read_about(path: Path) -> tuple[int, str]:
    """The context that it was compiled for, and the family."""
    try:
        with litert_lm.ModelInfo(str(path)) as about:
            if not about.is_llm_model:
                raise EngineError(
                    "unsupported_task", "This engine runs language models of LiteRT-LM, and this is none."
                )
            return int(about.max_context_tokens) or LARGEST_DEFAULT_CONTEXT, _family(about.model_type)
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineError("load_failed", f"LiteRT-LM cannot read {path}: {error}", path=str(path)) from error


def _family(model_type: Any) -> str:
    name = getattr(model_type, "name", "")
    return name.removeprefix("kLiteRtLmModelType").lower() or "unknown"


def _open(request: LoadRequest, context_length: int) -> Any:
    try:
        # Left to itself the runtime writes this cache, as large as the model, beside the model.
        cache = str(derived(request.path, request.cache_dir, lambda folder: None))  # noqa: ARG005
    except OSError:
        cache = NO_CACHE
    try:
        return litert_lm.Engine(
            str(request.path),
            backend=litert_lm.Backend.CPU(thread_count=request.threads or os.cpu_count()),
            max_num_tokens=context_length,
            cache_dir=cache,
            enable_benchmark=True,
        )
    except RuntimeError as error:
        message = f"LiteRT-LM does not load {request.path}; the file may be damaged: {error}"
        raise EngineError("load_failed", message, path=str(request.path)) from error


def _prefill(session: Any, part: Part) -> None:
    try:
        session.run_prefill(list(part.texts))
    except RuntimeError as error:
        raise EngineError("generation_failed", f"LiteRT-LM did not evaluate the prompt: {error}") from error


def _decoded(session: Any) -> Iterator[str]:
    """Text as it comes; a reader that leaves stops it."""
    stream = session.run_decode_async()
    is_over = False
    try:
        for response in stream:
            yield "".join(response.texts)
        is_over = True
    except RuntimeError as error:
        is_over = True
        raise EngineError("generation_failed", f"LiteRT-LM: {error}") from error
    finally:
        if not is_over:
            session.cancel_process()
            for _ in stream:
                pass


def _seed(wanted: int | None) -> int:
    """31 bits. The runtime's generator answers neighbouring seeds with neighbouring numbers, so they are stirred."""
    if wanted is None:
        return secrets.randbits(31)
    return int.from_bytes(hashlib.sha256(str(wanted).encode()).digest()[:4], "little") >> 1
