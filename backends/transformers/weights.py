"""Loads a class of Transformers from a folder: from safetensors alone, without a network, and never with its code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from transformers import AutoConfig

from backends.contract import Action, EngineError, LoadRequest, ModelInfo
from backends.text.batch import Batch
from backends.transformers.placement import device_map, dtype

_UNUSED = re.compile(r"(^|\.)(pooler\.|masked_spec_embed$)")
"""Tensors that weights may lack: heads of encoders that are not asked, and what serves training only."""


def describe(model: Any, *, context_length: int, actions: tuple[Action, ...], **rest: Any) -> ModelInfo:
    """What every class tells of itself; ``rest`` are further fields and details."""
    config = model.config.get_text_config()
    fields = {"context_train_length": context_length, "chat_template": False} | rest
    details = {"device": str(model.device), "dtype": str(model.dtype).removeprefix("torch.")}
    return ModelInfo(
        architecture=model.config.model_type,
        context_length=context_length,
        vocab_size=getattr(config, "vocab_size", 0),
        embedding_length=getattr(config, "hidden_size", 0),
        size_bytes=model.get_memory_footprint(),
        actions=actions,
        **{**fields, "details": {**details, **fields.get("details", {})}},
    )


def processor(auto_class: Any, folder: Path) -> Any:
    """What makes a model's numbers of pictures or sounds.

    Raises:
        EngineError: ``load_failed``.
    """
    try:
        return auto_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        message = str(error).strip().split("\n")[0][:500]
        raise EngineError(
            "load_failed", f"The model's processor cannot be read: {message}", path=str(folder)
        ) from error


def evaluate(model: Any, batch: Batch, output: str) -> NDArray[Any]:
    """An output of the model for a batch, as float32. What the model does not take is left out."""
    taken = inspect.signature(model.forward).parameters
    given = {name: torch.from_numpy(rows).to(model.device) for name, rows in batch.items() if name in taken}
    with torch.inference_mode():
        numbers: NDArray[Any] = getattr(model(**given), output).float().cpu().numpy()
    return numbers


def read_config(folder: Path) -> Any:
    """The model's configuration.

    Raises:
        EngineError: ``unsupported_architecture``, ``load_failed``.
    """
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (KeyError, ValueError, OSError) as error:
        raise _refused(error, folder) from error


def from_pretrained(auto_class: Any, folder: Path, request: LoadRequest) -> Any:
    """The model, ready to answer.

    Raises:
        EngineError: ``unsupported_architecture``, ``load_failed``; ``model_corrupt`` where weights are missing.
    """
    config = read_config(folder)
    placing = {"device_map": device_map(request), "dtype": dtype(request, config)}
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}
    try:
        model, found = auto_class.from_pretrained(folder, config=config, output_loading_info=True, **where, **placing)
    except (KeyError, ValueError, OSError, RuntimeError, ImportError) as error:
        raise _refused(error, folder) from error
    if missing := sorted(name for name in found["missing_keys"] if not _UNUSED.search(name)):
        # Transformers has filled them with random numbers.
        message = f"The weights lack {len(missing)} tensors that config.json demands, such as {missing[0]}."
        raise EngineError("model_corrupt", message, path=str(folder))
    return model.eval()


def _refused(error: Exception, folder: Path) -> EngineError:
    message = str(error).strip().split("\n")[0][:500]
    unknown = "does not recognize this architecture" in message or "Unrecognized" in message
    code = "unsupported_architecture" if unknown else "load_failed"
    return EngineError(code, f"Transformers cannot load it: {message}", path=str(folder))
