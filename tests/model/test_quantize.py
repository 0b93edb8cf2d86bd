"""GGUF files with their weights as another type."""

from __future__ import annotations

from pathlib import Path

import pytest
import tabagent_model
from tabagent_model import InvalidParameter, LoadFailed, ModelNotFound, NotGguf, PyModel


@pytest.mark.parametrize("file_type", ["F32", "Q8_0"])
def test_another_type_answers_as_well(library: str, model_path: Path, tmp_path: Path, file_type: str) -> None:
    target = tmp_path / "made.gguf"
    tabagent_model.quantize_gguf(model_path, target, file_type, threads=2)
    assert tabagent_model.read_gguf(target).quantisation == file_type
    assert [path.name for path in tmp_path.iterdir()] == ["made.gguf"]
    with PyModel() as model:
        model.load(library, target, context_length=128)
        prompt = model.tokenize("<|im_start|>user\nWhat is the capital of France?<|im_end|>\n", parse_special=True)
        prompt += model.tokenize("<|im_start|>assistant\n", parse_special=True)
        assert "Paris" in model.generate(prompt, max_tokens=16, temperature=0).text


def test_what_cannot_be_made_leaves_nothing(model_path: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    target = tmp_path / "made.gguf"
    with pytest.raises(InvalidParameter, match="file_type must be one of F32, F16"):
        tabagent_model.quantize_gguf(model_path, target, "IQ1_S")
    with pytest.raises(InvalidParameter, match="threads"):
        tabagent_model.quantize_gguf(model_path, target, "F32", threads=-1)
    with pytest.raises(ModelNotFound):
        tabagent_model.quantize_gguf(tmp_path / "none.gguf", target, "F32")
    with pytest.raises(NotGguf):
        tabagent_model.quantize_gguf(text, target, "F32")
    with pytest.raises(LoadFailed):
        tabagent_model.quantize_gguf(model_path, tmp_path / "no folder" / "made.gguf", "F32")
    assert [path.name for path in tmp_path.iterdir()] == ["text.gguf"]
