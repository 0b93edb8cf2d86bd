"""Runs what makes a model, in a process of its own: libraries that convert print, and keep what they loaded."""

from __future__ import annotations

import subprocess
import sys


def python(*arguments: str) -> None:
    """Run this Python. Raises RuntimeError with the end of what it said."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[:2]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
