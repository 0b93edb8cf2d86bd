"""Models of Ollama, through its own interface: tags, pull, chat, generate, embed."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="ollama",
    language="python",
    engine="backends.ollama.engine:OllamaEngine",
    formats=("ollama",),
    tasks=("text-generation", "feature-extraction"),
    capabilities=("streaming", "cancel", "concurrent", "seed", "stop", "json_schema", "tools", "embed", "pull"),
    requires=("httpx2",),
    install_hint="uv pip install tabagent",
    uses_network=True,
    catalogue="backends.ollama.catalogue:OllamaCatalogue",
)
