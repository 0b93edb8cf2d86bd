"""Which places a command is about: the browsers asked for or found, profile directories, earlier installs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import manifests
from installer import disk
from installer.errors import NoBrowserFound, UnknownBrowser
from installer.locations import Place, browser_place, profile_place
from installer.paths import InstallPaths, require_usable
from installer.receipt import Receipt
from installer.registrar import Registrar
from installer.status import is_found, is_sandboxed


def table(registrar: Registrar, paths: InstallPaths) -> tuple[Place, ...]:
    """Where every browser of the table looks."""
    return tuple(browser_place(browser, registrar.system, paths) for browser in manifests.browsers())


def profiles(directories: Iterable[Path]) -> tuple[Place, ...]:
    """Where browsers started with these profile directories look.

    Raises:
        UnusablePath: one is relative or not UTF-8.
    """
    unique = tuple(dict.fromkeys(directories))
    for directory in unique:
        require_usable(directory)
    return tuple(profile_place(directory) for directory in unique)


def wanted(
    table: tuple[Place, ...], browsers: Iterable[str] | None, profiles: tuple[Place, ...], receipt: Receipt
) -> tuple[Place, ...]:
    """What to install for: browsers named and profile directories; if neither is given, the browsers found.

    It may be empty where an earlier installation is there to be brought up to date.

    Raises:
        UnknownBrowser, NoBrowserFound
    """
    names = tuple(browsers or ())
    if names:
        return named(table, names) + profiles
    found = tuple(place for place in table if is_found(place, receipt))
    if not (profiles or found or receipt.manifests):
        raise NoBrowserFound(
            looked_in=[directory for place in table for directory in place.config_dirs],
            sandboxed=[place.name for place in table if is_sandboxed(place)],
        )
    return profiles or found


def named(table: tuple[Place, ...], browsers: Iterable[str]) -> tuple[Place, ...]:
    """The places of browsers by their ids, in the table's order.

    Raises:
        UnknownBrowser: the table has no such id.
    """
    names = set(browsers)
    known = [str(place.browser) for place in table]
    for name in sorted(names.difference(known)):
        raise UnknownBrowser(name, known)
    return tuple(place for place in table if place.browser in names)


def recorded(receipt: Receipt, table: tuple[Place, ...], known: tuple[Place, ...]) -> tuple[Place, ...]:
    """Places in the receipt that are not among ``known``."""
    paths = {disk.canonical(place.manifest_path) for place in known}
    by_id = {place.browser: place for place in table}
    places = []
    for file in receipt.files:
        if file.role != "launcher" and file.path not in paths:
            place = by_id.get(file.browser) or profile_place(file.path.parent.parent)
            places.append(replace(place, kind=file.role, manifest_path=file.path))
    return tuple(places)
