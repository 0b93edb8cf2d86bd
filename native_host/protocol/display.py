"""Characters that change how a text is shown."""

from __future__ import annotations

REORDERING = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""For a character class of a regular expression: line separators, and what changes the order of the characters."""
