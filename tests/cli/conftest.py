"""Installations whose browsers' folders are their own, too, so that no test meets the developer's."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Cli
from tests.support import Installation


@pytest.fixture
def cli(install: Callable[..., Installation]) -> Cli:
    """The command line of an installation of its own."""
    return Cli(install())


@pytest.fixture(scope="module")
def shared_cli() -> Iterator[Cli]:
    """One for all tests of a module, which keeps the real model loaded."""
    installation = Installation(Path(tempfile.mkdtemp(prefix="tabagent-test-")))
    yield Cli(installation)
    installation.stop()
    shutil.rmtree(installation.root, ignore_errors=True)
