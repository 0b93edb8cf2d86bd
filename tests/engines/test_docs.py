"""docs/engines.md is what the program prints."""

from __future__ import annotations

from pathlib import Path

from tests.engines.engine_table import table


def test_the_table_of_engines_is_true() -> None:
    assert Path("docs/engines.md").read_text() == table()
