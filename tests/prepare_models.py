"""``python -m tests.prepare_models``: make every model that the tests need, so that no test waits for one."""

from __future__ import annotations

from tabagent_weights.prepare import prepare
from tabagent_weights.routes import EMBEDDINGS, TEXT
from tests.engines.conftest import samples


def main() -> None:
    """Make the models of the engines' samples, except those of servers, and of the routes."""
    models = [(name, sample.make) for name, sample in samples().items() if not sample.settings]
    prepare([*models, *((route.name, route.make) for route in (*TEXT, *EMBEDDINGS))])


if __name__ == "__main__":
    main()
