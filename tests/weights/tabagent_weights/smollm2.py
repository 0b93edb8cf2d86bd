"""SmolLM2-135M-Instruct in other formats, each made of the Q4_1 weights: the numbers are the same in all float ones."""

from __future__ import annotations

import shutil
from pathlib import Path

from tabagent_weights import made, onnx_genai
from tabagent_weights.packages import smollm2_gguf
from tabagent_weights.run import python

_TO_SAFETENSORS = """
import sys
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer
source, target = Path(sys.argv[1]), sys.argv[2]
model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype="float32")
model.hf_quantizer = None
model.is_quantized = False
del model.config.quantization_config
model.save_pretrained(target)
AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(target)
"""


def safetensors() -> Path:
    """Hugging Face's folder, float32 (538 MB)."""
    return made(
        "smollm2-safetensors", 1, lambda folder: python("-c", _TO_SAFETENSORS, str(smollm2_gguf()), str(folder))
    )


def gguf(file_type: str) -> Path:
    """A GGUF file of that type, such as ``F32`` or ``Q8_0``."""
    name = f"smollm2-{file_type}.gguf"

    def make(folder: Path) -> None:
        from tabagent_model import quantize_gguf  # noqa: PLC0415  # other formats are made while the wheel is being built

        quantize_gguf(smollm2_gguf(), folder / name, file_type)

    return made(f"smollm2-gguf-{file_type.lower()}", 1, make) / name


def pickled() -> Path:
    """The same folder as before safetensors: ``pytorch_model.bin``."""

    def make(folder: Path) -> None:
        for path in safetensors().iterdir():
            if path.suffix in {".json", ".jinja"}:
                shutil.copy(path, folder)
        convert = "import sys, torch\nfrom safetensors.torch import load_file\n"
        python(
            "-c",
            convert + "torch.save(load_file(sys.argv[1]), sys.argv[2])",
            str(safetensors() / "model.safetensors"),
            str(folder / "pytorch_model.bin"),
        )

    return made("smollm2-pickled", 1, make)


def onnx(precision: str) -> Path:
    """Return a folder for onnxruntime-genai, ``fp32`` or ``int4``."""
    return onnx_genai.made_of("smollm2", safetensors, precision)
