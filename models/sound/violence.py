"""VIOLENT in sound: shots, explosions, screams."""

from __future__ import annotations

from collections.abc import Sequence

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.results import SoundFinding
from models.sound.classes import SoundClasses, mean_of_best, strongest

GUNSHOT = Label(RiskType.VIOLENT, "sound", "gunshot")
EXPLOSION = Label(RiskType.VIOLENT, "sound", "explosion")
SCREAMING = Label(RiskType.VIOLENT, "sound", "screaming")

GUNS = ("Gunshot, gunfire..Fusillade",)
BLASTS = ("Explosion", "Artillery fire", "Eruption", "Boom")
NO_GUNS = ("Cap gun..Firecracker", "Thunderstorm..Thunder", "Hammer..Jackhammer", "Music")
NO_BLASTS = ("Fireworks..Firecracker", "Music")
THUNDER = ("Thunderstorm..Thunder",)
NO_SCREAMS = (
    "Children shouting",
    "Laughter..Chuckle, chortle",
    "Baby cry, infant cry",
    "Singing..Humming",
    "Cheering..Applause",
    "Crowd",
    "Children playing",
    "Animal..Whale vocalization",
    "Music",
    "Alarm..Whistle",
    "Squeal",
)

SHOT_SHARE = 0.7
"""Of a blast's score, from which it is a shot: AudioSet counts every shot among the explosions."""
SCREAM_PATCHES = 2
"""A scream lasts; a shot does not."""
MIN_PROBABILITY = 0.3
"""Below, nothing is reported."""
MAX_PROBABILITY = 0.8
"""A film's shots and a game's sound like shots: at the default thresholds a person looks."""


class ViolenceDetector:
    """A SoundDetector for violent sounds, on YAMNet's scores alone.

    Gunshot and explosion: the strongest patch, since a shot is over within one. A blast is a shot when the
    score for shots comes near its own. Fireworks and music speak against both, hammers and toys against
    shots, thunder in the same patch against shots and anywhere in the window against explosions. Screaming:
    the mean of the two strongest patches, against children at play, cheering and applause, laughing, babies,
    singing and music, animals, sirens. What speaks against takes its score off: `p (1 - rival)`. Never above
    0.8; see docs/accuracy.md.
    """

    risks = frozenset({RiskType.VIOLENT})

    def __init__(self, classes: Sequence[str]) -> None:
        """`classes` are the names of what the tagger scores."""
        known = SoundClasses(classes)
        self._guns, self._no_guns = known.named(*GUNS), known.named(*NO_GUNS)
        self._blasts, self._no_blasts = known.named(*BLASTS), known.named(*NO_BLASTS)
        self._thunder = known.named(*THUNDER)
        self._screams, self._no_screams = known.named("Screaming"), known.named(*NO_SCREAMS)

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return what was heard of the three, from a probability of 0.3 on. Raises RecognitionError."""
        scores = hearing.scores
        guns, blasts = strongest(scores, self._guns), strongest(scores, self._blasts)
        shots = guns * (1.0 - strongest(scores, self._no_guns))
        explosions = blasts * (1.0 - strongest(scores, self._no_blasts)) * (guns < SHOT_SHARE * blasts)
        if len(scores):
            explosions *= 1.0 - strongest(scores, self._thunder).max()
        screams = strongest(scores, self._screams) * (1.0 - strongest(scores, self._no_screams))
        heard = (
            (GUNSHOT, mean_of_best(shots, 1)),
            (EXPLOSION, mean_of_best(explosions, 1)),
            (SCREAMING, mean_of_best(screams, SCREAM_PATCHES)),
        )
        return [
            SoundFinding(label, min(MAX_PROBABILITY, probability), "violence")
            for label, probability in heard
            if probability >= MIN_PROBABILITY
        ]
