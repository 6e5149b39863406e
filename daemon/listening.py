"""Loads the detectors of sound and puts the listener together."""

from __future__ import annotations

from config.settings import Settings
from models.hearing import Senses, SoundDetector
from models.interfaces import AudioSpanDetector
from models.sound.yamnet import YamnetTagger
from models.voice.age import AgeDetector
from models.voice.gender import GenderDetector
from models.voice.liveness import LivenessDetector
from models.voice.minor import MinorDetector
from models.voice.timbre import TimbreDetector
from models.voice.voiceprint import VoiceprintEmbedder
from models.weights import WeightsCache, cache_folder
from pipeline.listen import Listener


def load_listener(settings: Settings, spans: AudioSpanDetector) -> Listener:
    """Load every detector of sound; blocking, about a second. Raises WeightsError."""
    cache = WeightsCache(cache_folder(settings.recogniser.cache_dir))
    senses = Senses(
        spans, YamnetTagger(cache.ensure("yamnet")), VoiceprintEmbedder(cache.ensure("voiceprint"))
    )
    detectors: list[SoundDetector] = [
        GenderDetector(),
        AgeDetector(),
        MinorDetector(),
        TimbreDetector(),
        LivenessDetector(),
    ]
    return Listener(senses, detectors)
