"""``tabagent``: the command line. A module per command or family; each prints for a person, or JSON with ``--json``.

Exit status, also in ``tabagent --help``: see ``exit_status``.
"""

from native_host.cli.main import main

__all__ = ["main"]
