"""Fixtures of every test: installations of TabAgent that leave nothing behind."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tabagent_weights.packages import MissingPackage
from tests.support import Installation, missing

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever runs this in the background ignores Ctrl-C; the programs under test inherit that, and must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Keep tests that share a fixture in one process."""
    from tests.scheduling import scheduler  # noqa: PLC0415  # `make unit` has no pytest-xdist

    return scheduler(config, log)


@contextmanager
def _weights_reported_missing() -> Iterator[None]:
    try:
        yield
    except MissingPackage as error:
        missing(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Skip a test, or fail it in CI, if a fixture needs weights that are not installed."""
    with _weights_reported_missing():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Skip a test, or fail it in CI, if the test needs weights that are not installed."""
    with _weights_reported_missing():
        return (yield)


@pytest.fixture
def install() -> Iterator[Callable[..., Installation]]:
    """Makes installations; their processes are gone afterwards. Short paths: a socket's is limited."""
    made: list[Installation] = []

    def make(**settings: object) -> Installation:
        made.append(Installation(Path(tempfile.mkdtemp(prefix="tabagent-test-")), **settings))
        return made[-1]

    yield make
    for installation in made:
        installation.stop()
        shutil.rmtree(installation.root, ignore_errors=True)


@pytest.fixture
def tabagent(install: Callable[..., Installation]) -> Installation:
    """One installation with default settings."""
    return install()


@pytest.fixture(scope="module")
def shared() -> Iterator[Installation]:
    """One installation for all tests of a module, where they cannot disturb each other."""
    installation = Installation(Path(tempfile.mkdtemp(prefix="tabagent-test-")))
    yield installation
    installation.stop()
    shutil.rmtree(installation.root, ignore_errors=True)


@pytest.fixture
def host(shared: Installation) -> Iterator[HostProcess]:
    """A host of the module's installation."""
    with shared.host() as process:
        yield process
