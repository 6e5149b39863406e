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
NO_BLASTS = ("Gunshot, gunfire..Fusillade", "Fireworks..Firecracker", "Thunderstorm..Thunder", "Music")
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

SCREAM_PATCHES = 2
"""A scream lasts; a shot does not."""
MIN_PROBABILITY = 0.3
"""Below, nothing is reported."""
MAX_PROBABILITY = 0.8
"""A film's shots and a game's sound like shots: at the default thresholds a person looks."""


class ViolenceDetector:
    """A SoundDetector for violent sounds, on YAMNet's scores alone.

    Gunshot and explosion: the strongest patch, since a shot is over within one. AudioSet counts every shot
    among the explosions, so that an explosion is one that is no shot; fireworks, thunder, hammers and music
    speak against both. Screaming: the mean of the two strongest patches, against children at play,
    cheering and applause, laughing, babies, singing and music, animals, sirens. What speaks against takes its
    score off: `p (1 - rival)`. Never above 0.8; see docs/accuracy.md.
    """

    risks = frozenset({RiskType.VIOLENT})

    def __init__(self, classes: Sequence[str]) -> None:
        """`classes` are the names of what the tagger scores."""
        known = SoundClasses(classes)
        self._sounds = (
            (GUNSHOT, known.named(*GUNS), known.named(*NO_GUNS), 1),
            (EXPLOSION, known.named(*BLASTS), known.named(*NO_BLASTS), 1),
            (SCREAMING, known.named("Screaming"), known.named(*NO_SCREAMS), SCREAM_PATCHES),
        )

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return what was heard of the three, from a probability of 0.3 on. Raises RecognitionError."""
        scores = hearing.scores
        found = []
        for label, sound, rivals, patches in self._sounds:
            heard = strongest(scores, sound) * (1.0 - strongest(scores, rivals))
            probability = min(MAX_PROBABILITY, mean_of_best(heard, patches))
            if probability >= MIN_PROBABILITY:
                found.append(SoundFinding(label, probability, "violence"))
        return found
