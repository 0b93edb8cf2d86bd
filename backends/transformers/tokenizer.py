"""A folder's tokenizer, converted by Transformers where there is no ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from backends.speech.whisper_vocabulary import read_tokenizer
from backends.text.tokenizer import FolderTokenizer


def folder_tokenizer(folder: Path) -> FolderTokenizer:
    """The tokenizer of the model in ``folder``.

    Raises:
        EngineError: ``load_failed``.
    """
    if (folder / "tokenizer.json").is_file():
        return FolderTokenizer([folder])
    return FolderTokenizer([folder], _converted(folder))


def bare_tokenizer(folder: Path) -> Tokenizer:
    """The same without a template and what guards prompts, for models that write and are not written to.

    Raises:
        EngineError: ``load_failed``.
    """
    return read_tokenizer([folder]) if (folder / "tokenizer.json").is_file() else _converted(folder)


def _converted(folder: Path) -> Tokenizer:
    converted = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return converted.backend_tokenizer
