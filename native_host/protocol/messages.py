"""The message schema: pydantic models of every request and result.

The one source of PROTOCOL.md's tables and of the extension's TypeScript types (``extension/src/protocol``).
Requests are validated strictly (no booleans for integers); unknown fields are ignored.
Sizes are bytes, lengths are tokens, times are milliseconds unless the name ends in ``_s``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from typing_extensions import TypeAliasType

from native_host.protocol.connection import MAX_ID, MAX_ID_BYTES, PROTOCOL_VERSION
from native_host.protocol.errors import ErrorCode, TabAgentError

Name = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
StopString = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Id = TypeAliasType(
    "Id",
    Annotated[int, Field(ge=0, le=MAX_ID)] | Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_BYTES)],
)


class Message(BaseModel):
    """What every message has in common."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


# ------------------------------------------------------------------------------------------------ options


class LoadOptions(Message):
    """How a model is loaded. ``context_length`` defaults to the model's own, at most 8192."""

    context_length: Annotated[int, Field(ge=16, le=16_777_216)] | None = None
    gpu_layers: Annotated[int, Field(ge=0, le=10_000)] = 0
    mlock: bool = False
    keep_alive: Annotated[float, Field(ge=-1, le=31_536_000)] | None = None


class GenerateOptions(LoadOptions):
    """How an answer is sampled, and how the model is loaded if it is not yet."""

    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.8
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] = 40
    top_p: Annotated[float, Field(ge=0, le=1)] = 0.95
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.05
    repeat_penalty: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    seed: Annotated[int, Field(ge=0, le=2**32 - 2)] | None = None
    stop: Annotated[list[StopString], Field(max_length=16)] = []


class ChatMessage(Message):
    """One turn. ``content`` is data: nothing in it is a control token."""

    role: Literal["system", "user", "assistant"]
    content: str


# ----------------------------------------------------------------------------------------------- requests


class RequestBase(Message):
    """The fields of every request."""

    id: Id


class ClientInfo(Message):
    """Who is asking, for the log."""

    name: str = ""
    version: str = ""


class HelloRequest(RequestBase):
    """Agree on a protocol version and learn what the host can do."""

    action: Literal["hello"]
    protocol: int = PROTOCOL_VERSION
    client: ClientInfo = ClientInfo()


class StatusRequest(RequestBase):
    """What is loaded and running."""

    action: Literal["status"]


class HardwareRequest(RequestBase):
    """What this machine is, and which CPU variant serves."""

    action: Literal["hardware"]


class ListModelsRequest(RequestBase):
    """The models that are on disk."""

    action: Literal["list_models"]


class LoadModelRequest(RequestBase):
    """Load a model and keep it."""

    action: Literal["load_model"]
    model: Name
    engine: Name = "auto"
    options: LoadOptions = LoadOptions()


class UnloadModelRequest(RequestBase):
    """End a model's worker, which gives its memory back."""

    action: Literal["unload_model"]
    model: Name


class GenerateRequest(RequestBase):
    """Continue a prompt, token by token."""

    action: Literal["generate"]
    model: Name
    prompt: str
    engine: Name = "auto"
    options: GenerateOptions = GenerateOptions()


class ChatRequest(RequestBase):
    """Answer a conversation, token by token."""

    action: Literal["chat"]
    model: Name
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1024)]
    engine: Name = "auto"
    options: GenerateOptions = GenerateOptions()


class TokenizeRequest(RequestBase):
    """Text as the model's tokens."""

    action: Literal["tokenize"]
    model: Name
    text: str
    engine: Name = "auto"
    special: bool = False
    add_special: bool = False
    options: LoadOptions = LoadOptions()


class CancelRequest(RequestBase):
    """Stop another request of this connection."""

    action: Literal["cancel"]
    target: Id


REQUESTS: dict[str, type[RequestBase]] = {
    "hello": HelloRequest,
    "status": StatusRequest,
    "hardware": HardwareRequest,
    "list_models": ListModelsRequest,
    "load_model": LoadModelRequest,
    "unload_model": UnloadModelRequest,
    "generate": GenerateRequest,
    "chat": ChatRequest,
    "tokenize": TokenizeRequest,
    "cancel": CancelRequest,
}


def parse_request(message: dict[str, Any]) -> RequestBase:
    """A request as its model.

    Raises:
        TabAgentError: ``unknown_action``, or ``bad_param`` with the JSON path of the first field that is wrong.
    """
    model = REQUESTS.get(message["action"])
    if model is None:
        raise TabAgentError(
            ErrorCode.UNKNOWN_ACTION,
            f"There is no action {message['action'][:64]!r}.",
            actions=sorted(REQUESTS),
        )
    try:
        return model.model_validate(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise TabAgentError(ErrorCode.BAD_PARAM, f"{path}: {first['msg']}.", path=path) from error


# ------------------------------------------------------------------------------------------------ results


class EngineInfo(Message):
    """An engine as its descriptor tells it."""

    name: str
    language: Literal["rust", "python"]
    formats: list[str]
    tasks: list[str]
    capabilities: list[str]
    available: bool
    install_hint: str


class Limits(Message):
    """What a client must stay under."""

    max_request_bytes: int
    max_in_flight: int


class HelloResult(Message):
    """Answer to ``hello``."""

    protocol: int
    version: str
    actions: list[str]
    engines: list[EngineInfo]
    limits: Limits
    default_model: str | None


class LoadedModel(Message):
    """A model with a worker. ``expires_in_s`` is null while it is busy or kept for ever."""

    model: str
    engine: str
    state: Literal["loading", "ready", "unloading"]
    pid: int | None
    context_length: int | None
    active_requests: int
    memory_bytes: int | None
    keep_alive_s: float
    expires_in_s: float | None


class StatusResult(Message):
    """Answer to ``status``."""

    version: str
    pid: int
    uptime_s: float
    clients: int
    models: list[LoadedModel]


class CpuVariant(Message):
    """A build of ggml's CPU code, and whether this machine runs it."""

    name: str
    supported: bool
    reason: str
    score: int


class Fallback(Message):
    """A variant that should have run but died when it was tried in a child process."""

    variant: str
    reason: str


class Cpu(Message):
    """The processor, and the ggml variant that serves on it."""

    vendor: str
    brand: str
    generation: str
    variant: str
    physical_cores: int
    logical_cores: int
    features: list[str]
    variants: list[CpuVariant]
    fallbacks: list[Fallback]


class Memory(Message):
    """Main memory."""

    total_bytes: int
    available_bytes: int


class HardwareResult(Message):
    """Answer to ``hardware``."""

    cpu: Cpu
    memory: Memory


class ModelEntry(Message):
    """A model on disk."""

    name: str
    path: str
    format: str
    size_bytes: int
    source: str
    loaded: bool


class ListModelsResult(Message):
    """Answer to ``list_models``."""

    models: list[ModelEntry]


class LoadModelResult(Message):
    """Answer to ``load_model``. ``details`` are the engine's own."""

    model: str
    engine: str
    already_loaded: bool
    architecture: str
    context_length: int
    context_train_length: int
    vocab_size: int
    embedding_length: int
    size_bytes: int
    chat_template: bool
    load_ms: float
    details: dict[str, str | int | float | bool]


class UnloadModelResult(Message):
    """Answer to ``unload_model``."""

    model: str
    unloaded: bool


class Usage(Message):
    """Tokens. ``cached_tokens`` of the prompt were already in the KV cache."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class Timings(Message):
    """Where the time of an answer went."""

    queue_ms: float
    load_ms: float
    prefill_ms: float
    decode_ms: float
    time_to_first_token_ms: float
    prefill_tokens_per_second: float
    decode_tokens_per_second: float


class GenerateResult(Message):
    """Answer to ``generate`` and ``chat``."""

    text: str
    finish_reason: Literal["stop", "length"]
    model: str
    engine: str
    usage: Usage
    timings: Timings


class TokenizeResult(Message):
    """Answer to ``tokenize``."""

    tokens: list[int]
    count: int


class CancelResult(Message):
    """Answer to ``cancel``."""

    cancelled: bool


# ------------------------------------------------------------------------------------------------- events


class ProgressEvent(Message):
    """Work before the answer."""

    id: Id
    event: Literal["progress"]
    stage: Literal["queued", "loading", "prefill"]
    done: int
    total: int
    unit: Literal["bytes", "tokens", "requests"]


class TokenEvent(Message):
    """The next piece of the answer, always whole code points."""

    id: Id
    event: Literal["token"]
    text: str


class ChunkEvent(Message):
    """A part of a message above 1 MiB."""

    id: Id | None
    event: Literal["chunk"]
    seq: int
    last: bool
    data: str


class DoneEvent(Message):
    """The request succeeded."""

    id: Id
    event: Literal["done"]
    result: dict[str, Any]


class ErrorInfo(Message):
    """Why a request failed."""

    code: ErrorCode
    message: str
    details: dict[str, Any]
    retryable: bool


class ErrorEvent(Message):
    """The request failed; without an id, what arrived was no request."""

    id: Id | None
    event: Literal["error"]
    error: ErrorInfo


class CancelledEvent(Message):
    """The request was stopped by ``cancel``."""

    id: Id
    event: Literal["cancelled"]


EVENTS: dict[str, type[Message]] = {
    "progress": ProgressEvent,
    "token": TokenEvent,
    "chunk": ChunkEvent,
    "done": DoneEvent,
    "error": ErrorEvent,
    "cancelled": CancelledEvent,
}

RESULTS: dict[str, type[Message]] = {
    "hello": HelloResult,
    "status": StatusResult,
    "hardware": HardwareResult,
    "list_models": ListModelsResult,
    "load_model": LoadModelResult,
    "unload_model": UnloadModelResult,
    "generate": GenerateResult,
    "chat": GenerateResult,
    "tokenize": TokenizeResult,
    "cancel": CancelResult,
}
