"""One file of the hub to one blob of the cache: resumed, hashed while it streams, in place only when whole.

What is there of a file lies in ``ETAG.part`` beside the blob. After a kill it is hashed again and continued. A server
that sends something else than it was asked for makes it begin anew.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import re
import ssl
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol

import httpx2

from native_host import __version__
from native_host.core.disk_errors import FULL, disk_error
from native_host.core.model_library.redirects import Hop, RefusedRedirect, origin, pinned, target
from native_host.network.open_connections import OpenConnections
from native_host.protocol.errors import ErrorCode, TabAgentError

READ_SIZE = 1 << 20
MOST_REDIRECTS = 5
MOST_RETRIES = 6
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STALL_S = 30.0
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")
_SECONDS = re.compile("[0-9]{1,9}")


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


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS settings of every download. Reading the certificates takes tens of milliseconds."""
    return httpx2.create_ssl_context()


class Download:
    """Fetches files with one client. ``report`` is called with a file's name and the bytes of it that are there."""

    def __init__(self, token: str | None, report: Callable[[str, int], None], *, stall_s: float = STALL_S) -> None:
        context, timeout = tls_context(), httpx2.Timeout(stall_s)
        self._client = httpx2.Client(verify=context, timeout=timeout, follow_redirects=False)
        no_proxy = {"http://": None, "https://": None, "all://": None}
        self._direct = httpx2.Client(verify=context, timeout=timeout, follow_redirects=False, mounts=no_proxy)
        # No compression: lengths and ranges are those of the content.
        self._headers = {"User-Agent": f"tabagent/{__version__}", "Accept-Encoding": "identity"}
        self._secrets = {"Authorization": f"Bearer {token}"} if token else {}
        self._report = report
        self._cancelled = threading.Event()
        self._connections = OpenConnections()

    def cancel(self) -> None:
        """Stop now, also a read that waits for the server; from any thread."""
        self._cancelled.set()
        self._connections.shut_down()

    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled.is_set()

    def note(self, file: RemoteFile) -> None:
        """It was there already."""
        self._report(file.name, file.size)

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()
        self._direct.close()

    def has(self, file: RemoteFile, blob: Path) -> bool:
        """Return True if ``blob`` has the size and the hash of ``file``; its name proves neither.

        Raises:
            TabAgentError: ``download_failed``: the blob cannot be read.
            DownloadCancelled: ``cancel`` was called.
        """
        with _disk_errors(file, blob):
            try:
                status = blob.stat()
            except FileNotFoundError:
                return False
            if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
                return False
            with blob.open("rb") as content:
                digest, _ = self._hash_again(file, content)
            return digest.hexdigest() == file.etag

    def fetch(self, file: RemoteFile, blob: Path) -> None:
        """Bring ``file`` to ``blob``.

        Raises:
            TabAgentError: ``download_failed`` with a ``reason``, ``disk_full``, ``config_unwritable``, ``gated``.
            DownloadCancelled: ``cancel`` was called.
        """
        part = blob.with_name(f"{blob.name}.part")
        with _disk_errors(file, blob):
            part.parent.mkdir(parents=True, exist_ok=True)
        failures, restarted = 0, False
        while True:
            before = _size(part)
            try:
                with _disk_errors(file, blob):
                    self._attempt(file, part)
                    _put_in_place(part, blob)
                return
            except _WrongContent as error:
                if restarted or not error.was_resumed:
                    raise _failed(file, "its content is not what the hub announced") from error
                restarted = True  # the part that was there before may be at fault: a power cut leaves zeros
            except (_Interrupted, httpx2.HTTPError) as error:
                failures = 1 if _size(part) > before else failures + 1
                if failures > MOST_RETRIES:
                    raise _failed(file, str(error) or type(error).__name__) from error
                self._pause(failures, getattr(error, "retry_after_s", 0.0))

    def _attempt(self, file: RemoteFile, part: Path) -> None:
        """Receive what is missing, and return when all is there and its hash is right."""
        with _open_part(part) as out:
            digest, have = self._hash_again(file, out)
            resumed = have
            if have < file.size:
                digest, have = self._receive(file, out, digest, have)
            if have < file.size:
                raise _Interrupted("the connection ended early")
            if have > file.size or digest.hexdigest() != file.etag:
                out.truncate(0)
                raise _WrongContent(was_resumed=resumed > 0)
            out.flush()
            os.fsync(out.fileno())

    def _hash_again(self, file: RemoteFile, out: BinaryIO) -> tuple[Hash, int]:
        """Hash what is there already."""
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
        """Follow redirects as ``redirects`` allows. The token is sent to the hub's own origin only."""
        url, hub = httpx2.URL(file.url), origin(httpx2.URL(file.url))
        for _ in range(MOST_REDIRECTS + 1):
            is_hub = origin(url) == hub
            try:
                hops = [Hop(url, self._secrets)] if is_hub else pinned(url)
                with self._stream(hops, headers) as response:
                    if response.is_redirect:
                        url = target(url, response.headers.get("Location", ""))
                        continue
                    _check_status(file, response, is_hub=is_hub)
                    yield response
                    return
            except RefusedRedirect as refused:
                raise _failed(file, f"the hub redirects to {refused}; this is refused") from refused
        raise _failed(file, "it redirects without end")

    @contextlib.contextmanager
    def _stream(self, hops: Sequence[Hop], headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Send a request to the first address that can be reached."""
        for number, hop in enumerate(hops, 1):
            wanted = {**self._headers, **hop.headers, **headers}
            extensions = {**hop.extensions, "trace": self._connections.note}
            client = self._direct if hop.is_pinned else self._client
            request = client.build_request("GET", hop.url, headers=wanted, extensions=extensions)
            try:
                response = client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(hops):
                    raise
                continue
            with contextlib.closing(response):
                yield response
            return
        raise httpx2.ConnectError("the host has no address")

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise DownloadCancelled

    def _pause(self, failures: int, at_least_s: float) -> None:
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (failures - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
        if self._cancelled.wait(max(pause, at_least_s)):
            raise DownloadCancelled


class _WrongContent(Exception):
    """The whole file has another hash or size. ``was_resumed``: a part of it was there before."""

    def __init__(self, *, was_resumed: bool) -> None:
        super().__init__()
        self.was_resumed = was_resumed


class _Interrupted(Exception):
    """Worth another attempt."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


def _open_part(part: Path) -> BinaryIO:
    """Open for reading and appending. A link is not followed."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    out = os.fdopen(os.open(part, flags, 0o666), "a+b")
    if not stat.S_ISREG(os.fstat(out.fileno()).st_mode):
        out.close()
        raise FileExistsError(errno.EEXIST, "Not a regular file", str(part))
    return out


def _check_status(file: RemoteFile, response: httpx2.Response, *, is_hub: bool) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status == 416:
        raise _failed(file, "the hub has less of it than it announced")
    if status == 429 or status >= 500:
        after = response.headers.get("Retry-After", "")
        raise _Interrupted(
            f"the server answered {status}", min(60.0, float(after)) if _SECONDS.fullmatch(after) else 0.0
        )
    if status in (401, 403) and not is_hub:  # the address that the hub signed has expired
        raise _Interrupted(f"the server of the hub's files answered {status}")
    if status in (401, 403):
        raise TabAgentError(
            ErrorCode.GATED,
            f"Access to {file.name} is restricted. Request access on its Hugging Face page, then set HF_TOKEN.",
            file=file.name,
            status=status,
        )
    raise _failed(file, f"the server answered {status}")


def _continues(response: httpx2.Response, have: int, size: int) -> bool:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return response.status_code == 206 and match is not None and (int(match[1]), int(match[3])) == (have, size)


def _failed(file: RemoteFile, reason: str) -> TabAgentError:
    return TabAgentError(
        ErrorCode.DOWNLOAD_FAILED, f"{file.name} could not be downloaded: {reason}.", file=file.name, reason=reason
    )


@contextlib.contextmanager
def _disk_errors(file: RemoteFile, blob: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            message = f"Disk full. The partial download of {file.name} was kept and will resume."
            raise TabAgentError(ErrorCode.DISK_FULL, message, file=file.name, path=str(blob)) from error
        if known := disk_error(error, blob):
            raise known from error
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
