"""GGUF through llama-cpp-python, where the Rust wheel has no llama.cpp for the machine.

Its library is built where it is installed, for that machine. It is the binding's C functions that are used; what makes
text of logits is that of the other engines in Python.
"""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="llama_cpp_python",
    language="python",
    engine="backends.llama_cpp_python.engine:LlamaCppPythonEngine",
    formats=("gguf",),
    tasks=("text-generation",),
    capabilities=(
        "streaming",
        "cancel",
        "concurrent",
        "seed",
        "stop",
        "json_schema",
        "grammar",
        "tools",
        "tool_choice",
        "logprobs",
        "tokenize",
    ),
    requires=("llama_cpp",),
    install_hint="uv pip install 'tabagent[llama-cpp-python]'",
)
