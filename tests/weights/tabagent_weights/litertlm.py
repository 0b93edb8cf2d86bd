"""Models for LiteRT-LM, int8: converted by litert-torch in an environment of its own.

The environment takes 6 GB of disk while it exists. SmolLM2 takes two minutes and 4 GB of memory to convert. What the
converter wants of TensorFlow is one schema, which ``ai_edge_litert`` has too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tabagent_weights import made, smollm2, tiny_llama

CONTEXT_LENGTH = 1024
"""It is compiled into the file, and its attention costs as much however short the prompt is."""

_REQUIREMENT = "litert-torch==0.10.0"

# LiteRT-LM gives a template its contents as lists of parts; SmolLM2's own wants strings.
_TEMPLATE = """\
{%- for message in messages -%}
{%- if loop.first and message['role'] != 'system' -%}
{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}
{%- endif -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string -%}{{ message['content'] }}
{%- else -%}{%- for part in message['content'] -%}{{ part['text'] }}{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""

# Dynamo looks at what is imported, so it comes before the stand-ins for TensorFlow; these go before others look.
_CONVERT = """
import importlib.machinery, sys, types
from ai_edge_litert import schema_py_generated
import torch, torch._dynamo, transformers
parts = ("tensorflow", "tensorflow.lite", "tensorflow.lite.python")
for name in parts:
    stand_in = sys.modules[name] = types.ModuleType(name)
    stand_in.__path__ = []
    stand_in.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
schema = parts[-1] + ".schema_py_generated"
sys.modules[parts[-1]].schema_py_generated = sys.modules[schema] = schema_py_generated
from litert_torch.generative.export_hf import export
for name in (*parts, schema):
    del sys.modules[name]
export.export(model=sys.argv[1], output_dir=sys.argv[2], cache_length=int(sys.argv[3]))
"""


def smollm2_135m() -> Path:
    """Return SmolLM2-135M-Instruct as a ``.litertlm`` file."""
    return _made("smollm2-litertlm", smollm2.safetensors)


def tiny() -> Path:
    """Return the tiny Llama of random numbers as a ``.litertlm`` file."""
    return _made("tiny-llama-litertlm", tiny_llama.safetensors)


def _made(name: str, source: Callable[[], Path]) -> Path:
    return made(name, 1, lambda folder: _convert(source(), folder)) / "model.litertlm"


def _convert(original: Path, folder: Path) -> None:
    work = folder.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        source, target, environment = work / "source", work / "target", work / "venv"
        _write_source(source, original)
        uv, python = Path(sys.executable).with_name("uv"), environment / "bin" / "python"
        _run(uv, "venv", "--quiet", "--python", sys.executable, environment)
        _run(uv, "pip", "install", "--quiet", "--python", python, _REQUIREMENT)
        _run(python, "-c", _CONVERT, source, target, str(CONTEXT_LENGTH))
        shutil.move(target / "model.litertlm", folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_source(folder: Path, original: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).symlink_to(original / name)
    (folder / "chat_template.jinja").write_text(_TEMPLATE)
    config = json.loads((original / "tokenizer_config.json").read_text())
    # The template begins with that token; the runtime would put another before it.
    config.pop("bos_token", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _run(*command: str | Path) -> None:
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[:3]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
