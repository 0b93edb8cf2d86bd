"""What a client may ask, and the options of it. PROTOCOL.md has the ranges in prose."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from native_host.protocol.connection import PROTOCOL_VERSION
from native_host.protocol.limits import MAX_TOKENS
from native_host.protocol.messages.base import Id, Message, Name, StopString
from native_host.protocol.messages.chat import ChatMessage, ReasoningEffort, TemplateOptions, Tool
from native_host.protocol.messages.tool_choice import AnyToolChoice, mode_of, named_tools

MAX_TOKENIZE = 1024 * 1024
"""Characters that ``tokenize`` takes: every token comes back as a number."""

MAX_GRAMMAR = 256 * 1024
"""Characters of a grammar."""

MAX_LOGPROBS = 200_000
"""Of an answer: all of them come once more with its result."""

FOR_EVER = -1.0


def _seconds_or_for_ever(seconds: float) -> float:
    if seconds < 0 and seconds != FOR_EVER:
        raise ValueError("must be -1 (for ever) or at least 0 seconds")
    return seconds


LONGEST_KEEP_ALIVE_S = 31_536_000
KeepAlive = Annotated[float, Field(le=LONGEST_KEEP_ALIVE_S), AfterValidator(_seconds_or_for_ever)]


class LoadOptions(Message):
    """How a model is loaded. ``context_length`` defaults to the model's own, at most 8192.

    ``allow_pickle``: its pickled weights may be read, as data, by a reader that runs nothing of them.
    """

    context_length: Annotated[int, Field(ge=16, le=16_777_216)] | None = None
    gpu_layers: Annotated[int, Field(ge=0, le=10_000)] = 0
    mlock: bool = False
    device: Literal["auto", "cpu", "cuda", "metal"] = "auto"
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    keep_alive: KeepAlive | None = None
    allow_pickle: bool = False


class JsonSchemaFormat(Message):
    """OpenAI's ``json_schema``; every answer matches it, strict or not."""

    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]
    strict: bool | None = None


class ResponseFormat(Message):
    """What an answer looks like, as OpenAI has it; as llama.cpp does, ``json_object`` may have a ``schema``."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_the_schema_in_its_place(cls, form: Any) -> Any:
        if isinstance(form, dict) and form.get("type") == "json_object" and form.get("schema"):
            return {"type": "json_schema", "json_schema": {"schema": form["schema"]}}
        return form

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError(
                'must be {"type": "json_schema", "json_schema": {"schema": {…}}}, or {"type": "json_object"} or '
                '{"type": "text"} without a json_schema'
            )
        return self


class Grammar(Message):
    """What an answer looks like: a regular expression, llama.cpp's GBNF, or llguidance's Lark."""

    type: Literal["regex", "gbnf", "lark"]
    value: Annotated[str, StringConstraints(min_length=1, max_length=MAX_GRAMMAR)]


class GenerateOptions(LoadOptions):
    """How an answer is sampled, and how the model is loaded if it is not yet."""

    max_tokens: Annotated[int, Field(ge=1, le=MAX_TOKENS)] = 1024
    temperature: Annotated[float, Field(ge=0, le=10)] = 0.8
    top_k: Annotated[int, Field(ge=0, le=1_000_000)] = 40
    top_p: Annotated[float, Field(ge=0, le=1)] = 0.95
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.05
    repeat_penalty: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    seed: Annotated[int, Field(ge=0, le=2**32 - 2)] | None = None
    stop: Annotated[list[StopString], Field(max_length=16)] = []  # noqa: RUF012  # pydantic copies it
    response_format: ResponseFormat | None = None
    grammar: Grammar | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 0

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if self.grammar is not None and self.response_format is not None:
            raise ValueError("takes a response_format or a grammar, not both")
        if self.top_logprobs and not self.logprobs:
            raise ValueError("takes top_logprobs only with logprobs")
        if self.logprobs and self.max_tokens * (self.top_logprobs + 1) > MAX_LOGPROBS:
            raise ValueError(f"asks for more than {MAX_LOGPROBS:,} logprobs; lower max_tokens or top_logprobs")
        return self


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


class DetectModelRequest(RequestBase):
    """What a model is, and which engines can run it."""

    action: Literal["detect_model"]
    model: Name
    options: LoadOptions = LoadOptions()


class PullModelRequest(RequestBase):
    """Bring a model of the hub here, whole and verified."""

    action: Literal["pull_model"]
    model: Name
    allow_pickle: bool = False


class RemoveModelRequest(RequestBase):
    """Remove a model from the disk. ``dry_run``: list its files instead."""

    action: Literal["remove_model"]
    model: Name
    dry_run: bool = False


class VerifyModelRequest(RequestBase):
    """Read a model's files again and compare their hashes."""

    action: Literal["verify_model"]
    model: Name


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
    """Answer a conversation, token by token.

    ``tool_choice`` is ``auto`` where there are tools. ``thinking`` asks the model to think first, or not to;
    ``reasoning_effort`` how much. ``template_options`` are variables of its chat template.
    """

    action: Literal["chat"]
    model: Name
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=1024)]
    tools: Annotated[list[Tool], Field(max_length=128)] = []  # noqa: RUF012  # pydantic copies it
    tool_choice: AnyToolChoice = "auto"
    parallel_tool_calls: bool = True
    thinking: bool | None = None
    reasoning_effort: ReasoningEffort | None = None
    template_options: TemplateOptions = {}  # noqa: RUF012  # pydantic copies it
    engine: Name = "auto"
    options: GenerateOptions = GenerateOptions()

    @field_validator("tools")
    @classmethod
    def _have_names_of_their_own(cls, tools: list[Tool]) -> list[Tool]:
        names = [tool.function.name for tool in tools]
        if len(set(names)) < len(names):
            raise ValueError("must have names of their own")
        return tools

    @field_validator("tool_choice")
    @classmethod
    def _is_among_the_tools(cls, choice: AnyToolChoice, info: ValidationInfo) -> AnyToolChoice:
        offered = {tool.function.name for tool in info.data.get("tools", [])}
        named = named_tools(choice)
        if unknown := set(named or ()) - offered:
            raise ValueError(f"names a tool that is not among the tools: {min(unknown)}")
        if mode_of(choice) == "required" and not (offered if named is None else named):
            raise ValueError("is required, and there are no tools")
        return choice


class TokenizeRequest(RequestBase):
    """Text as the model's tokens."""

    action: Literal["tokenize"]
    model: Name
    text: Annotated[str, StringConstraints(max_length=MAX_TOKENIZE)]
    engine: Name = "auto"
    special: bool = False
    add_special: bool = False
    options: LoadOptions = LoadOptions()


class EmbedRequest(RequestBase):
    """Texts as vectors."""

    action: Literal["embed"]
    model: Name
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)]
    engine: Name = "auto"
    options: LoadOptions = LoadOptions()


class RerankRequest(RequestBase):
    """Documents in the order of how well they answer a query."""

    action: Literal["rerank"]
    model: Name
    query: Annotated[str, StringConstraints(min_length=1)]
    documents: Annotated[list[str], Field(min_length=1, max_length=2048)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    engine: Name = "auto"
    options: LoadOptions = LoadOptions()


class InferInputs(Message):
    """What a task's model is given: what its task takes. Pictures and sounds are files in base64."""

    text: str | None = None
    image: str | None = None
    audio: str | None = None
    tensors: dict[str, JsonValue] | None = None


class InferParameters(Message):
    """How a task is run. ``top_k``: the best so many labels; ``threshold``: none with a lower score.

    ``language``: what is spoken, such as ``en``; ``return_timestamps``: also when it is said.
    """

    top_k: Annotated[int, Field(ge=1, le=10_000)] | None = None
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    language: Annotated[str, StringConstraints(max_length=64)] | None = None
    return_timestamps: bool | None = None


class InferRequest(RequestBase):
    """Run a model's own task: classify, transcribe, find objects."""

    action: Literal["infer"]
    model: Name
    inputs: InferInputs
    parameters: InferParameters = InferParameters()
    engine: Name = "auto"
    options: LoadOptions = LoadOptions()


class BenchModelRequest(RequestBase):
    """Measure how fast engines read and write with a model: ``all`` that can run it, or one.

    The defaults are the typical request, by which ``auto`` compares engines.
    """

    action: Literal["bench_model"]
    model: Name
    engine: Name = "all"
    prompt_tokens: Annotated[int, Field(ge=16, le=131_072)] = 512
    answer_tokens: Annotated[int, Field(ge=8, le=8192)] = 128
    repeats: Annotated[int, Field(ge=1, le=20)] = 3
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
    "detect_model": DetectModelRequest,
    "pull_model": PullModelRequest,
    "remove_model": RemoveModelRequest,
    "verify_model": VerifyModelRequest,
    "load_model": LoadModelRequest,
    "unload_model": UnloadModelRequest,
    "generate": GenerateRequest,
    "chat": ChatRequest,
    "tokenize": TokenizeRequest,
    "embed": EmbedRequest,
    "rerank": RerankRequest,
    "infer": InferRequest,
    "bench_model": BenchModelRequest,
    "cancel": CancelRequest,
}
