"""The network that tells women from men, with the real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import WeightsError
from models.voice.gender_network import InaGenderNetwork
from pipeline.audio import to_samples
from tests.models.voice.voices import child, man
from tests.support.speech import noise, silence


@pytest.fixture(scope="module")
def network(gender_weights: Path) -> InaGenderNetwork:
    return InaGenderNetwork(gender_weights)


def told(network: InaGenderNetwork, samples: np.ndarray) -> float:
    log_odds = network.female_log_odds(samples.astype(np.float32))
    assert log_odds is not None
    return log_odds


def test_the_test_voice_is_a_mans(network: InaGenderNetwork) -> None:
    assert told(network, man()) < -5.0
    assert told(network, child()) > told(network, man()) + 5.0


def test_loudness_does_not_matter(network: InaGenderNetwork) -> None:
    assert told(network, 0.1 * man()) == pytest.approx(told(network, man()), abs=1.0)


def test_pauses_of_digital_silence_leave_it_a_man(network: InaGenderNetwork) -> None:
    gaps = np.concatenate([np.append(piece, np.zeros(4_000)) for piece in np.split(man()[:128_000], 16)])
    assert told(network, gaps) < -2.0


@pytest.mark.parametrize("samples", [to_samples(silence(3.0)), to_samples(noise(3.0))])
def test_it_answers_whatever_it_hears(network: InaGenderNetwork, samples: np.ndarray) -> None:
    assert np.isfinite(told(network, samples))


def test_a_word_is_too_little(network: InaGenderNetwork) -> None:
    assert network.female_log_odds(man()[:15_999]) is None
    assert network.female_log_odds(man()[:16_000]) is not None


def test_without_its_weights_it_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "gender"
    folder.mkdir()
    with pytest.raises(WeightsError, match=r"weights\.hdf5.*models fetch gender"):
        InaGenderNetwork(folder)


def test_weights_cut_off_are_refused(gender_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gender"
    folder.mkdir()
    whole = (gender_weights / "weights.hdf5").read_bytes()
    (folder / "weights.hdf5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="models fetch gender"):
        InaGenderNetwork(folder)
