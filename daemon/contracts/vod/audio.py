"""Makes the audio of a recording. Blocking, for the threads of jobs."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from daemon.contracts.vod.extraction import MadeAudio
from pipeline.encode import AudioForm
from pipeline.offline import MAX_CUT_S, cut_audio, extract_audio
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import Library, Recording, RecordingError, RecordingFault
from pipeline.recording.stretches import stretches

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
    """Write all of a recording's audio (a `MakeAudio`), with its channels; AAC is copied into AAC.

    A recording in several pieces, each with time stamps of its own, becomes one in mono, silence where there
    is nothing between them. Raises RecordingError, EncodeError.
    """
    form = FORMS[audio_format]
    recording = open_recording(library, name, picture=False)
    length_s = min(recording.duration_s, MAX_CUT_S)
    if math.isfinite(recording.duration_s) and recording.duration_s > MAX_CUT_S:
        raise RecordingError(
            RecordingFault.UNSUPPORTED, f"a recording may last {MAX_CUT_S / 3600:g} hours at most"
        )
    with closing(stretches(recording, library, 0.0, length_s)) as pieces:
        if _pieces(recording) > 1:
            cut = cut_audio(pieces, 0.0, length_s, target, form, progress=progress, cancelled=cancelled)
            duration_s, channels = cut.duration_s, 1
        else:
            facts = extract_audio(next(pieces), target, form, progress, cancelled)
            duration_s, channels = facts.duration_s, facts.channels
    return MadeAudio(PACK_TYPES[audio_format], audio_format, duration_s, channels)


def _pieces(recording: Recording) -> int:
    """Return in how many pieces a recording is read from its start to its end."""
    return len({(segment.run, segment.header) for segment in recording.segments})
