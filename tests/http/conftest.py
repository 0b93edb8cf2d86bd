from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.http_process import HttpProcess
from tests.support import Installation


@pytest.fixture(scope="module")
def http(shared: Installation) -> Iterator[HttpProcess]:
    """One HTTP server for all tests of a module."""
    with HttpProcess(shared) as process:
        yield process
