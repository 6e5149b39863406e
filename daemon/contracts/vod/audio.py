"""Makes the audio of a recording. Blocking, for the threads of jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from daemon.contracts.vod.extraction import MadeAudio
from daemon.exports.whole_audio import write_whole_audio
from pipeline.audio_file import AudioForm
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import Library

FORMS = {"MP3": AudioForm.MP3, "AAC": AudioForm.M4A}
PACK_TYPES = {"MP3": "MP3", "AAC": "M4A"}


def make_audio(
    library: Library,
    name: str,
    audio_format: str,
    target: Path,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> MadeAudio:
    """Write all of a recording's audio (a `MakeAudio`). Raises RecordingError, EncodeError."""
    recording = open_recording(library, name, picture=False)
    made = write_whole_audio(library, recording, target, FORMS[audio_format], progress, cancelled)
    return MadeAudio(PACK_TYPES[audio_format], audio_format, made.duration_s, made.channels)
