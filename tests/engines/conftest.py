"""Each sample of each engine, with its model loaded once by a broker of its own."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backends.registry import descriptors
from tabagent_harness import HostProcess
from tests.engines.sample import Sample
from tests.support import Installation

CONTEXT = 1024
ENGINES = {engine.name: engine for engine in descriptors() if engine.name != "chaos"}


@cache
def samples() -> dict[str, Sample]:
    """Return the samples by ``engine-sample``."""
    found: dict[str, Sample] = {}
    for name in ENGINES:
        if importlib.util.find_spec(f"tests.engines.samples.{name}"):
            module = importlib.import_module(f"tests.engines.samples.{name}")
            found.update({f"{name}-{sample.name}": sample for sample in module.SAMPLES})
    return found


@dataclass(frozen=True)
class Loaded:
    """A sample in an installation."""

    engine: str
    sample: Sample
    installation: Installation
    host: HostProcess
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> dict[str, Any]:
        """The fields of a request that name it."""
        return {"model": str(self.sample.make()), "engine": self.engine}

    def load(self) -> dict[str, Any]:
        """The last event of loading it as the sample wants it."""
        options = {"keep_alive": -1, **self.sample.options}
        if "generate" in self.sample.actions:
            options["context_length"] = CONTEXT
        return self.host.result("load_model", **self.model, options=options)

    def can(self, capability: str) -> bool:
        """Whether its engine says so."""
        return capability in ENGINES[self.engine].capabilities

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """The last event."""
        return self.host.result(action, **self.model, **fields)

    def text(self, prompt: str, **options: Any) -> str:
        """A continuation."""
        last = self.ask("generate", prompt=prompt, options={"max_tokens": 12, "temperature": 0, **options})
        assert last["event"] == "done", last
        return str(last["result"]["text"])

    def pid(self) -> int:
        """The worker's."""
        models = self.host.result("status")["result"]["models"]
        (model,) = [model for model in models if model["state"] == "ready"]
        return int(model["pid"])


needs = pytest.mark.needs
"""``@needs("embed")``: for samples that do this; ``@needs(file=True)``: for those that have a file of their own.

``@needs(one=True)``: for one sample per engine. ``make test`` runs the other tests on the first sample of an engine for
each set of actions, and ``make test-long`` runs all of them on the rest.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every sample that a test is for, in turn."""
    if "loaded" in metafunc.fixturenames:
        wanted = metafunc.definition.get_closest_marker("needs") or needs().mark
        names = [name for name in sorted(samples()) if _suits(name, wanted)]
        is_one = bool(wanted.kwargs.get("one"))
        kinds = {name: (name.rpartition("-")[0], () if is_one else samples()[name].actions) for name in names}
        first = {kind: name for name, kind in reversed(kinds.items())}
        values = [pytest.param(name, marks=[pytest.mark.long] * (first[kinds[name]] != name)) for name in names]
        metafunc.parametrize("loaded", values, indirect=True)


def _suits(name: str, wanted: pytest.Mark) -> bool:
    has_file = not ENGINES[name.rpartition("-")[0]].uses_network
    return set(wanted.args) <= set(samples()[name].actions) and (has_file or not wanted.kwargs.get("file"))


@pytest.fixture(scope="session")
def loaded(request: pytest.FixtureRequest) -> Iterator[Loaded]:
    """A sample's model, loaded."""
    engine, _, _ = request.param.rpartition("-")
    sample = samples()[request.param]
    installation = Installation(Path(tempfile.mkdtemp(prefix="tabagent-test-")), **sample.settings)
    try:
        with installation.host() as host:
            loaded = Loaded(engine, sample, installation, host)
            last = loaded.load()
            assert last["event"] == "done", (last, installation.log()[-3000:])
            yield replace(loaded, result=last["result"])
    finally:
        installation.stop()
        shutil.rmtree(installation.root, ignore_errors=True)
