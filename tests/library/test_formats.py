"""docs/formats.md is what the program prints."""

from __future__ import annotations

from pathlib import Path

from tests.library.format_table import table


def test_the_table_of_formats_is_true() -> None:
    assert Path("docs/formats.md").read_text() == table()
