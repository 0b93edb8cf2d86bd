"""docs/reliability.md lists every row that a test is named after."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
TESTS = {
    "tests": "*.py", "tests/e2e": "*.test.mjs", "extension/tests": "*.ts", "tabagent-rs/crates": "*.rs",
}  # fmt: skip
NAMED = re.compile(r"(?:\bdef test|\bfn |test\(\")_?((?:[fthsp]\d+_)+)", re.IGNORECASE)
CITED = re.compile(r"\b[Rr]ows? ((?:[FTHSP]\d+(?:, | and |-)?)+)")


def rows_of_tests() -> set[str]:
    found = set()
    for folder, pattern in TESTS.items():
        for path in (ROOT / folder).rglob(pattern):
            if "node_modules" not in path.parts and path.is_file():
                text = path.read_text(encoding="utf-8")
                names = [*NAMED.findall(text), *CITED.findall(text)]
                found |= {row.upper() for name in names for row in re.findall(r"[a-z]\d+", name, re.IGNORECASE)}
    return found


def test_every_row_of_a_test_is_listed() -> None:
    listed = set(re.findall(r"^\| ([FTHSP]\d+) \|", PAGE, re.MULTILINE))
    assert rows_of_tests() <= listed, sorted(rows_of_tests() - listed)
    assert {row for row in listed if row[0] in "SHP"} <= rows_of_tests(), sorted(listed - rows_of_tests())
