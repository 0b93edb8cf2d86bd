"""The Hugging Face cache, as every other tool reads and writes it.

    models--ORG--NAME/blobs/ETAG                    content, by its hash
    models--ORG--NAME/snapshots/COMMIT/PATH         links to blobs
    models--ORG--NAME/refs/REVISION                 the commit that a branch or tag meant last

Layout: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>. A model is there when its links are; they are
made last, when every blob is whole and verified. Every name is checked against its alphabet where it enters a path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from native_host.core.model_library.hub_names import (
    check_commit,
    check_etag,
    check_file_name,
    check_repository,
    check_revision,
)
from native_host.core.small_files import read_small, replace_whole

_LARGEST_REFERENCE = 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit of a repository, or what is there of it."""

    repository: str
    commit: str
    path: Path
    main: str | None
    """The commit that the branch ``main`` meant last."""

    def revisions(self) -> list[str]:
        """Return the branches and tags other than ``main`` that mean this commit."""
        references = self.path.parents[1] / "refs"
        files = [path for path in sorted(references.glob("**/*")) if path.is_file()]
        return [
            name
            for path in files
            if (name := path.relative_to(references).as_posix()) != "main" and _commit_in(path) == self.commit
        ]


class HubCache:
    """Paths in the cache, and what may change in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def shared(cls) -> HubCache:
        """The cache that ``HF_HOME``, ``HF_HUB_CACHE`` or the default name."""
        from huggingface_hub import constants  # noqa: PLC0415  # a third of a second that most requests do without

        return cls(Path(constants.HF_HUB_CACHE))

    def repository(self, name: str) -> Path:
        """The folder of ``org/name``."""
        return self.root / f"models--{check_repository(name).replace('/', '--')}"

    def blob(self, repository: str, etag: str) -> Path:
        """Where content with that hash is."""
        return self.repository(repository) / "blobs" / check_etag(etag)

    def lock(self, repository: str, etag: str) -> Path:
        """The file that whoever writes this blob locks; huggingface_hub's."""
        return self.root / ".locks" / self.repository(repository).name / f"{check_etag(etag)}.lock"

    def snapshot(self, repository: str, commit: str) -> Path:
        """The folder of a commit's links."""
        return self.repository(repository) / "snapshots" / check_commit(commit)

    def snapshots(self) -> Iterator[Snapshot]:
        """Every snapshot of every model."""
        for folder in sorted(self.root.glob("models--*")):
            repository = folder.name.removeprefix("models--").replace("--", "/")
            main = _commit_in(folder / "refs" / "main")
            for snapshot in sorted(folder.glob("snapshots/*")):
                yield Snapshot(repository, snapshot.name, snapshot, main)

    @contextlib.contextmanager
    def staged(self, repository: str, blobs: dict[str, str]) -> Iterator[Path]:
        """A folder that looks as the snapshot will, name → etag, for those who want to look first."""
        parent = self.repository(repository)
        with tempfile.TemporaryDirectory(prefix=".tabagent-", dir=parent) as folder:
            self._link(repository, Path(folder), blobs.items())
            yield Path(folder)

    def publish(self, repository: str, commit: str, blobs: dict[str, str], entry: str) -> Path:
        """Make the model visible, its entry last. Returns the entry's path."""
        snapshot = self.snapshot(repository, commit)
        ordered = sorted(blobs.items(), key=lambda item: item[0] == entry)
        self._link(repository, snapshot, ordered)
        return snapshot / entry

    def is_published(self, repository: str, commit: str, blobs: dict[str, str]) -> bool:
        """Return True if every link of the model is there, name → etag."""
        snapshot = self.snapshot(repository, commit)
        targets = ((snapshot / check_file_name(name), self.blob(repository, etag)) for name, etag in blobs.items())
        return all(os.path.realpath(link) == os.path.realpath(blob) for link, blob in targets)

    def refer(self, repository: str, revision: str, commit: str) -> None:
        """Note what ``revision`` means, for tools that look it up without a network."""
        if revision == commit:
            return
        reference = self.repository(repository) / "refs" / check_revision(revision)
        if _commit_in(reference) == commit:
            return
        replace_whole(reference, check_commit(commit))

    def remove(self, files: Iterable[Path]) -> int:
        """Remove links, and the blobs that no other link means. Returns the bytes that became free."""
        freed = 0
        for link in files:
            if not lies_in_cache(link):
                continue
            blob = _real(link)
            link.unlink(missing_ok=True)
            repository = _repository_of(link)
            if repository is None or blob.parent != _real(repository) / "blobs":
                continue
            if not any(_real(other) == blob for other in repository.glob("snapshots/*/**/*") if other.is_symlink()):
                freed += blob.stat().st_size if blob.exists() else 0
                blob.unlink(missing_ok=True)
            _remove_empty_folders(link.parent, repository)
            _remove_dangling_references(repository)
        return freed

    def _link(self, repository: str, folder: Path, blobs: Iterable[tuple[str, str]]) -> None:
        for name, etag in blobs:
            link = folder / check_file_name(name)
            if not _real(link.parent).is_relative_to(_real(self.repository(repository))):
                raise OSError(errno.ENOTDIR, "A linked folder leads out of the cache", str(link.parent))
            link.parent.mkdir(parents=True, exist_ok=True)
            target = self.blob(repository, etag)
            if _real(link) != _real(target):
                _replace_with_link(link, target)


def lies_in_cache(file: Path) -> bool:
    """Return True if a file of a snapshot is in its repository's folder. Linked folders belong to the user."""
    repository = _repository_of(file)
    return repository is not None and _real(file.parent).is_relative_to(_real(repository))


def _repository_of(file: Path) -> Path | None:
    return next((folder for folder in file.parents if folder.name.startswith("models--")), None)


def _real(path: Path) -> Path:
    """Return the path without links. ``Path.resolve`` raises RuntimeError for links that lead in a circle."""
    return Path(os.path.realpath(path))


def _replace_with_link(link: Path, target: Path) -> None:
    """Make ``link`` lead to ``target``, whatever file was there: what a pull verified is what its name means."""
    fresh = link.with_name(f".{target.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        try:
            fresh.symlink_to(os.path.relpath(target, link.parent))
        except OSError:
            if os.name != "nt":
                raise
            shutil.copyfile(target, fresh)  # Windows without the right to make links
        fresh.replace(link)
    finally:
        fresh.unlink(missing_ok=True)


def _remove_dangling_references(repository: Path) -> None:
    """Remove references to commits that are gone. Names such as ``refs/pr/1`` lie in folders; unreadable files stay."""
    for reference in [path for path in repository.glob("refs/**/*") if path.is_file()]:
        commit = _commit_in(reference)
        if commit and not _names_a_folder(repository / "snapshots", commit):
            reference.unlink(missing_ok=True)
            _remove_empty_folders(reference.parent, repository)


def _commit_in(reference: Path) -> str | None:
    """Return the commit that a reference names; None if it cannot be read."""
    try:
        return read_small(reference, _LARGEST_REFERENCE).decode("ascii").strip()
    except (OSError, ValueError):
        return None


def _names_a_folder(parent: Path, name: str) -> bool:
    try:
        return (parent / name).is_dir()
    except (OSError, ValueError):
        return False


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
