"""The Hugging Face cache, as every other tool reads and writes it.

    models--ORG--NAME/blobs/ETAG                    content, by its hash
    models--ORG--NAME/snapshots/COMMIT/PATH         links to blobs
    models--ORG--NAME/refs/REVISION                 the commit that a branch or tag meant last

Layout: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>. A model is there when its links are; they are
made last, when every blob is whole and verified.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit of a repository, or what is there of it."""

    repository: str
    commit: str
    path: Path


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
        return self.root / f"models--{name.replace('/', '--')}"

    def blob(self, repository: str, etag: str) -> Path:
        """Where content with that hash is."""
        return self.repository(repository) / "blobs" / etag

    def lock(self, repository: str, etag: str) -> Path:
        """The file that whoever writes this blob locks; huggingface_hub's."""
        return self.root / ".locks" / self.repository(repository).name / f"{etag}.lock"

    def snapshot(self, repository: str, commit: str) -> Path:
        """The folder of a commit's links."""
        return self.repository(repository) / "snapshots" / commit

    def snapshots(self) -> Iterator[Snapshot]:
        """Every snapshot of every model."""
        for folder in sorted(self.root.glob("models--*")):
            repository = folder.name.removeprefix("models--").replace("--", "/")
            for snapshot in sorted(folder.glob("snapshots/*")):
                yield Snapshot(repository, snapshot.name, snapshot)

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

    def refer(self, repository: str, revision: str, commit: str) -> None:
        """Note what ``revision`` means, for tools that look it up without a network."""
        if revision == commit:
            return
        reference = self.repository(repository) / "refs" / revision
        reference.parent.mkdir(exist_ok=True)
        fresh = reference.with_name(f".{revision}.{os.getpid()}")
        fresh.write_text(commit, encoding="ascii")
        fresh.replace(reference)

    def remove(self, files: Iterable[Path]) -> int:
        """Remove links, and the blobs that no other link means. Returns the bytes that became free."""
        freed = 0
        for link in files:
            blob = link.resolve()
            link.unlink(missing_ok=True)
            repository = next((it for it in link.parents if it.name.startswith("models--")), None)
            if repository is None or blob.parent != repository.resolve() / "blobs":
                continue
            if not any(other.resolve() == blob for other in repository.glob("snapshots/*/**/*") if other.is_symlink()):
                freed += blob.stat().st_size if blob.exists() else 0
                blob.unlink(missing_ok=True)
            _remove_empty_folders(link.parent, repository)
            _remove_dangling_references(repository)
        return freed

    def _link(self, repository: str, folder: Path, blobs: Iterable[tuple[str, str]]) -> None:
        for name, etag in blobs:
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            target = self.blob(repository, etag)
            with contextlib.suppress(FileExistsError):
                try:
                    link.symlink_to(os.path.relpath(target, link.parent))
                except OSError as error:
                    if isinstance(error, FileExistsError) or os.name != "nt":
                        raise
                    shutil.copyfile(target, link)  # Windows without the right to make links


def _remove_dangling_references(repository: Path) -> None:
    for reference in repository.glob("refs/*"):
        if not (repository / "snapshots" / reference.read_text(encoding="ascii").strip()).is_dir():
            reference.unlink(missing_ok=True)


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
