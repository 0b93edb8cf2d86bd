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

from filelock import FileLock, Timeout

from native_host.core.model_detection import ModelDetection
from native_host.core.model_library.download import Download, DownloadCancelled, RemoteFile
from native_host.core.model_library.hub_cache import HubCache
from native_host.core.reply import Reply
from native_host.core.reporting import reported
from native_host.protocol.errors import ErrorCode, TabAgentError

if TYPE_CHECKING:
    from tabagent_model import ModelFacts

LOCK_POLL_S = 0.2
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


@dataclass(slots=True)
class Job:
    """A download that runs."""

    plan: Plan
    download: Download
    task: asyncio.Task[Path]
    have: dict[str, int]
    """File → bytes of it that are there; the last one is being fetched."""
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
                ``disk_full``.
        """
        token = await asyncio.to_thread(_token)
        facts = await self._detection.detect(reference, auth_token=token, allow_pickle=allow_pickle)
        if facts["path"] is not None:
            return facts, Path(facts["path"])  # on this machine already, and used in place
        plan = _plan(facts, self._detection.endpoint, allow_pickle=allow_pickle)
        key = (plan.repository, plan.commit, plan.entry)
        while (job := self._jobs.get(key)) is not None and job.download.is_cancelled():
            await asyncio.wait([job.task])  # everybody has left it; what it has is continued
            self._forget(key, job)
        return facts, await self._watch(job or self._start(key, plan, token), reply)

    async def close(self) -> None:
        """Stop every download; what is there of it stays."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.download.cancel()
        await asyncio.gather(*(job.task for job in jobs), return_exceptions=True)

    def _forget(self, key: tuple[str, str, str], job: Job) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
        if not job.task.cancelled():
            job.task.exception()  # looked at, also where nobody watches any more

    def _start(self, key: tuple[str, str, str], plan: Plan, token: str | None) -> Job:
        have: dict[str, int] = {}
        download = Download(token, have.__setitem__)
        task = asyncio.create_task(asyncio.to_thread(self._fetch_all, plan, download), name=f"pull {plan.repository}")
        job = self._jobs[key] = Job(plan, download, task, have)
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
        cache = self._cache()
        _check_space(plan, cache)
        try:
            for file in plan.files:
                self._fetch(plan, file, cache, download)
        finally:
            download.close()
        with cache.staged(plan.repository, plan.blobs) as folder:
            self._detection.look_at(str(folder / plan.entry), allow_pickle=plan.allow_pickle)
        path = cache.publish(plan.repository, plan.commit, plan.blobs, plan.entry)
        cache.refer(plan.repository, plan.revision, plan.commit)
        return path

    def _fetch(self, plan: Plan, file: RemoteFile, cache: HubCache, download: Download) -> None:
        blob = cache.blob(plan.repository, file.etag)
        lock = FileLock(cache.lock(plan.repository, file.etag))
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(poll_interval=LOCK_POLL_S, cancel_check=download.is_cancelled)
        except Timeout:
            raise DownloadCancelled from None
        try:
            if not blob.exists():
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
        url = f"{endpoint}/{name}/resolve/{commit}/{file['path']}"
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
    have = sum(job.have.values())
    if job.had is None and job.have:
        job.had = have
    rate = (have - (job.had or 0)) / max(time.monotonic() - job.began, 1e-3)
    file = next((file for file in job.plan.files if file.name == next(reversed(job.have), None)), None)
    await reply.progress(
        "downloading",
        have,
        job.plan.size_bytes,
        "bytes",
        bytes_per_second=rate,
        seconds_left=(job.plan.size_bytes - have) / rate if rate > 0 else None,
        file=file.name if file else None,
        file_done=job.have.get(file.name, 0) if file else None,
        file_total=file.size if file else None,
    )


def _token() -> str | None:
    from huggingface_hub import get_token  # noqa: PLC0415  # a third of a second that most requests do without

    return get_token()
