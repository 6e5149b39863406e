"""Loads the detectors of sound and puts the listener together."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import Settings
from daemon.enrolled import Enrolled
from models.hearing import Senses, SoundDetector
from models.interfaces import AudioSpanDetector
from models.recognition.hush import babble
from models.songs import index as songs
from models.songs.detector import EnrolledSongDetector
from models.songs.index import SongIndex
from models.sound.moan import MoanDetector
from models.sound.scene import SceneDetector
from models.sound.singing import SingingDetector
from models.sound.violence import ViolenceDetector
from models.sound.yamnet import YamnetTagger
from models.voice import index as voices
from models.voice.age import AgeDetector
from models.voice.enrolled import EnrolledVoiceDetector
from models.voice.gender import GenderDetector
from models.voice.gender_network import InaGenderNetwork
from models.voice.index import VoiceIndex
from models.voice.liveness import LivenessDetector
from models.voice.minor import MinorDetector
from models.voice.timbre import TimbreDetector
from models.voice.voiceprint import VoiceprintEmbedder
from models.weights import WeightsCache, cache_folder
from pipeline.audio import WINDOW_S
from pipeline.listen import Listener


@dataclass(frozen=True, slots=True)
class Listening:
    """The listener, and what is enrolled, which somebody has to watch for changes."""

    listener: Listener
    voices: Enrolled[VoiceIndex]
    songs: Enrolled[SongIndex]


def load_senses(settings: Settings, spans: AudioSpanDetector) -> Senses:
    """Load the models that several detectors listen with; blocking. Raises WeightsError."""
    cache = WeightsCache(cache_folder(settings.recogniser.cache_dir))
    return Senses(
        spans,
        YamnetTagger(cache.ensure("yamnet")),
        VoiceprintEmbedder(cache.ensure("voiceprint")),
        InaGenderNetwork(cache.ensure("gender")),
    )


def load_listener(settings: Settings, spans: AudioSpanDetector) -> Listening:
    """Load every detector of sound; blocking, a second or two. Raises WeightsError and EnrolmentError."""
    senses = load_senses(settings, spans)
    enrolled_voices = Enrolled("voices", settings.enrolled_folder / voices.FILE_NAME, VoiceIndex.read)
    enrolled_songs = Enrolled("songs", settings.enrolled_folder / songs.FILE_NAME, SongIndex.read)
    classes = senses.tagger.classes
    detectors: list[SoundDetector] = [
        MoanDetector(classes),
        ViolenceDetector(classes),
        SceneDetector(classes),
        SingingDetector(classes),
        GenderDetector(),
        AgeDetector(),
        MinorDetector(),
        TimbreDetector(),
        LivenessDetector(),
        EnrolledVoiceDetector(enrolled_voices.current),
        EnrolledSongDetector(enrolled_songs.current),
    ]
    listener = Listener(senses, detectors)
    listener.warm_up(babble(WINDOW_S))
    return Listening(listener, enrolled_voices, enrolled_songs)
