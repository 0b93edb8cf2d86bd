"""Settings, folders, room on the disk, downloads that were cut."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from installer.doctor import Finding, Severity
from native_host.cli.remedies import remedy
from native_host.cli.terminal import sentence
from native_host.cli.words import size
from native_host.core.model_library.hub_cache import HubCache
from native_host.settings import Resolved, Settings, SettingsError
from native_host.transports.broker_link import UnsafeLocation, private_dir

CLOSE_CONFIG = "close_config"
CLOSE_RUNTIME = "close_runtime"
LITTLE_ROOM = 2_000_000_000


def settings(resolved: Resolved) -> Iterator[Finding]:
    """Where settings come from, and whether keys lie open."""
    set_ = {name: origin for name, origin in resolved.origins.items() if origin.kind != "default"}
    where = f"{resolved.file} is read" if resolved.file.exists() else f"no {resolved.file}"
    names = f"; set: {', '.join(sorted(set_))}" if set_ else "; everything has its default"
    yield Finding("settings", Severity.OK, f"{where}{names}")
    if resolved.settings.server_keys and resolved.origins["server_keys"].kind == "file" and _is_open(resolved.file):
        message = f"{resolved.file} holds keys, and other users can read it."
        yield Finding("keys", Severity.WARNING, message, f"chmod 600 {resolved.file}", CLOSE_CONFIG)


def wrong_setting(error: SettingsError) -> Finding:
    """One that keeps every process of ours from starting."""
    what_to_do = remedy("bad_setting", {"variable": error.variable})
    return Finding("settings", Severity.PROBLEM, sentence(error), f"{what_to_do} Nothing starts until then.")


def folders(settings: Settings) -> Iterator[Finding]:
    """Whether the folders can be used; those that are not there are made when they are needed."""
    for name in ("state_dir", "cache_dir", "data_dir"):
        folder: Path = getattr(settings, name)
        there = next((it for it in (folder, *folder.parents) if it.exists()), folder)
        if not os.access(there, os.W_OK | os.X_OK):
            remedy = f"Correct its owner or mode, or set TABAGENT_{name.upper()}."
            yield Finding(name, Severity.PROBLEM, f"{folder} cannot be written.", remedy)
    place = settings.socket_path.parent
    try:
        private_dir(place)
    except UnsafeLocation as error:
        fix = CLOSE_RUNTIME if place.lstat().st_uid == os.getuid() and place.is_dir() else None
        yield Finding("runtime_dir", Severity.PROBLEM, f"{error}.", f"chmod 700 {place}", fix)
    except OSError as error:
        message = f"{place} cannot be made: {error.strerror}"
        yield Finding("runtime_dir", Severity.PROBLEM, message, "Set TABAGENT_RUNTIME_DIR to a folder of yours.")
    else:
        yield Finding("folders", Severity.OK, f"they can be written; the socket is {settings.socket_path}")


def disk() -> Iterator[Finding]:
    """How much room models have, and what of them came only in part."""
    cache = HubCache.shared().root
    there = next(it for it in (cache, *cache.parents) if it.exists())
    free = shutil.disk_usage(there).free
    message = f"{size(free)} are free at {cache}, where downloads lie"
    if free < LITTLE_ROOM:
        yield Finding("disk", Severity.WARNING, message, "tabagent list and tabagent rm MODEL make room.")
    else:
        yield Finding("disk", Severity.OK, message)
    parts = list(cache.glob("models--*/blobs/*.part"))
    if parts:
        held = sum(part.stat().st_size for part in parts)
        names = sorted({part.parents[1].name.removeprefix("models--").replace("--", "/") for part in parts})
        message = f"{len(parts)} cut downloads hold {size(held)}: {', '.join(names)}"
        yield Finding("downloads", Severity.NOTE, message, "tabagent pull with the same name goes on with one.")


def _is_open(file: Path) -> bool:
    return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)
