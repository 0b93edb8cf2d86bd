"""What a browser waits for: from starting the host to the answer to ``hello``, with the broker there and without."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from benchmarks.whole_chain import WholeChain
from tabagent_harness import HostProcess


def measure(rounds: int = 20) -> list[tuple[str, str]]:
    """Rows of a table."""
    chain = WholeChain()
    cold, _ = _hello(chain)
    warm = [_hello(chain) for _ in range(rounds)]
    times = [seconds for seconds, _ in warm]
    return [
        ("`hello`, broker warm: median", f"{median(times) * 1000:.0f} ms"),
        ("`hello`, broker warm: slowest", f"{max(times) * 1000:.0f} ms"),
        ("`hello`, broker to be started", f"{cold * 1000:.0f} ms"),
        ("host process, resident", f"{max(size for _, size in warm) / 2**20:.1f} MB"),
    ]


def _hello(chain: WholeChain) -> tuple[float, int]:
    began = time.perf_counter()
    with HostProcess(environ=chain.environ) as host:
        host.result("hello")
        seconds = time.perf_counter() - began
        pages = int(Path(f"/proc/{host.process.pid}/statm").read_text(encoding="ascii").split()[1])
    return seconds, pages * 4096
