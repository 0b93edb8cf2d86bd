"""Documents name files that are there, and the versions that the build asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")])
PATH = re.compile(r"`((?:native_host|backends|installer|manifests|extension|tabagent-rs|tests|examples)/[\w./-]+\w)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    paths = [ROOT / path for path in PATH.findall(text)] + [document.parent / path for path in LINK.findall(text)]
    generated = ("extension/dist", "tests/output", "tests/e2e/node_modules")
    missing = [path for path in paths if not path.exists() and not str(path.relative_to(ROOT)).startswith(generated)]
    assert not missing


def test_the_readme_asks_for_the_rust_of_the_crates() -> None:
    crates = tomllib.loads((ROOT / "tabagent-rs" / "Cargo.toml").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (asked,) = re.findall(r"Rust toolchain \(≥ ([\d.]+)\)", readme)
    assert asked == crates["workspace"]["package"]["rust-version"]
