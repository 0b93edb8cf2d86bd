"""A GGUF file in memory, and what it says of itself."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import llama_cpp

from backends.contract import EngineError, LoadProgress, LoadRequest
from backends.llama_cpp_python.log import Log

_UNKNOWN = "unknown model architecture: '"


class Weights:
    """A loaded model; freed with the last reference to it. The numbers are llama.cpp's; sizes are bytes."""

    def __init__(self, request: LoadRequest, progress: LoadProgress) -> None:
        """Load.

        Raises:
            EngineError: ``unsupported_architecture``, ``unsupported_task``, ``load_failed``.
        """
        self.log = Log()
        llama_cpp.llama_backend_init()
        self.raw = self._load(request, progress)
        weakref.finalize(self, llama_cpp.llama_model_free, self.raw).atexit = False
        if not self._continues_text():
            raise EngineError("unsupported_task", "The model does not continue text token by token.")
        self.architecture = self._metadata("general.architecture")
        self.context_train_length = max(0, llama_cpp.llama_model_n_ctx_train(self.raw))
        self.embedding_length = max(0, llama_cpp.llama_model_n_embd(self.raw))
        self.size_bytes = int(llama_cpp.llama_model_size(self.raw))
        template = llama_cpp.llama_model_chat_template(self.raw, None)
        self.chat_template = template.decode(errors="replace") if template else None

    def _load(self, request: LoadRequest, progress: LoadProgress) -> Any:
        def report(fraction: float, _: Any) -> bool:
            progress(fraction)
            return True

        callback = llama_cpp.llama_progress_callback(report)
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = request.gpu_layers
        params.progress_callback = callback
        if request.mlock:
            params.load_mode = llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK
        raw = llama_cpp.llama_model_load_from_file(bytes(request.path), params)
        if raw:
            return raw
        path = str(request.path)
        if unknown := self.log.search(_UNKNOWN):
            name = unknown.partition(_UNKNOWN)[2].partition("'")[0]
            raise EngineError(
                "unsupported_architecture",
                f"llama-cpp-python {llama_cpp.__version__} does not know the architecture {name}.",
                path=path,
                architecture=name,
            )
        raise EngineError("load_failed", f"llama.cpp cannot load it: {self.log.last_words()}", path=path)

    def _continues_text(self) -> bool:
        raw = self.raw
        is_decoder = llama_cpp.llama_model_has_decoder(raw) and not llama_cpp.llama_model_has_encoder(raw)
        return bool(is_decoder and not llama_cpp.llama_model_is_diffusion(raw))

    def _metadata(self, key: str) -> str:
        value = ctypes.create_string_buffer(256)
        llama_cpp.llama_model_meta_val_str(self.raw, key.encode(), value, len(value))
        return value.value.decode(errors="replace")
