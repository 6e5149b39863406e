"""AUDIOSCENE: where a stream comes from and what goes on around it."""

from __future__ import annotations

from collections.abc import Sequence

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import Scores
from models.results import SoundFinding
from models.sound.classes import SoundClasses, mean_of_best, strongest

PLACES = {
    "small_room": ("Inside, small room",),
    "hall": ("Inside, large room or hall", "Reverberation..Echo"),
    "public": ("Inside, public space",),
    "urban": ("Outside, urban or manmade", "Traffic noise, roadway noise"),
    "nature": ("Outside, rural or natural",),
}
"""Where it is: the last level of the label tree, and AudioSet's classes for it."""

EVENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "traffic": {
        "road": ("Motor vehicle (road)..Bus", "Motorcycle..Traffic noise, roadway noise"),
        "siren": ("Emergency vehicle..Fire engine, fire truck (siren)", "Siren..Civil defense siren"),
        "rail": ("Rail transport..Subway, metro, underground",),
        "aircraft": ("Aircraft..Fixed-wing aircraft, airplane",),
        "boat": ("Boat, Water vehicle..Ship",),
        "engine": ("Light engine (high frequency)", "Lawn mower..Accelerating, revving, vroom"),
    },
    "people": {
        "crowd": ("Chatter..Hubbub, speech noise, speech babble",),
        "cheering": ("Cheering",),
        "applause": ("Clapping", "Applause"),
        "children": ("Children shouting", "Children playing"),
        "laughter": ("Laughter..Chuckle, chortle",),
        "crying": ("Crying, sobbing..Baby cry, infant cry",),
        "footsteps": ("Run..Walk, footsteps",),
    },
    "music": {
        "playing": ("Music",),
        "pop": ("Pop music",),
        "rock": ("Rock music..Psychedelic rock",),
        "hiphop": ("Hip hop music..Beatboxing", "Rapping"),
        "electronic": ("Electronic music..Trance music", "Disco"),
        "jazz": ("Jazz", "Swing music", "Blues", "Rhythm and blues..Soul music"),
        "classical": ("Classical music..Opera", "Orchestra"),
        "folk": ("Country", "Bluegrass", "Folk music", "Traditional music"),
    },
    "media": {
        "television": ("Television",),
        "radio": ("Radio",),
        "video_game": ("Video game music",),
    },
    "animals": {
        "dog": ("Dog..Whimper (dog)", "Canidae, dogs, wolves"),
        "cat": ("Cat..Caterwaul",),
        "livestock": ("Livestock, farm animals, working animals..Honk",),
        "birds": ("Bird..Bird flight, flapping wings",),
        "insects": ("Insect..Bee, wasp, etc.",),
        "wild": ("Roaring cats (lions, tigers)..Roar", "Frog..Croak", "Whale vocalization"),
    },
    "nature": {
        "wind": ("Wind..Wind noise (microphone)",),
        "rain": ("Rain..Rain on surface",),
        "thunder": ("Thunderstorm..Thunder",),
        "water": ("Stream..Waves, surf", "Splash, splatter..Slosh"),
        "fire": ("Fire..Crackle",),
    },
    "household": {
        "kitchen": ("Dishes, pots, and pans..Blender",),
        "bathroom": ("Water tap, faucet..Bathtub (filling or washing)", "Toilet flush"),
        "appliance": ("Hair dryer", "Vacuum cleaner", "Electric shaver, electric razor"),
        "door": ("Door..Doorbell", "Sliding door..Knock"),
        "typing": ("Typing..Computer keyboard",),
        "telephone": ("Telephone..Ringtone",),
        "alarm": ("Alarm clock", "Buzzer..Fire alarm"),
        "clock": ("Clock..Tick-tock",),
        "tools": ("Tools..Drill", "Sewing machine", "Mechanical fan..Air conditioning"),
    },
}
"""What is heard: second and last level of the label tree, and AudioSet's classes for it."""

MUSIC = Label(RiskType.AUDIOSCENE, "music", "playing")

LASTING_PATCHES = 3
"""What is a scene is heard for about three seconds: the mean of that many best patches is its probability."""
MIN_PROBABILITY = 0.3
MOST = 3
PLACE_EVIDENCE = 0.15
"""Mean scores of all places together from which one of them may be told: AudioSet's annotators seldom named
the place, so that YAMNet's scores for places stay low where they are right (0.1 to 0.2 in plain rooms)."""


class SceneDetector:
    """A SoundDetector that tells up to three scenes of a window, on YAMNet's scores alone.

    A sound's probability is the mean of its three best patches, its score in a patch the highest of its
    classes. Of the places only the likeliest is told: its part in the mean scores of all places, times how
    much of 0.15 these reach together. Music's genres are told beside music, never without. What says more
    stands first: the list is sorted by probability.
    """

    risks = frozenset({RiskType.AUDIOSCENE})

    def __init__(self, classes: Sequence[str]) -> None:
        """`classes` are the names of what the tagger scores."""
        known = SoundClasses(classes)
        self._places = {
            Label(RiskType.AUDIOSCENE, "place", name): known.named(*group) for name, group in PLACES.items()
        }
        self._events = {
            Label(RiskType.AUDIOSCENE, kind, name): known.named(*group)
            for kind, groups in EVENTS.items()
            for name, group in groups.items()
        }

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return one to three scenes from a probability of 0.3 on, or none. Raises RecognitionError."""
        scores = hearing.scores
        if not len(scores):
            return []
        lasting = min(LASTING_PATCHES, len(scores))
        found = {
            label: mean_of_best(strongest(scores, group), lasting) for label, group in self._events.items()
        }
        for label in found:
            if label.label2 == MUSIC.label2:
                found[label] = min(found[label], found[MUSIC])
        place, probability = self._place(scores)
        found[place] = probability
        likely = sorted(
            ((probability, label) for label, probability in found.items() if probability >= MIN_PROBABILITY),
            key=lambda each: -each[0],
        )
        return [SoundFinding(label, probability, "scene") for probability, label in likely[:MOST]]

    def _place(self, scores: Scores) -> tuple[Label, float]:
        means = {label: float(strongest(scores, group).mean()) for label, group in self._places.items()}
        total = sum(means.values())
        place = max(means, key=lambda label: means[label])
        return place, means[place] / max(total, PLACE_EVIDENCE)
