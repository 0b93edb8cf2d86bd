"""Makes every model that the tests need, ahead of them: ``python -m tests.weights``."""

from __future__ import annotations

import sys
import time

from tests.engines.conftest import samples
from tests.engines.parity import EMBEDDINGS, TEXT


def main() -> None:
    """Make what is missing, and say how long each took."""
    wanted = {name: sample.make for name, sample in samples().items() if not sample.settings}
    wanted |= {route.name: route.make for route in (*TEXT, *EMBEDDINGS)}
    for name, make in wanted.items():
        started = time.monotonic()
        path = make()
        sys.stdout.write(f"{name}: {path} ({time.monotonic() - started:.1f} s)\n")


if __name__ == "__main__":
    main()
