"""Loads the detectors of sound and puts the listener together."""

from __future__ import annotations

from config.settings import Settings
from models.hearing import Senses, SoundDetector
from models.interfaces import AudioSpanDetector
from models.sound.moan import MoanDetector
from models.sound.scene import SceneDetector
from models.sound.singing import SingingDetector
from models.sound.violence import ViolenceDetector
from models.sound.yamnet import YamnetTagger
from models.voice.voiceprint import VoiceprintEmbedder
from models.weights import WeightsCache, cache_folder
from pipeline.listen import Listener


def load_listener(settings: Settings, spans: AudioSpanDetector) -> Listener:
    """Load every detector of sound; blocking, about a second. Raises WeightsError."""
    cache = WeightsCache(cache_folder(settings.recogniser.cache_dir))
    tagger = YamnetTagger(cache.ensure("yamnet"))
    senses = Senses(spans, tagger, VoiceprintEmbedder(cache.ensure("voiceprint")))
    detectors: list[SoundDetector] = [
        MoanDetector(tagger.classes),
        ViolenceDetector(tagger.classes),
        SceneDetector(tagger.classes),
        SingingDetector(tagger.classes),
    ]
    return Listener(senses, detectors)
