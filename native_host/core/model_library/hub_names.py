"""Alphabets of the names that a hub sends. A name outside its alphabet never becomes a part of a path.

``ModelDetection`` checks a hub's answer before anyone uses it, and ``HubCache`` checks each name again where it makes a
path of it, so neither relies on the other.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from native_host.protocol.display import REORDERING
from native_host.protocol.errors import ErrorCode, TabAgentError

if TYPE_CHECKING:
    from tabagent_model import ModelFacts

MAX_FILE_NAME = 240
"""Bytes of one part of a file's path; the same limit as in the Rust crate ``model-loader``."""

MAX_PATH = 1000
"""Bytes of a file's path in its repository. With the cache's folders it is a valid path on every operating system."""
MAX_FILES = 10_000
"""Files of one model."""
MAX_SIZE = 2**53
"""Bytes of a file. A message's integers are exact in every language up to here."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(f"{_NAME}/{_NAME}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_PLACE = r"/(?:resolve|blob|tree)/[^/]+(?:/.+)?|(?:@[^:/]+)?(?::.+)?"
_REFERENCE = re.compile(f"(?P<repository>{_NAME}/{_NAME})(?P<place>{_PLACE})")
_HOSTS = ("huggingface.co/", "www.huggingface.co/", "hf.co/", "hf:")
_AMBIGUOUS = re.compile(r"\.\.|--")
"""``..`` leads out of a folder; ``--`` separates organisation and name in the cache's folder names."""
_FORBIDDEN_CHARACTERS = re.compile(rf'[\x00-\x1f\x7f-\x9f\\:<>"|?*{REORDERING}\ud800-\udfff]')
"""Also line separators and what changes the order in which a list of names is shown."""
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|LPT|(?:COM|LPT).)", re.IGNORECASE)
"""File names that Windows reserves, whatever the extension."""


def check_repository(name: str) -> str:
    """Return ``org/name`` unchanged.

    Raises:
        TabAgentError: ``hub_unavailable``; also raised by the other checks of this module.
    """
    if not _REPOSITORY.fullmatch(name) or _AMBIGUOUS.search(name):
        raise _invalid("repository name", name)
    return name


def check_commit(commit: str) -> str:
    """Return a commit, 40 hexadecimal digits, unchanged."""
    if not _GIT_SHA1.fullmatch(commit):
        raise _invalid("commit", commit)
    return commit


def check_revision(revision: str) -> str:
    """Return a branch, tag or commit unchanged."""
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise _invalid("revision", revision)
    return revision


def check_etag(etag: str) -> str:
    """Return a blob's name unchanged: a SHA-256, or git's SHA-1 of a small file."""
    if not (_SHA256.fullmatch(etag) or _GIT_SHA1.fullmatch(etag)):
        raise _invalid("file hash", etag)
    return etag


def check_file_name(path: str) -> str:
    """Return the path of a file in a repository unchanged. It is relative, and valid on every operating system."""
    is_short = len(path.encode(errors="surrogatepass")) <= MAX_PATH
    if not is_short or not all(_is_portable(part) for part in path.split("/")):
        raise _invalid("file name", path)
    return path


def as_reference(text: str, endpoint: str) -> str:
    """Return a model's name as an address on the hub, which is never a path of this machine.

    Args:
        text: ``org/name``, ``org/name:Q4_K_M``, ``org/name@revision``, ``hf.co/org/name``, or an address on the hub.
        endpoint: The hub's address.

    Raises:
        TabAgentError: ``model_not_found``: ``text`` is none of these.
    """
    _, is_address, rest = text.partition("://")
    if is_address:
        known = (*_HOSTS, endpoint.partition("://")[2].rstrip("/") + "/")
        host = next((host for host in known if rest.startswith(host)), None)
        if text.startswith(("http://", "https://")) and host and _stays_below(rest, re.split("[?#]", rest)[0]):
            return text
        raise _no_model(text)
    for host in _HOSTS:
        text = text.removeprefix(host)
    match = _REFERENCE.fullmatch(re.split("[?#]", text, maxsplit=1)[0].rstrip("/"))
    if match is None or _AMBIGUOUS.search(match["repository"]) or not _stays_below(match["place"].lstrip("/@:") or "x"):
        raise _no_model(text)
    return f"hf:{text}"


def _stays_below(*paths: str) -> bool:
    is_plain = not any(re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", path) for path in paths)
    return is_plain and all(part not in {"", ".", ".."} for path in paths for part in path.rstrip("/").split("/"))


def _no_model(text: str) -> TabAgentError:
    name = text[:200].encode(errors="replace").decode()
    return TabAgentError(
        ErrorCode.MODEL_NOT_FOUND,
        f"There is no model {name!r}. A repository of the hub is organisation/name; a path must be absolute.",
        model=name,
    )


def check_facts(facts: ModelFacts) -> None:
    """Check every name in a hub's answer that may become a part of a path, and that its numbers can be sent."""
    if len(facts["files"]) > MAX_FILES:
        raise _invalid("number of files", str(len(facts["files"])))
    if sum(file["size_bytes"] or 0 for file in facts["files"]) > MAX_SIZE:
        raise _invalid("size", str(max(file["size_bytes"] or 0 for file in facts["files"])))
    if facts["repo"] is not None:
        check_repository(facts["repo"])
    if facts["commit"] is not None:
        check_commit(facts["commit"])
    if facts["revision"] is not None:
        check_revision(facts["revision"])
    names = [check_file_name(file["path"]) for file in facts["files"]]
    for file in facts["files"]:
        if file["sha256"] is not None and not _SHA256.fullmatch(file["sha256"]):
            raise _invalid("file hash", file["sha256"])
        if file["git_sha1"] is not None and not _GIT_SHA1.fullmatch(file["git_sha1"]):
            raise _invalid("file hash", file["git_sha1"])
    _check_distinct(names)


def _check_distinct(names: list[str]) -> None:
    """Raise if two names need the same place: equal but for case or accents, or one the other's folder."""
    folded = sorted(unicodedata.normalize("NFC", name.casefold()).replace("/", "\0") for name in names)
    for name, following in pairwise(folded):  # no name contains \0, so what is below a file comes right after it
        if f"{following}\0".startswith(f"{name}\0"):
            raise _invalid("file name", following.replace("\0", "/"))


def _is_portable(part: str) -> bool:
    stem = part.partition(".")[0].rstrip()
    return (
        part not in {"", ".", ".."}
        and not part.endswith((".", " "))
        and len(part.encode(errors="surrogatepass")) <= MAX_FILE_NAME
        and not _FORBIDDEN_CHARACTERS.search(part)
        and not _DEVICES.fullmatch(stem)
    )


def _invalid(kind: str, value: str) -> TabAgentError:
    shown = value[:100]
    return TabAgentError(
        ErrorCode.HUB_UNAVAILABLE,
        f"Invalid {kind} in the hub's answer: {shown!r}. Report this to the hub, or set another hub_endpoint.",
        reason=f"invalid {kind}",
        value=shown.encode(errors="replace").decode(),
    )
