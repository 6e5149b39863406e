"""Sound events with the real weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.errors import WeightsError
from models.interfaces import Samples
from models.sound.yamnet import YamnetTagger
from pipeline.audio import to_samples
from tests.support.speech import noise, speech_pcm
from tests.support.voiced import siren


def best(tagger: YamnetTagger, samples: Samples) -> str:
    return tagger.classes[int(tagger.tag(samples).mean(axis=0).argmax())]


def test_speech_is_speech(tagger: YamnetTagger) -> None:
    spoken = to_samples(speech_pcm("The bakery on the corner opens at six in the morning."))
    scores = tagger.tag(spoken)
    assert best(tagger, spoken) == "Speech"
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_noise_is_no_speech(tagger: YamnetTagger) -> None:
    scores = tagger.tag(to_samples(noise(3.0)))
    assert scores[:, tagger.classes.index("Speech")].max() < 0.5


@pytest.mark.parametrize(
    ("seconds", "patches"), [(0.0, 0), (0.01, 0), (0.4, 0), (0.6, 1), (1.0, 1), (9.7, 10), (10.0, 11)]
)
def test_patches_are_nearly_a_second(tagger: YamnetTagger, seconds: float, patches: int) -> None:
    assert tagger.tag(np.zeros(round(seconds * 16_000), np.float32)).shape == (patches, 521)


@pytest.mark.parametrize(("start", "patch"), [(0, 0), (80_000, 5), (154_000, 10)])
def test_every_part_of_a_window_is_heard(tagger: YamnetTagger, start: int, patch: int) -> None:
    samples = np.zeros(160_000, np.float32)
    samples[start : start + 6_000] = siren(1.0)[:6_000]
    silence = tagger.tag(samples)[:, tagger.classes.index("Silence")]
    assert silence.argmin() == patch
    assert silence[patch] < 0.5


def test_patches_of_one_run_do_not_disturb_each_other(tagger: YamnetTagger) -> None:
    spoken = to_samples(speech_pcm("The bakery on the corner opens at six in the morning."))[:15_600]
    window = np.concatenate([spoken[:15_360], siren(4.0), np.zeros(15_600, np.float32)])
    among_others, alone = tagger.tag(window)[0], tagger.tag(spoken)[0]
    # The last two frames of the patch hear the siren begin.
    assert among_others.argmax() == alone.argmax() == tagger.classes.index("Speech")
    assert np.abs(among_others - alone).max() < 0.1


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.onnx.*models fetch yamnet"):
        YamnetTagger(tmp_path)


def test_another_network_is_refused_at_once(yamnet_weights: Path, tmp_path: Path) -> None:
    """One that takes a single patch would fail at the first window."""
    shutil.copytree(yamnet_weights, tmp_path, dirs_exist_ok=True)
    graph = (yamnet_weights / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(
        graph.replace(b"/model/Constant_output_0", b"/model/Another1_output_0")
    )
    with pytest.raises(WeightsError, match="another network"):
        YamnetTagger(tmp_path)


def test_damaged_weights_are_named(yamnet_weights: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "yamnet"
    damaged.mkdir()
    (damaged / "model.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"model\.onnx.*models fetch yamnet"):
        YamnetTagger(damaged)
