"""``tabagent doctor``: looks at everything that must work, and tells the remedy of what does not.

A module per subject; each yields ``installer.doctor.Finding``s. Nothing is changed but by ``--fix``.
"""

from native_host.cli.doctor.command import doctor

__all__ = ["doctor"]
