"""The compiled part of ``tabagent_model``. Its classes and functions are imported from the package, not from here.

Errors are those of ``tabagent_model.errors``. A number of the wrong type, sign or size raises ``InvalidParameter``, a
``ValueError`` that names the parameter.
"""

import asyncio
import builtins
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Literal, Self, TypedDict, final, type_check_only

from tabagent_model.facts import EngineFacts, FoundModels, ModelFacts

__all__ = [
    "CandleModel",
    "Completion",
    "CpuVariant",
    "GgufInfo",
    "PyModel",
    "TokenLogprob",
    "TokenStream",
    "_module_file_name",
    "_probe",
    "_runtime_library_name",
    "cpu_variants",
    "detect_model",
    "estimate_memory",
    "find_models",
    "hardware",
    "quantize_gguf",
    "read_gguf",
    "repack_bitnet",
    "rewrite_pickled",
]

class _Cpu(TypedDict):
    vendor: str
    brand: str
    generation: str
    physical_cores: int
    logical_cores: int
    features: list[str]

class _Memory(TypedDict):
    total_bytes: int
    available_bytes: int

class _Hardware(TypedDict):
    cpu: _Cpu
    memory: _Memory

class _Timings(TypedDict):
    queue_ms: float
    prefill_ms: float
    decode_ms: float
    time_to_first_token_ms: float
    prefill_tokens_per_second: float
    decode_tokens_per_second: float

@final
class CpuVariant:
    """A CPU variant of ggml: its name, ggml's score (higher is better), and whether or why not it runs here."""

    @property
    def name(self) -> str: ...
    @property
    def supported(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def score(self) -> int: ...

def cpu_variants() -> list[CpuVariant]:
    """The variants built for this platform, best first. Whether the CPU has the features; nothing is tried."""

def hardware() -> _Hardware:
    """CPU and memory of this machine, cgroup limits counted. Memory is 0 where the system does not tell."""

def _module_file_name(variant: str) -> str:
    """File name of a variant's module on this platform."""

def _runtime_library_name() -> str:
    """llama.cpp's own file name on this platform."""

def _probe(path: str | PathLike[str]) -> None:
    """Load a CPU module and multiply small matrices with it. For a child process: it may die of it.

    Raises:
        LibraryLoadError: It does not load, or computes something wrong.
    """

@final
class GgufInfo:
    """What a GGUF file says about itself. Numbers that it does not state are 0."""

    @property
    def version(self) -> int:
        """GGUF version, 2 or 3."""
    @property
    def architecture(self) -> str:
        """Such as ``llama``."""
    @property
    def name(self) -> str | None:
        """The model's own name."""
    @property
    def context_length(self) -> int:
        """Tokens the model was trained to see at once."""
    @property
    def embedding_length(self) -> int:
        """Width of a token's embedding."""
    @property
    def block_count(self) -> int:
        """Layers."""
    @property
    def head_count(self) -> int:
        """Attention heads of a layer."""
    @property
    def head_count_kv(self) -> int:
        """Heads with keys and values of their own; the most of any layer."""
    @property
    def key_length(self) -> int:
        """Width of a head's key."""
    @property
    def value_length(self) -> int:
        """Width of a head's value."""
    @property
    def vocab_size(self) -> int:
        """Entries of the vocabulary."""
    @property
    def file_type(self) -> int | None:
        """``general.file_type``."""
    @property
    def quantisation(self) -> str | None:
        """Name of the file type, such as ``Q4_K_M``."""
    @property
    def file_size(self) -> int:
        """Bytes of the file."""
    @property
    def chat_template_hash(self) -> str | None:
        """SHA-256 of the file's chat template, in hexadecimal digits; None where it carries none."""

def read_gguf(path: str | PathLike[str]) -> GgufInfo:
    """Read a file's header, trusting nothing in it: takes milliseconds and little memory whatever the file holds.

    Raises:
        ModelNotFound: No file there.
        NotGguf: Another kind of file, a directory, a pipe.
        CorruptModel: The header contradicts itself, or the file ends before its tensors do.
        LoadFailed: It cannot be opened.
    """

def estimate_memory(path: str | PathLike[str], context_length: int | None = None, n_parallel: int = 4) -> int:
    """Bytes that loading a model takes: weights, KV cache and workspace. Errs on the large side.

    Args:
        path: A GGUF file.
        context_length: Tokens in the KV cache, shared by all sequences; None as in ``PyModel.load``.
        n_parallel: Sequences at once.

    Raises:
        ModelError: As ``read_gguf``.
    """

def detect_model(
    source: str | PathLike[str],
    auth_token: str | None = None,
    *,
    endpoint: str | None = None,
    context_length: int | None = None,
    allow_pickle: bool = False,
    engines: Sequence[EngineFacts] | None = None,
    available_memory: int | None = None,
    onnx_use_rust: bool = False,
    litert_use_rust: bool = False,
) -> ModelFacts:
    """As ``tabagent_model.detect_model``, with everything read in this process."""

def find_models(folder: str | PathLike[str]) -> FoundModels:
    """The whole models in a folder and the folders in it, by their names alone; ``detect_model`` looks at one."""

def repack_bitnet(source: str | PathLike[str], target: str | PathLike[str]) -> None:
    """Write a GGUF file with I2_S weights again, with TQ2_0 in their place: the same values, which llama.cpp reads.

    ``target`` appears when it is whole.

    Raises:
        WrongFormat: A row does not divide into blocks of 256.
        ModelError: As ``read_gguf``; ``LoadFailed`` where ``target`` cannot be written.
    """

def quantize_gguf(
    source: str | PathLike[str], target: str | PathLike[str], file_type: str, *, threads: int = 0
) -> None:
    """Write a GGUF file with its weights as another type, by llama.cpp; quantised ones go through float.

    ``target`` appears when it is whole.

    Args:
        source: A GGUF file.
        target: Where to write.
        file_type: ``F32``, ``F16``, ``BF16``, ``Q8_0``, ``Q6_K``, ``Q5_K_M``, ``Q4_K_M``, ``Q4_0`` or ``Q4_1``, what
            needs nothing but the file. Tensors that do not divide into the type's blocks get another one.
        threads: Threads that compute, at most 512; 0 takes one per logical core.

    Raises:
        InvalidParameter: Another type.
        LoadFailed: llama.cpp refused it, or ``target`` cannot be written.
        ModelError: As ``read_gguf``.
    """

def rewrite_pickled(source: str | PathLike[str], target: str | PathLike[str]) -> None:
    """Write PyTorch's pickled weights, every part of them, as one safetensors file. Nothing in the pickles is run.

    ``target`` appears when it is whole.

    Raises:
        ModelRefused: A pickle that would do more than describe tensors.
        ModelError: As ``detect_model``; ``LoadFailed`` where ``target`` cannot be written.
    """

@final
class TokenLogprob:
    """A drawn token and how likely the model found it: before repeat penalty, grammar, cuts and temperature."""

    @property
    def token(self) -> int:
        """The token."""
    @property
    def bytes(self) -> builtins.bytes:
        """Its bytes, possibly part of a character; a control token's name."""
    @property
    def logprob(self) -> float:
        """Natural logarithm of its probability."""
    @property
    def top(self) -> list[tuple[int, builtins.bytes, float]]:
        """The likeliest tokens with their bytes and log probabilities, likeliest first.

        As many as were asked for; the drawn one may be among them.
        """

@final
class Completion:
    """What a generation gave."""

    @property
    def text(self) -> str:
        """The whole text, without the stop sequence."""
    @property
    def tokens(self) -> list[int]:
        """The tokens drawn, without the one that ended the generation."""
    @property
    def logprobs(self) -> list[TokenLogprob]:
        """How likely they were, in their order; empty unless asked for."""
    @property
    def finish_reason(self) -> Literal["stop", "length"]:
        """``stop``: the model or a stop sequence ended it; ``length``: max_tokens or the context did."""
    @property
    def stop_sequence(self) -> str | None:
        """The stop sequence that ended it."""
    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
    @property
    def completion_tokens(self) -> int:
        """Tokens drawn."""
    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that were found in the KV cache."""
    @property
    def timings(self) -> _Timings:
        """Milliseconds, and tokens per second.

        ``prefill_ms`` and ``decode_ms`` are the time of the steps that this generation took part in; what it spent
        waiting or paused is not in them.
        """

@final
class TokenStream:
    """Text of one generation as it comes: an iterator and an asynchronous iterator of pieces.

    Iterating ends when the generation does, and raises ``Cancelled``, ``GenerationFailed`` or ``ModelClosed`` when it
    fails. A stream that nobody reads pauses its own generation after 256 pieces and no other. Dropping it cancels.
    """

    def __iter__(self) -> Self: ...
    def __next__(self) -> str: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> asyncio.Future[str]: ...
    def take_logprobs(self) -> list[TokenLogprob]:
        """Those of the text read since the last call, in their order; empty unless asked for.

        Once the stream has ended, also those of tokens that gave no text, or a part of a stop sequence.
        """
    def cancel(self) -> None:
        """End the generation, in the middle of a prefill too. Returns at once; harmless at any time."""
    @property
    def progress(self) -> tuple[int, int]:
        """Tokens of the prompt computed or found in the cache, and in all."""
    @property
    def queued(self) -> bool:
        """Whether it still waits for a place in the batch."""
    @property
    def activity(self) -> int | None:
        """A number that changes while the model computes, for this stream or others.

        When it stays the same, the computation is stuck. ``None`` while the model waits for requests or readers.
        """
    @property
    def completion(self) -> Completion:
        """The whole, once the stream has ended.

        Raises:
            ModelError: It has not ended yet (``GenerationFailed``), or what it failed with.
        """

@type_check_only
class _TextModel:
    """What the models of this wheel have in common."""

    def close(self) -> None:
        """End every generation with ``ModelClosed`` and free the memory. Harmless when nothing is loaded."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *_raised: object) -> None: ...
    @property
    def is_loaded(self) -> bool:
        """Whether a model is loaded. Everything below raises ``ModelClosed`` when not."""
    @property
    def vocab_size(self) -> int:
        """Entries of the vocabulary; token ids are below it."""
    @property
    def longest_token(self) -> int:
        """Bytes of the longest token: a text of n bytes has at least n divided by this many tokens."""
    @property
    def context_train_size(self) -> int:
        """Tokens the model was trained to see at once."""
    @property
    def context_length(self) -> int:
        """Tokens in the KV cache: of all sequences together in ``PyModel``, of each in ``CandleModel``."""
    @property
    def embedding_dim(self) -> int:
        """Width of a token's embedding."""
    @property
    def token_bos(self) -> int:
        """Beginning-of-sequence token, -1 where there is none."""
    @property
    def token_eos(self) -> int:
        """End-of-sequence token, -1 where there is none."""
    @property
    def should_add_bos(self) -> bool:
        """Whether prompts should begin with ``token_bos``; ``add_special`` does it."""
    @property
    def architecture(self) -> str:
        """Such as ``llama``."""
    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
    @property
    def chat_template(self) -> str | None:
        """The Jinja template in the file. It comes from a stranger: render it in a sandbox."""
    @property
    def n_parallel(self) -> int:
        """Sequences at once."""
    @property
    def threads(self) -> int:
        """Threads that compute."""
    def special_tokens(self) -> dict[str, int]:
        """Text and id of every token that ``tokenize`` reads from text when ``parse_special`` is set."""
    def token_text(self, token: int) -> str:
        """An entry as the vocabulary spells it; a byte-level vocabulary spells a space as G with a dot.

        Empty where the model has a logit and the vocabulary no entry.
        """
    def tokenize(self, text: str, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Tokens of a text.

        Args:
            text: Any text.
            add_special: Add the beginning-of-sequence token, if the model wants one.
            parse_special: Read control tokens written in the text. Leave it off for text that others wrote.
        """
    def detokenize(self, tokens: Iterable[int], special: bool = False) -> str:
        """Text of tokens, with U+FFFD for unfinished characters. ``special`` shows control tokens."""
    def generate(
        self,
        prompt: str | Sequence[int],
        max_tokens: int = 256,
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.05,
        repeat_penalty: float = 1.0,
        seed: int | None = None,
        stop: str | Sequence[str] | None = (),
        on_token: Callable[[str], object] | None = None,
        grammar: str | None = None,
        logprobs: int | None = None,
    ) -> Completion:
        """Generate and wait for the end.

        Args:
            prompt: Tokens, or text: tokenised with ``add_special`` on and ``parse_special`` off.
            max_tokens: Tokens to generate at most, from 1. The context length ends it too.
            temperature: 0 takes the most likely token each time; above, up to 100, logits are divided by it.
            top_k: Draw from the k most likely tokens; 0 is off.
            top_p: Draw from the most likely tokens whose probabilities sum to this, 0 to 1; 1 is off.
            min_p: Draw from tokens at least this likely relative to the most likely one, 0 to 1; 0 is off.
            repeat_penalty: Makes the last 64 tokens less likely, 0.01 to 10; 1 is off.
            seed: With the same seed a run repeats exactly, if nothing else runs. The prompt is then computed anew:
                ``cached_tokens`` is 0. From 0 to 2^64-1; None draws differently each time.
            stop: Texts that end the generation and are left out of it: at most 64, of 1024 bytes each.
            on_token: Called with each piece of text. What it raises cancels the generation and is raised here.
            grammar: What the text must match: llguidance's JSON or Lark, as ``LLMatcher.grammar_from_json_schema``,
                ``_regex`` and ``_lark`` of its Python package give it. When nothing can follow, the generation ends
                with ``stop``; ended by ``max_tokens``, the text is only a beginning.
            logprobs: Tell how likely the model found each token, with this many of the likeliest (0 to 20) beside it.

        Raises:
            ContextOverflow: The prompt leaves no room for an answer.
            InvalidParameter: A parameter out of range, a grammar that cannot be kept to.
            GenerationFailed, ModelClosed: It could not be finished.
        """
    def next_logits(self, prompt: str | Sequence[int]) -> list[float]:
        """Logits of the token that follows ``prompt``, one per vocabulary entry.

        Raises:
            ModelError: As ``generate``.
        """
    def stream(
        self,
        prompt: str | Sequence[int],
        max_tokens: int = 256,
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.05,
        repeat_penalty: float = 1.0,
        seed: int | None = None,
        stop: str | Sequence[str] | None = (),
        coalesce_ms: float = 0,
        grammar: str | None = None,
        logprobs: int | None = None,
        shown: Sequence[int] = (),
    ) -> TokenStream:
        """Start a generation. Arguments and errors as for ``generate``.

        With ``coalesce_ms`` above 0 (at most 60,000), the first piece comes at once and later text is gathered for at
        least that many milliseconds or 4 KiB. ``shown``: control tokens that have their spelling as text; the others
        have none.
        """
    def agenerate(
        self,
        prompt: str | Sequence[int],
        max_tokens: int = 256,
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.05,
        repeat_penalty: float = 1.0,
        seed: int | None = None,
        stop: str | Sequence[str] | None = (),
        on_token: Callable[[str], object] | None = None,
        grammar: str | None = None,
        logprobs: int | None = None,
    ) -> asyncio.Future[Completion]:
        """``generate`` for asyncio: no thread waits. Cancelling the future cancels the generation."""

@final
class PyModel(_TextModel):
    """A GGUF model in this process. Safe to use from many threads: generations run side by side in one batch."""

    def __new__(cls) -> Self: ...
    def load(
        self,
        dll_path: str | PathLike[str],
        model_path: str | PathLike[str],
        gpu_layers: int = 0,
        mlock: bool = False,
        *,
        context_length: int | None = None,
        n_parallel: int = 4,
        threads: int | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        """Load a model.

        Args:
            dll_path: The CPU module, from ``get_optimal_binary`` or ``get_library``. One per process.
            model_path: A GGUF file.
            gpu_layers: Layers to put on a GPU, where llama.cpp has one; at most 100,000.
            mlock: Keep the weights from being swapped out, as far as the system allows.
            context_length: Tokens in the KV cache, shared by all sequences; None: the trained length, at most 8192. Of
                a model that embeds or ranks: tokens of a text; None: the trained length, at most 2048.
            n_parallel: Sequences at once, 1 to 64; more requests wait in a queue.
            threads: Threads that compute, 1 to 512; None takes one per physical core.
            progress: Called with the loaded fraction, 0 to 1. What it raises ends the load and is raised here.

        Raises:
            ModelNotFound, NotGguf, CorruptModel, UnknownArchitecture: What is wrong with the file.
            InsufficientMemory: It would not fit.
            LibraryLoadError: The module cannot be used, or another one is in use.
            LoadFailed: llama.cpp refused it, or a model is already loaded.
            InvalidParameter: A number out of range.
        """
    @property
    def task(self) -> Literal["generate", "embed", "rerank"]:
        """What the model was made for. The methods of another task raise ``WrongTask``."""
    @property
    def token_nl(self) -> int:
        """Newline token, -1 where there is none."""
    def metadata(self) -> dict[str, str]:
        """Scalars of the file's header as text; arrays are left out."""
    def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """A vector of length 1 for each text, pooled as the model's file says; and how many tokens the texts had.

        Control tokens are added as the model wants them; none is read from the texts.

        Raises:
            ContextOverflow: A text does not fit, whole.
            InvalidParameter: A text without tokens.
            WrongTask, GenerationFailed, ModelClosed: It could not be done.
        """
    def rerank(self, query: str, documents: Sequence[str]) -> tuple[list[float], int]:
        """How well each document answers the query, 0 to 1; and how many tokens they had, the query with each.

        Raises:
            ModelError: As ``embed``.
        """

@final
class CandleModel(_TextModel):
    """A model of the architectures llama, mistral or qwen2, safetensors or GGUF, through candle in this process.

    Safe to use from many threads: generations take turns, each with a KV cache of its own.
    """

    def __new__(cls) -> Self: ...
    def load(
        self,
        path: str | PathLike[str],
        *,
        device: str = "auto",
        dtype: str = "auto",
        context_length: int | None = None,
        n_parallel: int = 4,
        threads: int | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> None:
        """Load a model.

        Args:
            path: A GGUF file, a safetensors file or index with ``config.json`` and ``tokenizer.json`` beside it, or the
                folder of one.
            device: ``auto`` (the best that this build has and that starts), ``cpu``, ``cuda`` or ``metal``.
            dtype: Numbers that safetensors are kept in: ``float32``, ``float16``, ``bfloat16``; ``auto`` is their own
                on a GPU and ``float32`` on the CPU. GGUF weights stay as they are.
            context_length: Tokens that one generation may come to have; None: the trained length, at most 8192.
            n_parallel: Generations at once, 1 to 64; more requests wait in a queue.
            threads: Threads that multiply floats, 1 to 512; None takes one per physical core. candle's kernels for
                quantised weights use all physical cores (``RAYON_NUM_THREADS``).
            progress: Called with the loaded fraction, 0 to 1. What it raises ends the load and is raised here.

        Raises:
            ModelNotFound, NotGguf, WrongFormat, CorruptModel: What is wrong with the files.
            UnknownArchitecture: candle's decoder here does not implement it.
            TokenizerNotFound: No ``tokenizer.json``, or a vocabulary of a kind that only llama.cpp knows.
            DeviceUnavailable: CUDA or Metal are not in this build, or do not start.
            InsufficientMemory: It would not fit.
            LoadFailed: It is not what its configuration says, or a model is already loaded.
            InvalidParameter: A number out of range, a device or dtype of another name.
        """
    @property
    def device(self) -> str:
        """``cpu``, ``cuda`` or ``metal``."""
    @property
    def dtype(self) -> str:
        """Numbers that it computes in: ``f32``, ``f16`` or ``bf16``."""
