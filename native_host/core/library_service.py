"""The use cases about models on disk: list, detect, pull, remove, verify."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from native_host.core import threads
from native_host.core.disk_errors import disk_errors
from native_host.core.engine_ranking import EngineRanking
from native_host.core.model_detection import ModelDetection
from native_host.core.model_library.hub_cache import HubCache, lies_in_cache
from native_host.core.model_library.library import HUB, Model, ModelLibrary
from native_host.core.model_library.model_file import ModelFile
from native_host.core.model_library.own_files import own_files
from native_host.core.model_library.pull import Puller
from native_host.core.model_library.served import RemoteModel
from native_host.core.model_library.servers import ModelServers
from native_host.core.model_library.verify import verify
from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.core.reporting import reported
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import (
    DetectModelRequest,
    ListModelsRequest,
    PullModelRequest,
    RemoveModelRequest,
    VerifyModelRequest,
)
from native_host.protocol.messages.results.library import (
    DetectModelResult,
    ListModelsResult,
    ModelEntry,
    PullModelResult,
    RemoveModelResult,
    VerifiedFile,
    VerifyModelResult,
)

if TYPE_CHECKING:
    from tabagent_model import ModelFacts

log = logging.getLogger(__name__)


class LibraryService:
    """What is on disk, how it comes and how it goes."""

    def __init__(
        self,
        *,
        library: ModelLibrary,
        servers: ModelServers,
        detection: ModelDetection,
        ranking: EngineRanking,
        puller: Puller,
        models: ModelManager,
    ) -> None:
        self._library = library
        self._servers = servers
        self._detection = detection
        self._ranking = ranking
        self._puller = puller
        self._models = models

    async def list_models(self, _request: ListModelsRequest, _reply: Reply) -> ListModelsResult:
        """Every model on disk that is whole and of a kind we know, and those of servers that answer."""
        entries = []
        for file in await threads.LIBRARY.run(self._library.models):
            try:
                facts = await self._detection.of_model(file)
            except TabAgentError as error:
                log.info("%s is not listed: %s", file.location, error)
                continue
            entries.append(self._entry(file, facts))
        return ListModelsResult(models=entries)

    async def detect_model(self, request: DetectModelRequest, _reply: Reply) -> DetectModelResult:
        """Look at a model of the library, a path, or a repository of the hub."""
        source = request.model
        found: Model | None = None
        with suppress(TabAgentError):
            found = await self._find(source)
            source = found.location
        options = request.options
        if isinstance(found, RemoteModel):
            facts = await self._detection.of_model(found)
        else:
            facts = await self._detection.detect(
                source, context_length=options.context_length, allow_pickle=options.allow_pickle
            )
        facts = await self._ranking.ranked(facts, options)
        return DetectModelResult.model_validate({**facts, "source": request.model})

    async def pull_model(self, request: PullModelRequest, reply: Reply) -> PullModelResult:
        """Bring a model of the hub here, or have a server download one."""
        served = self._servers.find(request.model)
        if served is not None:
            return await self._pull_there(served, reply)
        facts, path = await self._puller.pull(request.model, reply, allow_pickle=request.allow_pickle)
        name = await threads.LIBRARY.run(self._library.name_of, path)
        return PullModelResult(
            model=name or str(path),
            path=str(path),
            repo=facts["repo"] or "",
            commit=facts["commit"] or "",
            size_bytes=facts["size_bytes"] or 0,
        )

    async def remove_model(self, request: RemoveModelRequest, _reply: Reply) -> RemoveModelResult:
        """Remove a model's files, or list them for ``dry_run``. Files that another model has too are kept."""
        file = await self._find(request.model)
        if self._models.is_known(file):
            raise TabAgentError(ErrorCode.MODEL_IN_USE, f"{file.name} is loaded; unload it first.", model=file.name)
        if isinstance(file, RemoteModel) or not file.is_ours or not file.files:
            raise TabAgentError(
                ErrorCode.NOT_REMOVABLE,
                f"{file.name} belongs to {file.source}; remove it there.",
                model=file.name,
                source=file.source,
            )
        with disk_errors(file.path):
            files, freed = await threads.REMOVAL.run(self._remove, file, dry_run=request.dry_run)
        return RemoveModelResult(model=file.name, files=[str(path) for path in files], freed_bytes=freed)

    async def verify_model(self, request: VerifyModelRequest, reply: Reply) -> VerifyModelResult:
        """Read a model's files again."""
        file = await self._find(request.model)
        if isinstance(file, RemoteModel):
            raise TabAgentError(
                ErrorCode.MODEL_NOT_FOUND, f"{file.name} has no files here; {file.source} keeps them.", model=file.name
            )
        paths = file.files or (file.path,)
        done = 0
        unwanted = threading.Event()

        def advance(count: int) -> None:
            nonlocal done
            done += count

        async def check(path: Path) -> VerifiedFile:
            reading = threads.VERIFICATION.submit(verify, path, advance, unwanted.is_set)
            verified = await reported(
                reading, lambda: reply.progress("verifying", done, file.size_bytes, "bytes", file=path.name)
            )
            return VerifiedFile(path=str(path), size_bytes=path.stat().st_size, verified=verified)

        try:
            checked = [await check(path) for path in paths]
        finally:
            unwanted.set()
        valid = all(it.verified is not False for it in checked)
        try:
            await threads.VERIFICATION.run(self._detection.look_at, str(file.path))
        except TabAgentError:
            valid = False
        return VerifyModelResult(model=file.name, valid=valid, files=checked)

    async def _pull_there(self, model: RemoteModel, reply: Reply) -> PullModelResult:
        server = self._servers.server(model)
        done = total = 0

        def progress(*now: int) -> None:
            nonlocal done, total
            done, total = now

        catalogue = await threads.SERVERS.run(server.open)
        pulling = threads.SERVER_PULLS.submit(server.pull, catalogue, model.id, progress)
        try:
            await reported(pulling, lambda: reply.progress("downloading", done, total, "bytes"))
        finally:
            catalogue.close()
            pulling.add_done_callback(lambda it: it.cancelled() or it.exception())
        return PullModelResult(model=model.name, path=model.server.url, repo="", commit="", size_bytes=total)

    def _remove(self, file: ModelFile, *, dry_run: bool) -> tuple[list[Path], int]:
        """Return the files that go, and the bytes that become free."""
        of_others = {path for other in self._library.files() if other.path != file.path for path in other.files}
        files = [path for path in _files_to_remove(file) if path not in of_others]
        if file.source == HUB and not dry_run:
            return files, HubCache.shared().remove(files)
        freed = sum(_size(path) for path in files)
        if not dry_run:
            for path in files:
                path.unlink(missing_ok=True)
        return files, freed

    async def _find(self, reference: str) -> Model:
        return await threads.LIBRARY.run(self._library.find, reference)

    def _entry(self, file: Model, facts: ModelFacts) -> ModelEntry:
        return ModelEntry(
            name=file.name,
            path=file.server.url if isinstance(file, RemoteModel) else str(file.path),
            format=facts["model_type"],
            quantisation=facts["quantisation"],
            task=facts["task"],
            size_bytes=facts["size_bytes"] or file.size_bytes,
            source=file.source,
            loaded=self._models.is_loaded(file),
            architecture=facts["architecture"],
            parameters=facts["parameters"],
            modified_at=file.modified_at,
        )


def _files_to_remove(file: ModelFile) -> tuple[Path, ...]:
    if file.source == HUB:
        return tuple(path for path in file.files if lies_in_cache(path))
    return own_files(file.path, file.files)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
