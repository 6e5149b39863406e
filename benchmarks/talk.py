"""What the streams of a load say: talk with pauses as long as real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from faster_whisper import decode_audio

from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from tests.support.speech import join, noise, write_wav

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 30.0
ROOM_LEVEL = 0.0005
"""Standard deviation of a quiet room's noise, full scale 1: -66 dB. A stream is seldom digitally silent."""
LENGTH_S = 600
"""How much is played before it comes again."""
SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aiff", ".aif"}
SENTENCES = (
    "The bakery on the corner opens at six, and the first bread is gone before seven.",
    "In spring the river comes up to the garden fence, but the house has always stayed dry.",
    "I told him twice to bring the ladder, and now we are standing here without one.",
    "Our neighbours have painted their front door green, which looks better than I expected.",
    "When the lights went out in the theatre, somebody in the last row started to sing.",
    "Put the onions in first, wait until they are soft, and only then add the tomatoes.",
)


def stretches(silence: float, length_s: float, seed: int = 1) -> Iterator[tuple[float, float]]:
    """Yield talk and pause in turns, in seconds, so that their sums are `length_s` and `silence` of it.

    Pauses are drawn between five and thirty seconds, the same for the same seed; each belongs to the talk
    before it. Without silence it is one stretch of talk.
    """
    if not 0 < silence < 1:
        yield (0.0, length_s) if silence else (length_s, 0.0)
        return
    draw = np.random.default_rng(seed)
    left_s = length_s
    while left_s > 0:
        pair_s = draw.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S) / silence
        if left_s - pair_s < SHORTEST_PAUSE_S / silence:
            pair_s = left_s
        yield pair_s * (1 - silence), pair_s * silence
        left_s -= pair_s


def talk(speech: Pcm, silence: float, length_s: float = LENGTH_S) -> Pcm:
    """Return `length_s` seconds of `speech`, repeated as needed, with pauses that are `silence` of all."""
    pieces: list[Pcm] = []
    place = 0
    for talk_s, pause_s in stretches(silence, length_s):
        length = round(talk_s * SAMPLE_RATE_HZ)
        pieces.append(np.take(speech, np.arange(place, place + length), mode="wrap"))
        pieces.append(noise(pause_s, ROOM_LEVEL))
        place += length
    return np.concatenate(pieces)


def talk_file(folder: Path, audio: Path | None, silence: float) -> Path:
    """Write the talk of the operator's recordings, or of the test voice, as a wav file; return its path."""
    return write_wav(folder / "talk.wav", talk(_speech_of(audio), silence))


def _speech_of(audio: Path | None) -> Pcm:
    if audio is None:
        return join(*SENTENCES)
    pieces: list[Pcm] = []
    for path in sorted(each for each in audio.iterdir() if each.suffix.lower() in SUFFIXES):
        samples = np.asarray(decode_audio(str(path), SAMPLE_RATE_HZ), np.float32)
        pieces.append(np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16))
        if sum(map(len, pieces)) >= LENGTH_S * SAMPLE_RATE_HZ:
            break
    if not pieces:
        raise SystemExit(f"no recordings in {audio}")
    return np.concatenate(pieces)
