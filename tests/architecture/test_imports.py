"""Who may import whom, read from the source: the design's arrows, and nothing heavy where it must start fast."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("native_host", "backends", "installer", "manifests")
OURS = (*PACKAGES, "tabagent_model")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MEMBERS = PROJECT["tool"]["uv"]["workspace"]["members"]


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.add(submodule if is_module(submodule) else node.module)
    return names


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def reaches(names: set[str], *targets: str) -> set[str]:
    return {name for name in names for target in targets if name == target or name.startswith(target + ".")}


RULES = {
    "native_host/protocol": ("os", "sys", "asyncio", "threading", "socket", "logging", "subprocess", "backends",
                             "installer", "native_host.core", "native_host.transports", "native_host.settings"),
    "native_host/core": ("socket", "subprocess", "os.environ", "native_host.transports", "installer",
                         "backends.llama_cpp", "backends.worker", "typer", "fastapi"),
    "native_host/transports": ("installer", "backends.llama_cpp", "backends.worker"),
    "backends": ("native_host.core", "native_host.transports", "native_host.settings", "installer"),
    "installer": ("native_host", "backends"),
    "manifests": ("native_host", "backends", "installer", "platformdirs"),
}  # fmt: skip


@pytest.mark.parametrize("folder", RULES)
def test_forbidden_imports(folder: str) -> None:
    for path in modules(folder):
        found = reaches(imported(path), *RULES[folder])
        assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}"


@pytest.mark.parametrize("folder", ["benchmarks", *MEMBERS])
def test_benchmarks_and_workspace_packages_do_not_import_tests(folder: str) -> None:
    assert modules(folder)
    for path in modules(folder):
        found = reaches(imported(path), "tests")
        assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}"


def test_engines_do_not_know_each_other() -> None:
    engines = [path.parent for path in (ROOT / "backends").glob("*/engine.py")]
    assert engines
    for engine in engines:
        others = [f"backends.{other.name}" for other in engines if other != engine]
        for path in engine.rglob("*.py"):
            assert not reaches(imported(path), *others), path


def test_only_settings_reads_the_environment() -> None:
    allowed = {
        "native_host/settings/sources.py",
        "native_host/transports/broker_link.py",  # the broker inherits it whole
    }
    for folder in PACKAGES:
        for path in modules(folder):
            text = path.read_text(encoding="utf-8")
            if "os.environ" in text or "getenv" in text:
                assert str(path.relative_to(ROOT)) in allowed, path


def test_there_are_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for folder in PACKAGES:
        for path in modules(folder):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            graph[name] = imported(path)
    graph = {name: {target for target in targets if target in graph} - {name} for name, targets in graph.items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"cycle: {' → '.join((*above, name))}"
        if name not in done:
            for target in graph[name]:
                visit(target, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("heavy", ["asyncio", "pydantic", "jinja2", "typer", "tabagent_model", "subprocess", "logging"])
def test_the_host_starts_light(heavy: str) -> None:
    assert heavy not in loaded_by("import native_host.host")


@pytest.mark.parametrize("heavy", ["torch", "onnxruntime", "transformers", "tabagent_model", "jinja2", "pydantic"])
def test_importing_backends_loads_no_engine(heavy: str) -> None:
    assert heavy not in loaded_by(
        "import backends, backends.contract, backends.registry; backends.registry.descriptors()"
    )


@pytest.mark.parametrize("heavy", ["pytest", "tabagent_chaos", "tests", "gguf", "safetensors", "tabagent_model"])
def test_importing_benchmarks_loads_no_development_tool(heavy: str) -> None:
    assert heavy not in loaded_by(f"import sys; sys.path.insert(0, {str(ROOT)!r}); import benchmarks.__main__")


def test_the_worker_imports_its_engine_late() -> None:
    assert not {"tabagent_model", "pydantic", "asyncio"} & loaded_by("import backends.worker")
