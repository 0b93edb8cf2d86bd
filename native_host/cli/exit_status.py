"""Exit statuses, for scripts. They are stable, like error codes."""

from __future__ import annotations

from native_host.protocol.errors import RETRYABLE, ErrorCode

FAILED = 1
USAGE = 2
NO_SUCH_MODEL = 3
TRY_LATER = 75
INTERRUPTED = 130
NOBODY_READS = 141

MEANINGS = {
    0: "done",
    FAILED: "not done, or something was found wrong",
    USAGE: "wrong usage, or a setting that is no setting",
    NO_SUCH_MODEL: "there is no such model",
    TRY_LATER: "not done now; the same command may succeed later",
    INTERRUPTED: "interrupted (Ctrl-C)",
    NOBODY_READS: "whoever read the output has stopped",
}
"""75 is EX_TEMPFAIL, 130 and 141 are what shells say of SIGINT and SIGPIPE."""


def of_error(code: str) -> int:
    """The exit status for an error code."""
    if code == ErrorCode.MODEL_NOT_FOUND:
        return NO_SUCH_MODEL
    if code == ErrorCode.BAD_PARAM:
        return USAGE
    return TRY_LATER if code in RETRYABLE else FAILED


def epilog() -> str:
    """For the help, a line each."""
    return "\n".join(["\b", "Exit status:", *(f"{status:>5}  {meaning}" for status, meaning in MEANINGS.items())])
