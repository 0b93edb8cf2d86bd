"""docs/testing.md lists every test that has a long form."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
LONG = ("mark.long", "few_or_many(", "seeds(", "one=True")


def long_tests() -> set[str]:
    found = set()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
                if any(name in decorators for name in LONG):
                    found.add(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return found


def test_every_long_test_is_listed() -> None:
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `") and "::" in line}
    assert listed == long_tests()
