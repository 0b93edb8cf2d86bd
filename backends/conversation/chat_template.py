"""The chat template that a model carries, or does not: its process, and the prompts that it writes."""

from __future__ import annotations

from backends.contract import Conversation, EngineError, Sampling
from backends.conversation.dialogue import Dialogue, Prepared
from backends.conversation.prompt import SpecialTokens
from backends.conversation.template_process import TemplateProcess


class ChatTemplate:
    """``source`` is the template's; empty or None where the model has none. ``bos`` and ``eos`` are its own texts."""

    def __init__(
        self, source: str | None, special: SpecialTokens, *, bos: str, eos: str, pictures: bool = False
    ) -> None:
        self._process: TemplateProcess | None = None
        self._dialogue: Dialogue | None = None
        if source:
            variables = {"add_generation_prompt": True, "bos_token": bos, "eos_token": eos}
            self._process = TemplateProcess(source, variables)
            self._dialogue = Dialogue(source, self._process, special, pictures=pictures)

    @property
    def exists(self) -> bool:
        """Whether conversations can be made prompts of."""
        return self._dialogue is not None

    def prepare(self, conversation: Conversation, sampling: Sampling) -> Prepared:
        """A conversation's prompt, and what goes with it.

        Raises:
            EngineError: what ``Dialogue.prepare`` raises; ``template_error`` where there is no template.
        """
        if self._dialogue is None:
            raise EngineError("template_error", "This model carries no chat template; use generate.")
        return self._dialogue.prepare(conversation, sampling)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
