"""The contract's audio formats, and which files of ours they are."""

from __future__ import annotations

from typing import Literal, get_args

from daemon.exports.export import Form

AudioFormat = Literal["MP3", "AAC"]
"""What a request asks for; also what the contract calls the codec."""
AUDIO_FORMATS: tuple[AudioFormat, ...] = get_args(AudioFormat)
FORMS = {"MP3": Form.MP3, "AAC": Form.M4A}
"""By format. The form has the suffix and the media type."""


def container_of(audio_format: str) -> str:
    """Return what the contract calls the container of a format: `pack_type`, `video_type`."""
    return FORMS[audio_format].value.upper()
