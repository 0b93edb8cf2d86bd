"""What to do about an error, in commands. The error's own sentence stands before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from native_host.protocol.errors import ErrorCode

_LOG = "tabagent logs tells more."
_SMALLER = "tabagent ps shows what is loaded, tabagent unload MODEL ends it; --context-length N needs less."
_ENGINES = "tabagent detect MODEL tells which engines there are for it, and what each lacks."
_BROKEN = "tabagent verify MODEL reads it again; tabagent rm and tabagent pull bring a fresh one."
_DOCTOR = "tabagent doctor looks for the reason."

REMEDIES: dict[str, str] = {
    ErrorCode.REQUEST_TOO_LARGE: "Give it less text at once.",
    ErrorCode.BAD_PARAM: "--help has the options and their ranges.",
    ErrorCode.UNKNOWN_ACTION: "An older TabAgent answers; tabagent stop ends it.",
    ErrorCode.VERSION_MISMATCH: "An older TabAgent answers; tabagent stop ends it.",
    ErrorCode.BUSY: "tabagent ps shows what is running.",
    ErrorCode.MODEL_NOT_FOUND: "tabagent list shows what is here; tabagent pull ORG/REPO downloads a model.",
    ErrorCode.MODEL_CORRUPT: _BROKEN,
    ErrorCode.UNSUPPORTED_FORMAT: _ENGINES,
    ErrorCode.UNSUPPORTED_ARCHITECTURE: _ENGINES,
    ErrorCode.UNSUPPORTED_TASK: _ENGINES,
    ErrorCode.ENGINE_UNAVAILABLE: "tabagent doctor lists the engines and what each needs.",
    ErrorCode.INSUFFICIENT_MEMORY: _SMALLER,
    ErrorCode.OUT_OF_MEMORY: _SMALLER,
    ErrorCode.LOAD_FAILED: _LOG,
    ErrorCode.CONTEXT_OVERFLOW: "Give it less text, or more room: --context-length N.",
    ErrorCode.TEMPLATE_ERROR: "--raw sends the prompt without a template.",
    ErrorCode.TEMPLATE_TIMEOUT: "--raw sends the prompt without a template.",
    ErrorCode.GENERATION_FAILED: _LOG,
    ErrorCode.ENGINE_CRASHED: "Ask again: it starts anew. " + _LOG,
    ErrorCode.ENGINE_TIMEOUT: "Ask again: it starts anew. " + _LOG,
    ErrorCode.ENGINE_QUARANTINED: "tabagent load MODEL tries it again.",
    ErrorCode.MODEL_UNLOADED: "Ask again: it is loaded anew.",
    ErrorCode.BROKER_UNAVAILABLE: _DOCTOR,
    ErrorCode.BROKER_LOST: "Ask again: it restarts. " + _LOG,
    ErrorCode.SHUTTING_DOWN: "Ask again: it restarts.",
    ErrorCode.INTERNAL_ERROR: _LOG,
    ErrorCode.FORMAT_REFUSED: "--allow-pickle reads pickled weights as data, running nothing of them.",
    ErrorCode.REMOTE_CODE_REFUSED: "Choose a model that needs no code of its own.",
    ErrorCode.GATED: "Accept the terms on the model's page; then set HF_TOKEN and run tabagent stop, or hf auth login.",
    ErrorCode.HUB_UNAVAILABLE: "Is there a network? tabagent config show --origin tells which hub is asked.",
    ErrorCode.DOWNLOAD_FAILED: "Run the same command again: it goes on where it stopped.",
    ErrorCode.DISK_FULL: "tabagent list and tabagent rm MODEL make room; then run the same command again.",
    ErrorCode.CONFIG_UNWRITABLE: "tabagent config show --origin lists the folders and what decided each.",
    ErrorCode.MODEL_IN_USE: "tabagent unload MODEL ends it.",
    ErrorCode.NOT_REMOVABLE: "tabagent list shows whose it is.",
    "bad_setting": "tabagent config path tells where the file is; docs/configuration.md lists every setting.",
}


def remedy(code: str, details: Mapping[str, Any]) -> str | None:
    """A sentence or two; None where the error's own says it all."""
    if hint := details.get("install_hint"):
        return f"Install it with: {hint}"
    if variable := details.get("variable"):
        return f"Correct {variable} in the environment, or unset it; docs/configuration.md lists every setting."
    return REMEDIES.get(code)
