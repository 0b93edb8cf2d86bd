"""A folder's tokenizer, converted by Transformers where there is no ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from backends.text.tokenizer import FolderTokenizer


def folder_tokenizer(folder: Path) -> FolderTokenizer:
    """The tokenizer of the model in ``folder``.

    Raises:
        EngineError: ``load_failed``.
    """
    if (folder / "tokenizer.json").is_file():
        return FolderTokenizer([folder])
    converted = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return FolderTokenizer([folder], converted.backend_tokenizer)
