"""Writes all the audio of a recording to a file. Blocking, for worker threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pipeline.audio_forms import AudioForm
from pipeline.offline.audio import MAX_CUT_S, cut_audio, extract_audio
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import Library, Recording, RecordingError, RecordingFault
from pipeline.recording.stretches import stretches


@dataclass(frozen=True, slots=True)
class WholeAudio:
    """What was written."""

    duration_s: float
    channels: int


MakeAudio = Callable[[Library, str, Path, AudioForm, Callable[[float], None], Callable[[], bool]], WholeAudio]
"""As `make_whole_audio`: library, name, target, form, progress (0..1), whether it is cancelled."""


def make_whole_audio(
    library: Library,
    name: str,
    target: Path,
    form: AudioForm,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> WholeAudio:
    """Open a recording and write all of its audio, as `write_whole_audio` does."""
    recording = open_recording(library, name, picture=False)
    return write_whole_audio(library, recording, target, form, progress, cancelled)


def write_whole_audio(
    library: Library,
    recording: Recording,
    target: Path,
    form: AudioForm,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> WholeAudio:
    """Write it with its channels; AAC is copied into M4A.

    A recording in several pieces, each with time stamps of its own, becomes one in mono, silence where there
    is nothing between them. Raises RecordingError, EncodeError.
    """
    length_s = min(recording.duration_s, MAX_CUT_S)
    if math.isfinite(recording.duration_s) and recording.duration_s > MAX_CUT_S:
        raise RecordingError(
            RecordingFault.UNSUPPORTED, f"a recording may last {MAX_CUT_S / 3600:g} hours at most"
        )
    with closing(stretches(recording, library, 0.0, length_s)) as pieces:
        if _pieces(recording) > 1:
            cut = cut_audio(pieces, 0.0, length_s, target, form, progress=progress, cancelled=cancelled)
            return WholeAudio(cut.duration_s, 1)
        facts = extract_audio(next(pieces), target, form, progress, cancelled)
        return WholeAudio(facts.duration_s, facts.channels)


def _pieces(recording: Recording) -> int:
    """Return in how many pieces a recording is read from its start to its end."""
    return len({(segment.run, segment.header) for segment in recording.segments})
