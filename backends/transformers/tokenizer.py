"""A folder's tokenizer, converted by Transformers where there is no ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from backends.text.tokenizer import FolderTokenizer, read_tokenizer


def folder_tokenizer(folder: Path, *, pictures: bool = False) -> FolderTokenizer:
    """The tokenizer of the model in ``folder``; ``pictures``: the model sees those of a conversation.

    Raises:
        EngineError: ``load_failed``.
    """
    return FolderTokenizer([folder], bare_tokenizer(folder), pictures=pictures)


def bare_tokenizer(folder: Path) -> Tokenizer:
    """The same without a template and what guards prompts, for models that write and are not written to.

    Raises:
        EngineError: ``load_failed``.
    """
    return read_tokenizer([folder]) if (folder / "tokenizer.json").is_file() else _converted(folder)


def _converted(folder: Path) -> Tokenizer:
    converted = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    tokenizer: Tokenizer = converted.backend_tokenizer
    return tokenizer
