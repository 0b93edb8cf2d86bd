"""``python -m tests.http.openapi_file > docs/openapi.json``: the schema of HTTP as it is now."""

from __future__ import annotations

import json
import sys

from native_host.transports.http.app import application
from native_host.transports.http.service import Service
from native_host.transports.http.slots import Slots


def text() -> str:
    """The file."""
    app = application(Service(None, Slots(1)))  # type: ignore[arg-type]  # nothing is asked
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
