"""What every message has in common. Strict: a boolean is no integer; unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypeAliasType

from native_host.protocol.connection import MAX_ID, MAX_ID_BYTES

Name = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
StopString = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Id = TypeAliasType(
    "Id",
    Annotated[int, Field(ge=0, le=MAX_ID)] | Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_BYTES)],
)


class Message(BaseModel):
    """Base of all messages.

    Pydantic builds the validator of a message when it is first used: a start of the broker or of a command needs few of
    them, and all take 0.4 s.
    """

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, defer_build=True)


def build_validators() -> None:
    """Build the validators of all messages now, and of each message that is defined from now on.

    FastAPI describes routes with them, and needs them complete.
    """
    pending: list[type[Message]] = [Message]
    while pending:
        message = pending.pop()
        message.model_config["defer_build"] = False
        message.model_rebuild()
        pending += message.__subclasses__()
