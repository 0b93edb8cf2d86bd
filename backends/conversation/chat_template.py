"""The chat template of a model, its own or a fallback: its process, and the prompts that it writes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from backends.contract import Conversation, Sampling
from backends.conversation.dialogue import Dialogue, Prepared
from backends.conversation.fallback_templates import FallbackTemplate, fallback_template
from backends.conversation.prompt import SpecialTokens
from backends.conversation.template_process import TemplateProcess


class ChatTemplate:
    """``source`` is the template's; empty or None where the model has none.

    ``named``: spellings of the vocabulary's tokens by the names that templates use, such as ``bos_token``.
    ``fallback`` is what a model without a template gets, started with its first conversation; None for any other.
    """

    def __init__(
        self, source: str | None, special: SpecialTokens, named: Mapping[str, str], *, pictures: bool = False
    ) -> None:
        self.fallback: FallbackTemplate | None = None if source else fallback_template(special)
        self._special = special
        self._variables = {"add_generation_prompt": True, **{name: text for name, text in named.items() if text}}
        self._pictures = pictures
        self._lock = threading.Lock()
        self._process: TemplateProcess | None = None
        self._dialogue = self._start(source) if source else None

    @property
    def exists(self) -> bool:
        """True if the model carries a template."""
        return self.fallback is None

    @property
    def marks(self) -> tuple[str, ...]:
        """Marks of thoughts and channels: where they are control tokens, the text of answers must show them."""
        return self._dialogue.marks if self._dialogue is not None else ()

    def prepare(self, conversation: Conversation, sampling: Sampling) -> Prepared:
        """Return a conversation's prompt, and what goes with it.

        Raises:
            EngineError: what ``Dialogue.prepare`` raises.
        """
        if self.fallback is None:
            assert self._dialogue is not None
            return self._dialogue.prepare(conversation, sampling)
        with self._lock:
            self._dialogue = self._dialogue or self._start(self.fallback.source)
        sampling = replace(sampling, stop=(*sampling.stop, *self.fallback.stop))
        return replace(self._dialogue.prepare(conversation, sampling), fallback=self.fallback)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._process.close()

    def _start(self, source: str) -> Dialogue:
        self._process = TemplateProcess(source, self._variables)
        return Dialogue(source, self._process, self._special, pictures=self._pictures)
