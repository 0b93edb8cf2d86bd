"""Fuzz the validators: ``python fuzz.py [--runs N]``. Every target gets ``N`` executions.

The targets are those of cargo-fuzz, and ``cargo fuzz run gguf`` works where that is installed. This builds them with
the stable compiler: its sanitizer coverage is LLVM's own, and memory errors cannot happen in safe Rust.

Fails on a panic, an execution above 1 s, or memory above 256 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "fuzz"
COVERAGE = (
    "--cfg=fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
    " -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
    " -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _gguf() -> bytes:
    values = _text("general.architecture") + struct.pack("<I", 8) + _text("llama")
    values += _text("llama.attention.head_count_kv") + struct.pack("<IIQ2I", 9, 4, 2, 3, 3)
    values += _text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + _text("a") + _text("b")
    tensors = _text("t") + struct.pack("<IQQIQ", 2, 32, 2, 3, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 3) + values + tensors
    return head + bytes(-len(head) % 32 + 40)


def _safetensors() -> bytes:
    tensor = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "weight": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8)


def _onnx() -> bytes:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    location = field(13, field(1, b"location") + field(2, b"weights.bin"))
    tensor = bytes([8, 2, 16, 1]) + location
    node = field(4, b"MatMul") + field(5, field(5, tensor))
    graph = field(1, node) + field(5, tensor) + field(11, field(1, b"x")) + field(12, field(1, b"y"))
    return b"\x08\x0a" + field(7, graph)


def _pickle() -> bytes:
    def text(content: bytes) -> bytes:
        return b"X" + struct.pack("<I", len(content)) + content

    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"0") + text(b"cpu") + b"K\x06tQ"
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00K\x02K\x03\x86K\x03K\x01\x86\x89NtR"
    head = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}."
    state_dict = b"\x80\x02}q\x00(" + text(b"w") + tensor + text(b"n") + b"h\x00u."
    return head + state_dict + b"\x80\x02]" + text(b"0") + b"a." + struct.pack("<Q6f", 6, *range(6))


SEEDS = {"gguf": _gguf(), "safetensors": _safetensors(), "onnx": _onnx(), "pickle": _pickle()}


def main() -> None:
    """Build, then run each target."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--only", choices=sorted(SEEDS))
    arguments = parser.parse_args()
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")).resolve() / "fuzz"
    environ = {**os.environ, "RUSTFLAGS": COVERAGE, "CARGO_TARGET_DIR": str(target)}
    # Flags for a named target are not those of build scripts and macros.
    triple = _host_triple()
    command = ["cargo", "build", "--release", "--quiet", "--locked", "--target", triple]
    subprocess.run(command, cwd=HERE, env=environ, check=True)
    for name, seed in SEEDS.items():
        if arguments.only in (None, name):
            fuzz(target / triple / "release" / name, seed, arguments.runs)


def _host_triple() -> str:
    told = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.removeprefix("host: ") for line in told.splitlines() if line.startswith("host: "))


def fuzz(program: Path, seed: bytes, runs: int) -> None:
    """One target, from one good file."""
    with tempfile.TemporaryDirectory() as corpus:
        (Path(corpus) / "good").write_bytes(seed)
        limits = ["-max_len=4096", "-timeout=1", "-rss_limit_mb=256", f"-artifact_prefix={corpus}/", f"-runs={runs}"]
        done = subprocess.run([program, *limits, corpus], capture_output=True, text=True, check=False)
        last = done.stderr.strip().splitlines()
        if done.returncode != 0:
            sys.exit(f"{program.name} failed:\n" + "\n".join(last[-40:]))
        sys.stdout.write(f"{program.name}: {last[-1] if last else 'nothing said'}\n")


if __name__ == "__main__":
    main()
