"""Settings: one frozen object, and the only package that reads the environment and ``config.toml``.

A flag wins over a ``TABAGENT_*`` variable, that over ``config.toml``, that over the default. What is misspelt is an
error that names the nearest setting. The host imports this at every start, so it must stay light.
"""

from native_host.settings.parsing import SettingsError, absolute_path
from native_host.settings.schema import Secrets, Settings
from native_host.settings.sources import (
    Origin,
    Resolved,
    environment,
    load_settings,
    resolve,
    resolve_directories,
    worker_environment,
)

__all__ = [
    "Origin",
    "Resolved",
    "Secrets",
    "Settings",
    "SettingsError",
    "absolute_path",
    "environment",
    "load_settings",
    "resolve",
    "resolve_directories",
    "worker_environment",
]
