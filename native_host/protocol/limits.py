"""Limits that workers know too: this module imports nothing."""

MAX_TOKENS = 1_000_000
"""Of an answer. Its context ends it sooner, so this many ask for no limit."""
