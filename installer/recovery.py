"""The receipt of an installation, found again where it was lost.

People delete data directories. What an earlier install left in the browsers' folders is recognised without a receipt
if it is byte for byte what this version writes for this launcher. Reads the disk, writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from installer import atomic, disk, launcher, manifest
from installer import receipt as receipts
from installer.extension_ids import checked
from installer.locations import Place
from installer.paths import InstallPaths
from installer.receipt import Receipt, RecordedFile


def current_receipt(paths: InstallPaths, places: Iterable[Place]) -> Receipt:
    """The receipt on disk, or one made from what is there; ``places`` are where to look."""
    found = disk.read(paths.receipt)
    if found is not None:
        try:
            return receipts.load(found.content)
        except ValueError:
            pass
    return _rebuilt(paths, places)


def _rebuilt(paths: InstallPaths, places: Iterable[Place]) -> Receipt:
    files: dict[object, RecordedFile] = {}
    extension_ids: list[str] = []
    for place in places:
        path = disk.canonical(place.manifest_path)
        found = disk.read(path)
        if found is not None and manifest.is_product(place.kind, found.content, paths.launcher):
            files[path] = RecordedFile(path, place.kind, place.browser, (manifest.digest(found.content),))
            extension_ids += manifest.parse(place.kind, found.content).extension_ids
    script = disk.read(paths.launcher)
    if script is not None and launcher.is_product(script.content):
        digests = (manifest.digest(script.content),)
        files[paths.launcher] = RecordedFile(paths.launcher, "launcher", None, digests)
    # A temporary receipt proves that an install made this directory and was killed before it could say so.
    directories = (paths.data_dir,) if atomic.leftovers(paths.receipt) else ()
    return Receipt(checked(extension_ids), tuple(files.values()), directories)
