"""Models of any server that speaks OpenAI's dialect: llama-server, vLLM, Ray Serve, a service with a key."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="openai_compatible",
    language="python",
    engine="backends.openai_compatible.engine:OpenAICompatibleEngine",
    formats=("openai", "lm-studio", "ollama"),
    tasks=("text-generation", "feature-extraction"),
    capabilities=(
        "streaming",
        "cancel",
        "concurrent",
        "seed",
        "stop",
        "json_schema",
        "tools",
        "tool_choice",
        "logprobs",
        "tokenize",
        "embed",
    ),
    requires=("httpx2",),
    install_hint="uv pip install tabagent",
    uses_network=True,
    catalogue="backends.openai_compatible.catalogue:OpenAICatalogue",
)
