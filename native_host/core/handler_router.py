"""Action → handler. Every transport dispatches through here, so an action exists on all of them or on none.

``cancel`` is no handler: it concerns the requests of one connection, which only its transport knows.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from native_host.core.bench_service import BenchService
from native_host.core.disk_errors import disk_error
from native_host.core.inference_service import InferenceService
from native_host.core.library_service import LibraryService
from native_host.core.model_service import ModelService
from native_host.core.reply import Reply
from native_host.core.system_service import SystemService
from native_host.core.task_service import TaskService
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.base import Message
from native_host.protocol.messages.requests import RequestBase
from native_host.protocol.messages.validation import parse_request

log = logging.getLogger(__name__)

Handler = Callable[[Any, Reply], Awaitable[Message]]


class HandlerRouter:
    """Validates a request and hands it to its use case."""

    def __init__(
        self,
        *,
        system: SystemService,
        library: LibraryService,
        models: ModelService,
        inference: InferenceService,
        tasks: TaskService,
        bench: BenchService,
    ) -> None:
        self._handlers: dict[str, Handler] = {
            "hello": system.hello,
            "status": system.status,
            "hardware": system.hardware,
            "list_models": library.list_models,
            "detect_model": library.detect_model,
            "pull_model": library.pull_model,
            "remove_model": library.remove_model,
            "verify_model": library.verify_model,
            "load_model": models.load_model,
            "unload_model": models.unload_model,
            "generate": inference.generate,
            "chat": inference.chat,
            "tokenize": inference.tokenize,
            "embed": tasks.embed,
            "rerank": tasks.rerank,
            "infer": tasks.infer,
            "bench_model": bench.bench_model,
        }

    @property
    def actions(self) -> frozenset[str]:
        """Every action with a handler."""
        return frozenset(self._handlers)

    async def dispatch(self, message: dict[str, Any], reply: Reply) -> dict[str, Any]:
        """Serve a request; returns its result.

        Raises:
            TabAgentError: with the code the client is to see, whatever went wrong.
        """
        request: RequestBase = parse_request(message)
        try:
            result = await self._handlers[message["action"]](request, reply)
            return result.model_dump(mode="json")
        except TabAgentError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and (known := disk_error(error)):
                log.warning("%s failed: %s", message["action"], error)
                raise known from error
            log.exception("%s failed", message["action"])
            raise TabAgentError(
                ErrorCode.INTERNAL_ERROR, f"TabAgent has a defect ({type(error).__name__}); its log has the details."
            ) from error
