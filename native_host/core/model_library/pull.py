"""Models come from the hub whole or not at all.

Rust resolves the name to a commit and to files with their hashes, in one request. Their blobs are fetched, the model is
looked at where nobody else sees it, and only then its links are made. Who wants the same model shares one download; it
ends with the last of them.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from filelock import FileLock, Timeout

from native_host.core import threads
from native_host.core.disk_errors import disk_errors
from native_host.core.model_detection import ModelDetection
from native_host.core.model_library.download import Download, DownloadCancelled, RemoteFile, tls_context
from native_host.core.model_library.hub_cache import HubCache
from native_host.core.model_library.hub_token import hub_token
from native_host.core.reply import Reply
from native_host.core.reporting import reported
from native_host.protocol.errors import ErrorCode, TabAgentError

if TYPE_CHECKING:
    from tabagent_model import ModelFacts

LOCK_POLL_S = 0.2
CLOSE_LIMIT_S = 0.5
"""Time for downloads to end with the broker. One that does not is resumable all the same."""
SPARE_BYTES = 64 << 20
SPARE_FRACTION = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched."""

    repository: str
    revision: str
    commit: str
    entry: str
    files: tuple[RemoteFile, ...]
    allow_pickle: bool

    @property
    def blobs(self) -> dict[str, str]:
        """Name → etag."""
        return {file.name: file.etag for file in self.files}

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Received:
    """Bytes that are there. The download's thread writes, the event loop reads; no dictionary is walked by both."""

    def __init__(self) -> None:
        self._of_files: dict[str, int] = {}
        self.total: int | None = None
        self.latest: tuple[str, int] | None = None
        """The file that is being fetched, and its bytes."""

    def note(self, file: str, size: int) -> None:
        """Set the bytes of a file."""
        self.total = (self.total or 0) + size - self._of_files.get(file, 0)
        self._of_files[file] = size
        self.latest = (file, size)


@dataclass(slots=True)
class Job:
    """A download that runs."""

    plan: Plan
    download: Download
    task: asyncio.Future[Path]
    received: Received
    watchers: int = 0
    began: float = field(default_factory=time.monotonic)
    had: int | None = None
    """Bytes that were there when it began."""


class Puller:
    """The downloads of a broker."""

    def __init__(self, detection: ModelDetection, cache: Callable[[], HubCache]) -> None:
        self._detection = detection
        self._cache = cache
        self._jobs: dict[tuple[str, str, str], Job] = {}

    @property
    def is_busy(self) -> bool:
        """Whether something is being downloaded."""
        return bool(self._jobs)

    async def pull(self, reference: str, reply: Reply, *, allow_pickle: bool = False) -> tuple[ModelFacts, Path]:
        """Bring a model of the hub here. Returns what it is and where its entry is.

        Raises:
            TabAgentError: as ``ModelDetection.detect``; what keeps every engine from it; ``download_failed``,
                ``disk_full``, ``config_unwritable``.
        """
        await threads.QUICK.run(tls_context)  # not on the event loop, where a download is made
        facts = await self._detection.detect(reference, allow_pickle=allow_pickle)
        if facts["path"] is not None:
            return facts, Path(facts["path"])  # on this machine already, and used in place
        token = await threads.DETECTION.run(hub_token)
        plan = _plan(facts, self._detection.endpoint, allow_pickle=allow_pickle)
        key = (plan.repository, plan.commit, plan.entry)
        while (job := self._jobs.get(key)) is not None and job.download.is_cancelled():
            await asyncio.wait([job.task])  # everybody has left it; what it has is continued
            self._forget(key, job)
        if job is None:
            job = self._start(key, plan, token)
        return facts, await self._watch(job, reply)

    async def close(self) -> None:
        """Stop every download; what is there of it stays."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.download.cancel()
        if jobs:
            await asyncio.wait([job.task for job in jobs], timeout=CLOSE_LIMIT_S)

    def _forget(self, key: tuple[str, str, str], job: Job) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
        if not job.task.cancelled():
            job.task.exception()  # looked at, also where nobody watches any more

    def _start(self, key: tuple[str, str, str], plan: Plan, token: str | None) -> Job:
        received = Received()
        download = Download(token, received.note)
        task = threads.DOWNLOADS.submit(self._fetch_all, plan, download)
        job = self._jobs[key] = Job(plan, download, task, received)
        task.add_done_callback(lambda _: self._forget(key, job))
        return job

    async def _watch(self, job: Job, reply: Reply) -> Path:
        job.watchers += 1
        try:
            return await reported(job.task, lambda: _report(job, reply))
        except DownloadCancelled:
            raise TabAgentError(ErrorCode.SHUTTING_DOWN, "TabAgent is shutting down; pull again to continue.") from None
        finally:
            job.watchers -= 1
            if not job.watchers:
                job.download.cancel()

    def _fetch_all(self, plan: Plan, download: Download) -> Path:
        """In a thread: every blob, then one look, then the links."""
        if download.is_cancelled():
            raise DownloadCancelled
        cache = self._cache()
        with disk_errors(cache.repository(plan.repository)):
            _check_space(plan, cache)
            try:
                for file in plan.files:
                    self._fetch(plan, file, cache, download)
            finally:
                download.close()
            if cache.is_published(plan.repository, plan.commit, plan.blobs):
                path = cache.snapshot(plan.repository, plan.commit) / plan.entry
                self._detection.look_at(str(path), allow_pickle=plan.allow_pickle)
            else:
                with cache.staged(plan.repository, plan.blobs) as folder:
                    self._detection.look_at(str(folder / plan.entry), allow_pickle=plan.allow_pickle)
                path = cache.publish(plan.repository, plan.commit, plan.blobs, plan.entry)
            cache.refer(plan.repository, plan.revision, plan.commit)
            return path

    def _fetch(self, plan: Plan, file: RemoteFile, cache: HubCache, download: Download) -> None:
        blob = cache.blob(plan.repository, file.etag)
        if download.has(file, blob):  # it is never written again, so no lock is needed, and the cache may be read-only
            download.note(file)
            return
        lock = FileLock(cache.lock(plan.repository, file.etag))
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(poll_interval=LOCK_POLL_S, cancel_check=download.is_cancelled)
        except Timeout:
            raise DownloadCancelled from None
        try:
            if not download.has(file, blob):
                download.fetch(file, blob)
            download.note(file)
        finally:
            lock.release()


def _plan(facts: ModelFacts, endpoint: str, *, allow_pickle: bool) -> Plan:
    """Refuse what no engine may run; else what to fetch."""
    name, commit = facts["repo"], facts["commit"]
    if name is None or commit is None:
        raise TabAgentError(ErrorCode.HUB_UNAVAILABLE, f"The hub names no commit of {facts['source']}.")
    if facts["obstacles"]:
        obstacle = facts["obstacles"][0]
        raise TabAgentError(ErrorCode(obstacle["code"]), obstacle["message"], model=name)
    files = []
    for file in facts["files"]:
        size = file["size_bytes"]
        if size is None or not (file["sha256"] or file["git_sha1"]):
            raise TabAgentError(
                ErrorCode.DOWNLOAD_FAILED, f"The hub announces no hash of {file['path']}.", reason="no hash"
            )
        url = f"{endpoint}/{name}/resolve/{commit}/{quote(file['path'])}"
        files.append(RemoteFile(url, file["path"], size, file["sha256"], file["git_sha1"]))
    return Plan(name, facts["revision"] or commit, commit, facts["files"][0]["path"], tuple(files), allow_pickle)


def _check_space(plan: Plan, cache: HubCache) -> None:
    folder = cache.repository(plan.repository)
    folder.mkdir(parents=True, exist_ok=True)
    blobs = [cache.blob(plan.repository, file.etag) for file in plan.files]
    parts = [blob.with_name(f"{blob.name}.part") for blob in blobs]
    needed = plan.size_bytes - sum(path.stat().st_size for path in (*blobs, *parts) if path.exists())
    spare = max(SPARE_BYTES, int(needed * SPARE_FRACTION))
    free = shutil.disk_usage(folder).free
    if needed > 0 and needed + spare > free:
        raise TabAgentError(
            ErrorCode.DISK_FULL,
            f"{plan.repository} needs {needed / 2**20:,.0f} MiB and {free / 2**20:,.0f} MiB are free. Make room first.",
            needed_bytes=needed + spare,
            free_bytes=free,
        )


async def _report(job: Job, reply: Reply) -> None:
    have, latest = job.received.total, job.received.latest
    if job.had is None:
        job.had = have
    rate = ((have or 0) - (job.had or 0)) / max(time.monotonic() - job.began, 1e-3)
    file, file_done = latest or (None, None)
    await reply.progress(
        "downloading",
        have or 0,
        job.plan.size_bytes,
        "bytes",
        bytes_per_second=rate,
        seconds_left=(job.plan.size_bytes - (have or 0)) / rate if rate > 0 else None,
        file=file,
        file_done=file_done,
        file_total=next((it.size for it in job.plan.files if it.name == file), None),
    )
