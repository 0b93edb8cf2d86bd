"""``tabagent``: the command line. A module per group of commands; each prints for a person, or JSON with ``--json``.

Exit status: 0 done, 1 not done (the reason is on stderr), 2 wrong usage.
"""

from native_host.cli.main import main

__all__ = ["main"]
