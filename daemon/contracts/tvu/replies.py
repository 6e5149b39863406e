"""The contract's answers: codes, and faults of a request in one sentence."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from config.errors import AudiowardenError
from daemon.contracts.tvu.messages import AudioAnswer, MediaAnswer

FAILED: Final = -1
DONE: Final = 0
NOT_FINISHED: Final = 1
FINISHED: Final = 5
"""The vendor's sibling documents have it for media; a thumbnail is 0."""
STATUS_DONE: Final = 10_000
STATUS_WORKING: Final = 11_000
STATUS_FAILED: Final = 12_000
POLL_AFTER_MS = 10_000


class RefusedError(AudiowardenError):
    """A request that is answered with an error; the text is for whoever sent it."""


def explain(error: ValidationError) -> str:
    """Say which field is wrong, by the first fault that validation found, and what it takes."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"] if not _is_inner(part))
    text = "is required" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
    if first["type"] != "missing":
        kind, should, rest = text.partition(" should ")
        text = f"should {rest}" if should and kind in KINDS else text
    return f"{field} {text}" if field else text


KINDS = ("Input", "String", "List", "Value", "Data")
"""What pydantic calls any field."""


def _is_inner(part: int | str) -> bool:
    """Whether a step of a fault's path is pydantic's own, as the branches of a union are."""
    return isinstance(part, str) and ("[" in part or part in ("str", "float", "constrained-str"))


def audio_done(took_ms: int) -> AudioAnswer:
    """Answer an export of audio that is stored."""
    return AudioAnswer(ErrorCode=DONE, ErrorMessage="", TimeWait=took_ms)


def audio_failed(message: str, took_ms: int) -> AudioAnswer:
    """Answer an export of audio that failed, or was refused."""
    return AudioAnswer(ErrorCode=FAILED, ErrorMessage=message, TimeWait=took_ms)


def working(image_path: str, video_path: str, message: str = "work not finish.") -> MediaAnswer:
    """Answer an export of media that goes on."""
    return MediaAnswer(
        ErrorCode=NOT_FINISHED,
        ErrorMessage=message,
        Status=STATUS_WORKING,
        TimeWait=POLL_AFTER_MS,
        ImagePath=image_path,
        VideoPath=video_path,
    )


def failed(message: str) -> MediaAnswer:
    """Answer an export of media that failed, or was refused."""
    return MediaAnswer(ErrorCode=FAILED, ErrorMessage=message, Status=STATUS_FAILED, TimeWait=0)
