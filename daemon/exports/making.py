"""Makes a file of a span of a recording. Blocking, for worker threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from daemon.exports.export import AUDIO_FORMS, Export, Exported, Form
from daemon.exports.whole_audio import write_whole_audio
from pipeline.audio_forms import AudioForm
from pipeline.encode import explaining
from pipeline.offline.audio import MAX_CUT_S, cut_audio
from pipeline.offline.remux import MediaForm, remux
from pipeline.offline.thumbnail import thumbnail
from pipeline.recording.recording import Library, Recording, Stretch
from pipeline.recording.stretches import MARGIN_S, stretches

PICTURE_S = 1.0
"""So much of a recording is read on for the picture of a moment."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to be read: the part of a span that the recording may hold."""

    start_s: float
    end_s: float
    """Infinite: up to the end of a file whose length is not known yet."""
    lacking_s: float
    """So much of the span lies outside of the recording for certain."""
    recording_began_at: float | None
    """Seconds since the epoch."""

    @property
    def duration_s(self) -> float:
        """Its length, or the longest there may be."""
        return min(self.end_s - self.start_s, MAX_CUT_S)

    def exported(
        self, start_s: float, duration_s: float, *, missing_s: float = 0.0, joined: bool = False
    ) -> Exported:
        """Say what has become of it; `missing_s` is what lacks beside `lacking_s`."""
        began_at = self.recording_began_at
        return Exported(
            start_s,
            duration_s,
            self.lacking_s + (missing_s if math.isfinite(self.end_s) else 0.0),
            None if began_at is None else began_at + start_s,
            joined,
        )


@dataclass(frozen=True, slots=True)
class Making:
    """One file that is made."""

    export: Export
    recording: Recording
    library: Library
    cut: Cut
    target: Path
    progress: Callable[[float], None]
    """Told 0..1."""
    cancelled: Callable[[], bool]

    def make(self) -> Exported:
        """Write `target`. Raises RecordingError, EncodeError."""
        if self.export.form is Form.JPEG:
            return self._picture()
        if self.export.form not in AUDIO_FORMS:
            return self._media()
        return self._audio() if self.export.mono else self._whole_audio()

    def _audio(self) -> Exported:
        cut = self.cut
        with closing(self._stretches(self.recording, cut.duration_s)) as pieces:
            made = cut_audio(
                pieces,
                cut.start_s,
                cut.duration_s,
                self.target,
                AudioForm(self.export.form.value),
                self.export.sample_rate_hz,
                self.progress,
                self.cancelled,
            )
        return cut.exported(cut.start_s, made.duration_s, missing_s=made.missing_s)

    def _whole_audio(self) -> Exported:
        form = AudioForm(self.export.form.value)
        made = write_whole_audio(
            self.library, self.recording, self.target, form, self.progress, self.cancelled
        )
        return self.cut.exported(0.0, made.duration_s)

    def _picture(self) -> Exported:
        with closing(self._stretches(self.recording, PICTURE_S)) as pieces:
            picture = thumbnail(pieces, self.cut.start_s, self.cancelled)
        with explaining():
            self.target.write_bytes(picture)
        return self.cut.exported(self.cut.start_s, 0.0)

    def _media(self) -> Exported:
        cut, sound = self.cut, self.recording.sound
        with ExitStack() as stack:
            pieces = stack.enter_context(closing(self._stretches(self.recording, cut.duration_s)))
            made = remux(
                pieces,
                cut.start_s,
                cut.duration_s,
                self.target,
                MediaForm(self.export.form.value),
                self.progress,
                self.cancelled,
                sound=None if sound is None else stack.enter_context(closing(self._sound(sound))),
            )
        return cut.exported(made.start_s, made.duration_s, missing_s=made.missing_s)

    def _sound(self, sound: Recording) -> Generator[Stretch, None, None]:
        """Read the sound from where the picture may begin: with the segment that holds the start."""
        start_s, end_s = self.cut.start_s, self.cut.start_s + self.cut.duration_s
        begins_s = min(
            (each.start_s for each in self.recording.segments if each.end_s > start_s - MARGIN_S),
            default=start_s,
        )
        return stretches(sound, self.library, min(begins_s, start_s), end_s, ahead=self.export.ahead)

    def _stretches(self, recording: Recording, duration_s: float) -> Generator[Stretch, None, None]:
        start_s = self.cut.start_s
        return stretches(recording, self.library, start_s, start_s + duration_s, ahead=self.export.ahead)
