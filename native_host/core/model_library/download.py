"""One file of the hub to one blob of the cache: resumed, hashed while it streams, in place only when whole.

What is there of a file lies in ``ETAG.part`` beside the blob. After a kill it is hashed again and continued. A server
that sends something else than it was asked for makes it begin anew.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import ipaddress
import os
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urljoin, urlsplit

import httpx2

from native_host import __version__
from native_host.protocol.errors import ErrorCode, TabAgentError

READ_SIZE = 1 << 20
MOST_REDIRECTS = 5
MOST_RETRIES = 6
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STALL_S = 30.0
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DownloadCancelled(Exception):
    """Nobody wants it any more; what is there of it stays."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repository at a commit. ``sha256``, or else git's own hash of a small file."""

    url: str
    name: str
    size: int
    sha256: str | None
    git_sha1: str | None

    @property
    def etag(self) -> str:
        """Its blob's name."""
        etag = self.sha256 or self.git_sha1
        assert etag is not None, "a plan holds no file without a hash"
        return etag


class Hash(Protocol):
    """What ``hashlib`` gives."""

    def update(self, data: bytes, /) -> None:
        """Take in more content."""

    def hexdigest(self) -> str:
        """The hash of all of it."""


class Download:
    """Fetches files with one client. ``report`` is called with a file's name and the bytes of it that are there."""

    def __init__(self, token: str | None, report: Callable[[str, int], None], *, stall_s: float = STALL_S) -> None:
        self._client = httpx2.Client(timeout=httpx2.Timeout(stall_s), follow_redirects=False)
        # No compression: lengths and ranges are those of the content.
        self._headers = {"User-Agent": f"tabagent/{__version__}", "Accept-Encoding": "identity"}
        self._secrets = {"Authorization": f"Bearer {token}"} if token else {}
        self._report = report
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop soon; from any thread."""
        self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled.is_set()

    def note(self, file: RemoteFile) -> None:
        """It was there already."""
        self._report(file.name, file.size)

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def fetch(self, file: RemoteFile, blob: Path) -> None:
        """Bring ``file`` to ``blob``.

        Raises:
            TabAgentError: ``download_failed`` with a ``reason``, ``disk_full``, ``gated``.
            DownloadCancelled: ``cancel`` was called.
        """
        part = blob.with_name(f"{blob.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        failures = 0
        while True:
            before = _size(part)
            try:
                with _disk_errors(file):
                    self._attempt(file, part)
                    _put_in_place(part, blob)
                return
            except (_Interrupted, httpx2.HTTPError) as error:
                failures = 1 if _size(part) > before else failures + 1
                if failures > MOST_RETRIES:
                    raise _failed(file, str(error) or type(error).__name__) from error
                self._pause(failures, getattr(error, "retry_after_s", 0.0))

    def _attempt(self, file: RemoteFile, part: Path) -> None:
        """Receive what is missing, and return when all is there and its hash is right."""
        with part.open("a+b") as out:
            digest, have = self._hash_again(file, out)
            if have < file.size:
                digest, have = self._receive(file, out, digest, have)
            if have < file.size:
                raise _Interrupted("the connection ended early")
            if have > file.size or digest.hexdigest() != file.etag:
                out.truncate(0)
                raise _failed(file, "its content is not what the hub announced")
            out.flush()
            os.fsync(out.fileno())

    def _hash_again(self, file: RemoteFile, out: BinaryIO) -> tuple[Hash, int]:
        """Hash what an earlier attempt left."""
        digest = _new_hash(file)
        out.seek(0)
        have = 0
        while piece := out.read(READ_SIZE):
            self._check_cancelled()
            digest.update(piece)
            have += len(piece)
        self._report(file.name, have)
        return digest, have

    def _receive(self, file: RemoteFile, out: BinaryIO, digest: Hash, have: int) -> tuple[Hash, int]:
        """Append what the server sends, to one byte beyond the announced size at most."""
        with self._open(file, {"Range": f"bytes={have}-"} if have else {}) as response:
            if have and not _continues(response, have, file.size):
                if response.status_code != httpx2.codes.OK:
                    raise _Interrupted("the server sent another part than was asked for")
                out.truncate(0)  # it sends the whole
                digest, have = _new_hash(file), 0
            for received in response.iter_raw():  # as it comes: what waits for more would be lost with the connection
                self._check_cancelled()
                piece = received[: file.size + 1 - have]
                out.write(piece)
                digest.update(piece)
                have += len(piece)
                self._report(file.name, have)
                if have > file.size:
                    break
        return digest, have

    @contextlib.contextmanager
    def _open(self, file: RemoteFile, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Follow redirects: none downwards to http, none into this network, and no token to another host."""
        url, own = file.url, _origin(file.url)
        for _ in range(MOST_REDIRECTS + 1):
            secrets = self._secrets if _origin(url) == own else {}
            with self._client.stream("GET", url, headers={**self._headers, **secrets, **headers}) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers.get("Location", ""))
                    if _origin(url) != own and not _is_public(url):
                        raise _failed(file, f"the hub sends us to {urlsplit(url).netloc or url!r}, which is refused")
                    continue
                _check_status(file, response)
                yield response
                return
        raise _failed(file, "it redirects without end")

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise DownloadCancelled

    def _pause(self, failures: int, at_least_s: float) -> None:
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (failures - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
        if self._cancelled.wait(max(pause, at_least_s)):
            raise DownloadCancelled


class _Interrupted(Exception):
    """Worth another attempt."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def _check_status(file: RemoteFile, response: httpx2.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status == 416:
        raise _failed(file, "the hub has less of it than it announced")
    if status == 429 or status >= 500:
        after = response.headers.get("Retry-After", "")
        raise _Interrupted(f"the server answered {status}", min(60.0, float(after)) if after.isdigit() else 0.0)
    if status in (401, 403):
        raise TabAgentError(ErrorCode.GATED, f"The hub does not hand out {file.name}; ask for access on its page.")
    raise _failed(file, f"the server answered {status}")


def _continues(response: httpx2.Response, have: int, size: int) -> bool:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return response.status_code == 206 and match is not None and (int(match[1]), int(match[3])) == (have, size)


def _failed(file: RemoteFile, reason: str) -> TabAgentError:
    return TabAgentError(
        ErrorCode.DOWNLOAD_FAILED, f"{file.name} could not be downloaded: {reason}.", file=file.name, reason=reason
    )


@contextlib.contextmanager
def _disk_errors(file: RemoteFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise TabAgentError(
                ErrorCode.DISK_FULL, f"The disk is full; {file.name} stays as far as it came.", file=file.name
            ) from error
        if isinstance(error, (ConnectionError, TimeoutError)):
            raise _Interrupted(str(error)) from error
        raise TabAgentError(ErrorCode.DOWNLOAD_FAILED, f"{file.name} cannot be written: {error}.") from error


def _new_hash(file: RemoteFile) -> Hash:
    if file.sha256:
        return hashlib.sha256()
    digest = hashlib.sha1(usedforsecurity=False)  # git's
    digest.update(f"blob {file.size}\0".encode())
    return digest


def _put_in_place(part: Path, blob: Path) -> None:
    part.replace(blob)
    folder = os.open(blob.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _is_public(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return False
    try:
        return ipaddress.ip_address(parts.hostname).is_global
    except ValueError:
        return "." in parts.hostname


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
