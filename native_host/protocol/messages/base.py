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
    """What every message has in common."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
