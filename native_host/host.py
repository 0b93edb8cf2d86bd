"""The process a browser starts: checks its caller, guards stdout, relays frames. Imports nothing heavy.

Exit status: 0 end of file, 2 started by hand or unusable environment, 3 framing lost, 4 caller not allowed, 5 our bug.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from manifests import extensions
from native_host.core_dumps import disable_core_dumps
from native_host.settings import SettingsError, load_settings
from native_host.transports.stdio import BrowserRelay

USAGE = """\
tabagent-host is started by a browser and speaks native messaging frames on stdin and stdout.
Register it with:  tabagent install
Talk to it by hand with:  tabagent-harness
"""


def main() -> None:
    """Entry point of ``tabagent-host``."""
    disable_core_dumps()
    if os.isatty(0):
        os.write(2, USAGE.encode())
        sys.exit(2)
    wire = take_stdout()
    try:
        settings = load_settings()
    except SettingsError as error:
        os.write(2, f"tabagent-host: {error}\n".encode())
        sys.exit(2)
    if not caller_is_allowed(sys.argv[1:], settings.extension_ids):
        os.write(2, b"tabagent-host: the caller is not on the list of allowed extensions\n")
        sys.exit(4)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: os._exit(0))
    try:
        status = BrowserRelay(settings, stdin=0, wire=wire).run()
    except Exception:  # noqa: BLE001  # the browser sees the status, the log the traceback
        sys.excepthook(*sys.exc_info())
        status = 5
    os._exit(status)  # nothing is left to flush, and a flush at exit could hang on a pipe that nobody reads


def take_stdout() -> int:
    """Keep stdout for frames: returns a private descriptor of it, and points descriptor 1 at stderr."""
    wire = os.dup(1)
    os.dup2(2, 1)
    return wire


def caller_is_allowed(arguments: Sequence[str], extra_ids: Sequence[str]) -> bool:
    """Whether argv names an extension we know: Chromium passes its origin first, Firefox a path and the add-on id."""
    ids = extensions()
    origins = {f"chrome-extension://{chromium_id}/" for chromium_id in (*ids.chromium, *extra_ids)}
    if arguments and arguments[0] in origins:
        return True
    return len(arguments) >= 2 and arguments[0].endswith(".json") and arguments[1] in {*ids.firefox, *extra_ids}


if __name__ == "__main__":
    main()
