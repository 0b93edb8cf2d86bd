"""``python -m tabagent_weights``: make the models of every route, which the parity tests and the benchmarks run."""

from __future__ import annotations

from tabagent_weights.prepare import prepare
from tabagent_weights.routes import EMBEDDINGS, TEXT

if __name__ == "__main__":
    prepare((route.name, route.make) for route in (*TEXT, *EMBEDDINGS))
