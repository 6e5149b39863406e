"""What the contract's endpoints answer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A JSON object that is written; what is None is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return self.model_dump(mode="json", exclude_none=True)


class AudioAnswer(Message):
    """Of `POST /exportaudio`."""

    ErrorCode: Literal[0, -1]
    ErrorMessage: str
    TimeWait: int
    """Milliseconds spent."""


class MediaAnswer(Message):
    """Of `POST /api/resource/v1/i/export`."""

    ErrorCode: Literal[0, 1, 5, -1]
    ErrorMessage: str
    Status: Literal[10000, 11000, 12000]
    TimeWait: int
    """Milliseconds until the next poll."""
    Version: Literal["v1"] = "v1"
    ImagePath: str = ""
    VideoPath: str = ""
    LackLength: int | None = None
    """Milliseconds of the span that the recording does not hold."""
    StartPos: int | None = None
    """Milliseconds since the epoch at which the result truly begins; not the vendor's."""
    Duration: int | None = None
    """Milliseconds that the result truly lasts; not the vendor's."""
