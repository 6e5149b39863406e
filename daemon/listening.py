"""Loads the detectors of sound and puts the listener together."""

from __future__ import annotations

from config.settings import Settings
from models.hearing import Senses, SoundDetector
from models.interfaces import AudioSpanDetector
from models.sound.yamnet import YamnetTagger
from models.voice.voiceprint import VoiceprintEmbedder
from models.weights import WeightsCache, cache_folder
from pipeline.listen import Listener


def load_senses(settings: Settings, spans: AudioSpanDetector) -> Senses:
    """Load the models that several detectors listen with; blocking. Raises WeightsError."""
    cache = WeightsCache(cache_folder(settings.recogniser.cache_dir))
    return Senses(spans, YamnetTagger(cache.ensure("yamnet")), VoiceprintEmbedder(cache.ensure("voiceprint")))


def load_listener(settings: Settings, spans: AudioSpanDetector) -> Listener:
    """Load every detector of sound; blocking, about a second. Raises WeightsError."""
    senses = load_senses(settings, spans)
    detectors: list[SoundDetector] = []
    return Listener(senses, detectors)
