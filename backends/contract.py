"""What an engine is (``EngineDescriptor``, data) and what it does (``Engine``, behaviour in a worker process).

An engine raises ``EngineError`` with a code of PROTOCOL.md for what a user can act on; anything else is a defect.
Calls of one engine come from several threads at once and must be safe for that. An engine has the methods of those
``Action``s that ``ModelInfo.actions`` names for the model it has loaded; nothing else is called.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

FinishReason = Literal["stop", "length", "tool_calls"]
Action = Literal["generate", "chat", "tokenize", "embed", "rerank", "infer"]
TEXT_ACTIONS: tuple[Action, ...] = ("generate", "chat", "tokenize")
"""What a language model does."""
LoadProgress = Callable[[float], None]
"""Called with the fraction of the model that is read, 0 to 1."""
PullProgress = Callable[[int, int], None]
"""Called with the bytes that are there, and in all."""
Steps = Generator[tuple[int, int, str], None, Any]
"""Done, in all, and of which unit (PROTOCOL.md's ``progress``)."""
Message = Mapping[str, Any]
"""A turn as PROTOCOL.md's ``chat`` has it: ``role``, ``content`` (text or parts), ``tool_calls``, ``tool_call_id``,
``reasoning_content``."""


@dataclass(frozen=True, slots=True)
class EngineDescriptor:
    """An engine as data: the registry, the router, ``hello`` and the docs read this and nothing else.

    ``engine`` is ``"module:Class"``, imported only in a worker. ``requires`` are the modules it needs;
    ``install_hint`` is the command that provides them. ``formats`` are names of ``tabagent_model``'s kinds of models.
    ``uses_cpu_variants``: its ``LoadRequest`` names the ggml CPU variant that was found to run here.
    ``uses_network``: it talks to a server; the workers of all others are kept off the network.
    ``catalogue``: ``"module:Class"`` of a ``Catalogue``, for an engine whose models a server has. Its first format is
    the kind of server that it asks; others are kinds whose models it can use as well.
    """

    name: str
    language: Literal["rust", "python"]
    engine: str
    formats: tuple[str, ...]
    tasks: tuple[str, ...]
    capabilities: tuple[str, ...]
    requires: tuple[str, ...]
    install_hint: str
    uses_cpu_variants: bool = False
    uses_network: bool = False
    catalogue: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """Where models are served. ``url`` has no slash at its end and no password in it.

    ``key`` is sent to this address and nowhere else, and is never shown. ``connect_s``: seconds to reach it;
    ``stall_s``: seconds without a byte after which it counts as stuck. ``is_guessed``: nobody set this address, it is
    where such a server usually listens, so a program of another person there is not believed to be one.
    """

    name: str
    url: str
    key: str = field(default="", repr=False)
    connect_s: float = 5.0
    stall_s: float = 120.0
    is_guessed: bool = False


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as its server tells it; None where it does not. ``task``: the hub's name."""

    id: str
    task: str | None = None
    architecture: str | None = None
    quantisation: str | None = None
    context_length: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What to load, and how. ``threads`` 0 means one per physical core; ``context_length`` None the model's own.

    ``format``, ``task`` (the hub's name, or None where nothing tells) and ``architecture`` are what Rust found.
    ``device``: ``auto``, ``cpu``, ``cuda`` or ``metal``; ``dtype``: ``auto`` is the weights' own.
    ``cache_dir`` is for what an engine makes of a model and wants to find again.
    ``server``: who has the model, under the name ``served_as``; None, and empty, for a model on disk, at ``path``.
    """

    path: Path
    cache_dir: Path
    format: str = ""
    task: str | None = None
    architecture: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    context_length: int | None = None
    gpu_layers: int = 0
    mlock: bool = False
    threads: int = 0
    parallel: int = 4
    cpu_variant: str = ""
    server: Server | None = None
    served_as: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model; numbers are 0 where a server does not tell. ``details``: the engine's own facts, JSON scalars."""

    architecture: str
    context_length: int
    context_train_length: int
    vocab_size: int
    embedding_length: int
    size_bytes: int
    chat_template: bool
    actions: tuple[Action, ...] = TEXT_ACTIONS
    details: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Constraint:
    """What an answer must match: a JSON schema (as JSON), a regular expression, llama.cpp's GBNF, llguidance's Lark.

    ``llguidance``: a grammar that is compiled already, as JSON.
    """

    kind: Literal["json_schema", "regex", "gbnf", "lark", "llguidance"]
    value: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen and when to end. Ranges: PROTOCOL.md. ``logprobs``: so many alternatives for each token."""

    max_tokens: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float
    seed: int | None
    stop: tuple[str, ...]
    constraint: Constraint | None = None
    logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What to answer. ``tools`` are OpenAI's; none are offered with ``tool_choice`` ``none``.

    ``required``: the answer calls one of them, several only with ``parallel_tool_calls``. ``thinking``: whether a model
    that can should think first; None leaves it to its template. ``reasoning_effort``: how much, ``none``: not at all.
    ``template_options`` are variables of the chat template.
    """

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: Literal["none", "auto", "required"] = "none"
    parallel_tool_calls: bool = True
    thinking: bool | None = None
    reasoning_effort: str | None = None
    template_options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model wants made; ``arguments`` is JSON, of which the end is missing if the answer was cut."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's text, bytes, and natural logarithm of its probability in the model's own distribution.

    ``top``: the likeliest at its place, in that order, without ``top`` of their own.
    """

    text: str
    data: bytes
    logprob: float
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """Arguments that a call grows by. One with an ``id`` begins the call; ``index`` counts the calls of an answer."""

    index: int
    arguments: str
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What an answer grows by. Texts are whole code points.

    ``logprobs`` are of the tokens since the last delta, of thoughts and calls too; text may lag behind its tokens.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallPart, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished answer, whole. Times are milliseconds. ``stop_sequence``: the one that ended it, where known.

    ``template``: the name of the fallback for a model without a chat template; empty otherwise.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    queue_ms: float
    prefill_ms: float
    decode_ms: float
    time_to_first_token_ms: float
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    stop_sequence: str | None = None
    template: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an answer without a first token is: prompt tokens evaluated (``done``) of ``total``.

    ``queued``: it still waits for its turn. ``activity`` is a number that changes while the engine computes, for this
    answer or others, and None while it waits for readers: where it stays the same, the engine is stuck.
    """

    queued: bool
    done: int
    total: int
    activity: int | None


class TextStream(Protocol):
    """An answer as it comes: iterate for what it grows by, then read ``completion``.

    ``cancel`` may be called from any thread and ends the iteration with ``GenerationCancelled``.
    """

    def __iter__(self) -> Iterator[Delta]: ...

    def cancel(self) -> None:
        """Stop, in prefill too."""

    @property
    def progress(self) -> Progress:
        """How far it is; from any thread."""

    @property
    def completion(self) -> Completion:
        """The whole answer; only after the iteration has ended."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A vector for each text, in their order, each of length 1."""

    vectors: list[list[float]]
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well each document answers the query, in their order; 0 to 1, higher is better."""

    scores: list[float]
    prompt_tokens: int


class Engine(Protocol):
    """One loaded model. What it does is in the protocols below, by ``ModelInfo.actions``."""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load. Called once, before anything else."""

    def close(self) -> None:
        """Free everything; streams that still run end."""


class TextEngine(Engine, Protocol):
    """``generate``, ``chat``, ``tokenize``."""

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Continue plain text; special tokens in it are not parsed."""

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        """Answer a conversation through the model's own chat template. Content never becomes a control token."""

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids of ``text``."""


class EmbeddingEngine(Engine, Protocol):
    """``embed``."""

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector for each text. A text longer than the model takes raises ``context_overflow``."""


class RankingEngine(Engine, Protocol):
    """``rerank``."""

    def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """How well each document answers the query."""


class TaskEngine(Engine, Protocol):
    """``infer``."""

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Run the model's task; inputs, parameters and the answer as the hub's Inference API has them (PROTOCOL.md).

        What takes long is ``Steps``: a generator that says after each step how much is done, and returns the answer.
        A request that is cancelled ends between two of them.
        """


class Catalogue(Protocol):
    """What a server has; asked by the broker, in a thread. Raises ``EngineError``, as an engine does."""

    def __init__(self, server: Server) -> None: ...

    def models(self) -> list[ServedModel]:
        """All that can be asked of it now."""

    def pull(self, model: str, progress: PullProgress) -> None:
        """Have the server download a model; for those with the capability ``pull``."""

    def close(self) -> None:
        """From any thread: let go of its connections, which ends a download."""


class EngineError(Exception):
    """A failure with a code of PROTOCOL.md; ``details`` are JSON values."""

    def __init__(self, code: str, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class GenerationCancelled(Exception):
    """The stream was cancelled."""
