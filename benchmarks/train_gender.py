"""Trains the head on the voiceprint that tells men from women, and says how often it is right on
voices it has not heard.

    .venv/bin/python -m benchmarks.train_gender VOICES --write models/voice/gender_head.json

VOICES holds recordings named `f-<speaker>-<number>.wav` and `m-<speaker>-<number>.wav`. The shipped head
comes from what `benchmarks.synthetic_voices` makes: the voices of Kokoro-82M (Apache-2.0, by hexgrad), so
that every human recording is a held-out one.
Logistic regression with an L2 penalty, by damped Newton steps (IRLS). Each speaker counts once, in turn, as
unheard; the figures are of those turns.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from faster_whisper import decode_audio
from numpy.typing import NDArray

from models.hearing import Hearing, Senses
from models.sound.spans import OmniSpanDetector
from models.sound.yamnet import YamnetTagger
from models.voice.gender import gender_features
from models.voice.gender_network import InaGenderNetwork
from models.voice.voiceprint import VoiceprintEmbedder
from models.weights import WeightsCache, cache_folder
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES

VOICEPRINT_PENALTY, PITCH_PENALTY = 0.1, 0.3
"""Chosen by the log likelihood of unheard synthetic speakers."""
VOICEPRINT_SIZE = 256
STEPS = 15
LONGEST_STEP = 3.0
DIGITS = 4

Values = NDArray[np.float64]


def fit(features: Values, female: Values) -> Values:
    """Return the weights, the bias last; `features` (n, k), `female` (n,) of 0 and 1."""
    rows = np.c_[features, np.ones(len(features))]
    penalty = np.full(rows.shape[1], VOICEPRINT_PENALTY)
    penalty[VOICEPRINT_SIZE:] = PITCH_PENALTY
    penalty[-1] = 1e-9
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        told = predict(features, weights)
        slope = rows.T @ (told - female) + penalty * weights
        bend = (rows * (told * (1 - told))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        weights -= step * min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-9))
    return weights


def predict(features: Values, weights: Values) -> Values:
    """Return how probably each row is a woman."""
    told: Values = 1.0 / (1.0 + np.exp(-np.clip(features @ weights[:-1] + weights[-1], -30.0, 30.0)))
    return told


def read(folder: Path) -> tuple[Values, Values, NDArray[np.str_]]:
    """Return features, genders and speakers of the recordings with enough speech in their first 10 s."""
    cache = WeightsCache(cache_folder(None))
    senses = Senses(
        OmniSpanDetector(),
        YamnetTagger(cache.ensure("yamnet")),
        VoiceprintEmbedder(cache.ensure("voiceprint")),
        InaGenderNetwork(cache.ensure("gender")),
    )
    rows, female, speakers = [], [], []
    for path in sorted(folder.glob("[fm]-*.wav")):
        samples = np.asarray(decode_audio(str(path), SAMPLE_RATE_HZ), np.float32)[:WINDOW_SAMPLES]
        row = gender_features(Hearing(samples, senses))
        if row is not None:
            rows.append(row)
            female.append(float(path.name.startswith("f-")))
            speakers.append(path.stem.rsplit("-", 1)[0])
    if len(set(female)) < 2:
        raise SystemExit(f"{folder} needs speech of both men and women")
    return np.array(rows), np.array(female), np.array(speakers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("voices", type=Path)
    parser.add_argument("--write", type=Path, help="where the head is put")
    options = parser.parse_args()
    features, female, speakers = read(options.voices)
    told = np.empty(len(female))
    for speaker in np.unique(speakers):
        mine = speakers == speaker
        told[mine] = predict(features[mine], fit(features[~mine], female[~mine]))
    right = (told > 0.5) == (female > 0.5)
    loss = -np.mean(np.log(np.where(female > 0.5, told, 1 - told) + 1e-12))
    print(f"{len(female)} recordings, {len(np.unique(speakers))} speakers, each held out in turn:")
    print(f"{right.sum()} right of {len(right)}, mean log loss {loss:.3f}")
    for speaker in np.unique(speakers[~right]):
        print(f"  wrong: {speaker}, {(~right[speakers == speaker]).sum()} recordings")
    if options.write is not None:
        weights = fit(features, female)
        head = {"weights": [round(float(each), DIGITS) for each in weights[:-1]], "bias": float(weights[-1])}
        options.write.write_text(json.dumps(head) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
