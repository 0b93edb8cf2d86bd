"""Models of LM Studio: its list, its load and unload, and OpenAI's dialect for the rest."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="lm_studio",
    language="python",
    engine="backends.lm_studio.engine:LMStudioEngine",
    formats=("lm-studio",),
    tasks=("text-generation", "feature-extraction"),
    capabilities=("streaming", "cancel", "concurrent", "seed", "stop", "json_schema", "tools", "embed"),
    requires=("httpx2",),
    install_hint="uv pip install tabagent",
    uses_network=True,
    catalogue="backends.lm_studio.catalogue:LMStudioCatalogue",
)
