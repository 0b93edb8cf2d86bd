"""An engine that fails on demand: crashes, hangs, floods, prints. Registered as any third party's is."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="chaos",
    language="python",
    engine="tabagent_chaos.engine:ChaosEngine",
    formats=("gguf",),
    tasks=("text-generation", "chat"),
    capabilities=("streaming", "cancel"),
    requires=(),
    install_hint="make dev",
)
