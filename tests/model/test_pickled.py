"""Pickled weights are data or they are refused (row T5 of bad-inputs.md)."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from tabagent_model import CorruptModel, ModelError, ModelRefused, detect_model, rewrite_pickled

from tests.pickled_models import archive, evil, legacy

TENSORS = {
    "model.embed_tokens.weight": ([3, 2], [0.5, 1.0, 1.5, 2.0, 2.5, -3.0]),
    "model.norm.weight": ([2], [1.0, 2.0]),
}


def tensors_of(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    assert header.pop("__metadata__") == {"format": "pt"}
    data, found = content[8 + length :], {}
    for name, facts in header.items():
        assert facts["dtype"] == "F32"
        begin, end = facts["data_offsets"]
        found[name] = (facts["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])))
    return found


@pytest.mark.parametrize("layout", [archive, legacy])
def test_numbers_come_out_as_they_went_in(tmp_path: Path, layout: object) -> None:
    assert callable(layout)
    (tmp_path / "pytorch_model.bin").write_bytes(layout(TENSORS))
    rewrite_pickled(tmp_path / "pytorch_model.bin", tmp_path / "out.safetensors")
    assert tensors_of(tmp_path / "out.safetensors") == TENSORS
    assert detect_model(tmp_path / "out.safetensors")["parameters"] == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.safetensors", "pytorch_model.bin"]


def test_the_parts_of_a_model_become_one_file(tmp_path: Path) -> None:
    for number, (name, tensor) in enumerate(TENSORS.items(), 1):
        (tmp_path / f"pytorch_model-0000{number}-of-00002.bin").write_bytes(archive({name: tensor}))
    names = {name: f"pytorch_model-0000{number}-of-00002.bin" for number, name in enumerate(TENSORS, 1)}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": names}))
    rewrite_pickled(tmp_path / "pytorch_model-00001-of-00002.bin", tmp_path / "out.safetensors")
    assert tensors_of(tmp_path / "out.safetensors") == TENSORS


def test_they_are_refused_until_they_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(archive(TENSORS))
    assert [it["code"] for it in detect_model(path)["obstacles"]] == ["format_refused"]
    allowed = detect_model(path, allow_pickle=True)
    assert (allowed["obstacles"], allowed["parameters"], allowed["quantisation"]) == ([], 8, "F32")


def test_t5_no_program_is_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name, content in evil(canary).items():
        path = tmp_path / "weights.pt"
        path.write_bytes(content)
        assert detect_model(path)["obstacles"][0]["code"] == "format_refused", name
        with pytest.raises(ModelError) as refused:
            detect_model(path, allow_pickle=True)
        assert isinstance(refused.value, ModelRefused | CorruptModel), name
        with pytest.raises(ModelError):
            rewrite_pickled(path, tmp_path / "out.safetensors")
        assert not canary.exists(), name
    assert not (tmp_path / "out.safetensors").exists()


def test_truncated_files_are_damaged(tmp_path: Path) -> None:
    whole = legacy(TENSORS)
    for length in range(4, len(whole), 7):
        path = tmp_path / "weights.pt"
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            rewrite_pickled(path, tmp_path / "out.safetensors")


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "legacy"])
def test_what_pytorch_itself_writes(tmp_path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch")
    weights = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = {
        "whole": weights,
        "turned": weights.t(),
        "part": weights[1:3, 2:5],
        "half": weights.to(torch.bfloat16),
        "tied": weights,
        "counts": torch.tensor([1, 2, 3]),
        "parameter": torch.nn.Parameter(weights * 2),
        "nothing": torch.empty(0, 3),
    }
    path = tmp_path / "pytorch_model.bin"
    torch.save({"epoch": 3, "state_dict": state}, path, _use_new_zipfile_serialization=zipped)
    rewrite_pickled(path, tmp_path / "out.safetensors")
    found = pytest.importorskip("safetensors.torch").load_file(tmp_path / "out.safetensors")
    assert set(found) == set(state)
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    assert all(found[name].dtype == tensor.dtype for name, tensor in state.items())
