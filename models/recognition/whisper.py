"""Whisper through CTranslate2: short encodings, batched decoding, a second try with more context."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel, available_models, download_model
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from models.errors import RecognitionError, WeightsError
from models.interfaces import SAMPLE_RATE_HZ, Attempt, Samples, Utterance
from models.processor import one_thread_for_blas, prefer_wide_vectors
from models.recognition.hush import babble, halve, pooled
from models.recognition.inventions import Reading, chanted, is_doubtful, judge, sound_seconds
from models.recognition.languages import HAN_LANGUAGES, Choice, choose, overruled, token_limit
from models.recognition.squeeze import (
    HOP_SAMPLES,
    SHORT_FRAMES,
    SILENCE_FRAMES,
    WINDOW_FRAMES,
    fitted,
    frames_for,
)
from models.recognition.writing import DOUBTFUL_PIECE_TOKENS, PIECE_TOKENS, write
from models.results import Transcript

Encoded = NDArray[np.float32]
"""What the encoder makes of windows, shape (windows, positions, width)."""
QUIET_FRAMES = 1_500
"""Up to here an encoding of other speech lends the silence that follows it. A decoder that attends to less
than about four seconds of silence does not find the end of the text, and loops; whose silence it is does not
matter. Of 54 windows of LibriSpeech test-other 8 looped at 1050 frames, 2 at 1100, none at 1050 with a lent
silence."""
DECODED_POSITIONS = 318
"""A window's 262 and a quarter of the 225 of silence."""
SECOND_FRAMES = 1_500
"""What a second try encodes: of the same windows none loops here, and one at the 3000 of the training."""
FULL_TOKENS = 224
"""Half of the decoder's context, the library's own limit."""
FALLBACK_TEMPERATURE = 0.5
"""Of the last try. A reading at a temperature seldom loops; the best of all tries counts."""
SECOND_BEAM = 3
CUDA_WORKERS = 2
"""One prepares mel frames while the other holds the GPU."""
CPU_BATCH = 4
"""Eight take as long a window, and make each other wait twice as long."""
GPU_BATCH = 16
SEED = 20_260_101
"""Readings at a temperature are drawn: a run that is repeated from its start draws the same."""


class _Heard(NamedTuple):
    """A decoded window before it is judged."""

    reading: Reading
    choice: Choice


def download_from_hub(model: str, folder: Path) -> Path:
    """Download a faster-whisper model by name or hub id below `folder`. Raises WeightsError."""
    if "/" not in model and model not in available_models():
        known = ", ".join(available_models())
        raise WeightsError(f"{model} is not a known model: name one of {known}, a hub id, or a folder")
    try:
        return Path(download_model(model, cache_dir=str(folder)))
    except Exception as error:
        # The hub's client raises errors of several libraries; all mean the same to the person who waits.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(f"cannot download {model} from the model hub: {reason}") from None


class WhisperRecogniser:
    """A SpeechRecogniser on a CTranslate2 Whisper model.

    On a CPU `workers` threads call at once, each on one core: windows are encoded one by one and decoded
    together, which is the fastest way measured. On a GPU whole batches are encoded.

    The decoder reads every encoding again for each token it writes, so it gets half of it, neighbours in time
    averaged. That saves a fifth of the decoding and costs no words: of 54 windows' words 8 to 9 % differ from
    the library's own greedy reading, 7 % without it, and that reading differs by 8.6 % from itself when
    silence is added to the windows.
    """

    def __init__(
        self,
        folder: Path,
        *,
        simplify: Callable[[str], str],
        device: str = "auto",
        compute_type: str = "auto",
        threads: int = 0,
        batch_size: int = 0,
    ) -> None:
        """Load the model of `folder` (blocking, seconds) and try it once.

        `simplify` turns Chinese text into simplified script. `threads` 0: every core this process may use.
        `batch_size` 0: CPU_BATCH or GPU_BATCH.
        Raises WeightsError when the model cannot be loaded or cannot run on the device.
        """
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
        if compute_type == "auto":
            compute_type = "float16" if device == "cuda" else "int8"
        self._on_gpu = device == "cuda"
        cores = threads or len(os.sched_getaffinity(0))
        self._workers = CUDA_WORKERS if self._on_gpu else cores
        self._batch_size = batch_size or (GPU_BATCH if self._on_gpu else CPU_BATCH)
        self._simplify = simplify
        prefer_wide_vectors()
        one_thread_for_blas()
        ctranslate2.set_random_seed(SEED)
        try:
            self._model = WhisperModel(
                str(folder),
                device=device,
                compute_type=compute_type,
                cpu_threads=1,
                num_workers=self._workers,
                local_files_only=True,
            )
            self._tokenizers: dict[str, Tokenizer] = {}
            self._languages = self._known_languages()
            self._suppressed = get_suppressed_tokens(self._tokenizer("en"), [-1])
            self._silences = {
                frames: self._encoded_silence(frames) for frames in (*SHORT_FRAMES, WINDOW_FRAMES)
            }
            self.read([Utterance(np.zeros(SAMPLE_RATE_HZ, np.float32), None)])
        except (RuntimeError, ValueError, OSError, RecognitionError) as error:
            raise WeightsError(
                f"cannot run the model in {folder} on {device} as {compute_type}: {error}"
            ) from None

    @property
    def workers(self) -> int:
        """How many threads may call at once."""
        return self._workers

    @property
    def batch_size(self) -> int:
        """How many windows one call reads best."""
        return self._batch_size

    @property
    def languages(self) -> frozenset[str]:
        """The ISO 639-1 codes this model can be told to expect."""
        return self._languages

    def read(self, batch: Sequence[Utterance]) -> list[Attempt]:
        """Read a batch fast; one attempt per utterance, in order. Raises RecognitionError."""
        attempts: dict[int, Attempt] = {}
        groups: dict[int, list[int]] = {}
        for index, utterance in enumerate(batch):
            groups.setdefault(frames_for(utterance.samples), []).append(index)
        for frames, indexes in groups.items():
            with _failures():
                heard = self._hear([batch[index] for index in indexes], frames)
            for index, one in zip(indexes, heard, strict=True):
                attempts[index] = Attempt(_transcript(one, second_try=False), is_doubtful(one.reading))
        return [attempts[index] for index in range(len(batch))]

    def read_again(self, utterance: Utterance) -> Transcript:
        """Read one doubtful window slowly, with more context. Raises RecognitionError.

        A given language is not believed here when the window is plainly in another one.
        """
        tried: list[_Heard] = []
        with _failures():
            for encoded, beam_size, temperature in self._further_tries(utterance):
                [choice] = self._choose_languages(encoded, [dataclasses.replace(utterance, identify=True)])
                [heard] = self._decode(encoded, [utterance], [overruled(choice)], beam_size, temperature)
                if not is_doubtful(heard.reading):
                    return _transcript(heard, second_try=True)
                tried.append(heard)
        sound = [heard for heard in tried if judge(heard.reading) is None]
        first = tried[0].reading
        if not sound and (chant := chanted(first, [heard.reading for heard in tried[1:]])):
            sound = [tried[0]._replace(reading=dataclasses.replace(first, text=chant, cut_off=False))]
        best = max(sound or tried, key=lambda heard: heard.reading.average_log_probability)
        return _transcript(best, second_try=True)

    def close(self) -> None:
        """Free the model's memory."""
        self._model.model.unload_model()

    def _known_languages(self) -> frozenset[str]:
        if not self._model.model.is_multilingual:
            return frozenset({"en"})
        known = self._model.hf_tokenizer.token_to_id
        return frozenset(
            language
            for language in self._model.supported_languages
            if len(language) == 2 and known(f"<|{language}|>") is not None
        )

    def _hear(self, batch: Sequence[Utterance], frames: int) -> list[_Heard]:
        encoded = self._encode_short(batch, frames)
        return self._decode(encoded, batch, self._choose_languages(encoded, batch))

    def _further_tries(self, utterance: Utterance) -> Iterator[tuple[Encoded, int, float]]:
        """What a doubtful window is read from, with which beam and temperature: the cheapest first."""
        frames = frames_for(utterance.samples)
        yield self._encode_short([utterance], frames), SECOND_BEAM, 0.0
        whole = self._encode([utterance.samples], max(SECOND_FRAMES, frames))
        yield whole, SECOND_BEAM, 0.0
        yield whole, 1, FALLBACK_TEMPERATURE

    def _encode_short(self, batch: Sequence[Utterance], frames: int) -> Encoded:
        usual = frames == WINDOW_FRAMES and not self._on_gpu
        parts = [fitted(each.samples, frames) if usual else (each.samples, frames) for each in batch]
        if len({short for _, short in parts}) == 1:
            return self._halved([samples for samples, _ in parts], parts[0][1])
        return np.concatenate([self._halved([samples], short) for samples, short in parts])

    def _halved(self, windows: Sequence[Samples], frames: int) -> Encoded:
        halved = halve(self._encode(windows, frames))
        if frames not in self._silences:
            return halved
        silence = self._silences[frames]
        return np.concatenate([halved, np.broadcast_to(silence, (len(windows), *silence.shape[1:]))], axis=1)

    def _encoded_silence(self, frames: int) -> Encoded:
        """The positions behind those of `frames`, of an encoding in which speech ends where they do.

        Two frames are a position. Silence, being all alike, is cut down further than speech: to as much as
        makes every window as long as a full one, so that all are decoded together.
        """
        whole = self._encode([babble((frames - SILENCE_FRAMES) / 100)], QUIET_FRAMES)[:, frames // 2 :]
        return pooled(whole, DECODED_POSITIONS - frames // 4)

    def _mel(self, samples: Samples, frames: int) -> NDArray[np.float32]:
        """Log-mel of the window, shape (80 or 128, frames). The padding goes through the filter: zeros in the
        mel array are no silence to the model.
        """
        padded = np.zeros(frames * HOP_SAMPLES, np.float32)
        kept = min(len(samples), len(padded))
        padded[:kept] = samples[:kept]
        mel: NDArray[np.float32] = self._model.feature_extractor(padded, padding=0)
        return np.ascontiguousarray(mel)

    def _encode(self, windows: Sequence[Samples], frames: int) -> Encoded:
        mels = [self._mel(samples, frames) for samples in windows]
        # Batches help only a GPU: on a CPU eight together take half as long again as one by one.
        batches = [np.stack(mels)] if self._on_gpu else [mel[np.newaxis] for mel in mels]
        model = self._model.model
        views = [model.encode(ctranslate2.StorageView.from_array(batch), to_cpu=True) for batch in batches]
        arrays = [np.array(view.to(ctranslate2.DataType.float32)) for view in views]
        return np.concatenate(arrays)

    def _choose_languages(self, encoded: Encoded, batch: Sequence[Utterance]) -> list[Choice]:
        if not self._model.model.is_multilingual:
            return [Choice("en", 1.0)] * len(batch)
        given = [utterance.language if utterance.language in self._languages else None for utterance in batch]
        asked = [utterance.identify or known is None for utterance, known in zip(batch, given, strict=True)]
        ranked: list[list[tuple[str, float]]] = [[]] * len(batch)
        if any(asked):
            ranked = self._model.model.detect_language(_view(encoded))
        return [
            choose(known, ranking if wanted else [])
            for known, ranking, wanted in zip(given, ranked, asked, strict=True)
        ]

    def _decode(
        self,
        encoded: Encoded,
        batch: Sequence[Utterance],
        choices: Sequence[Choice],
        beam_size: int = 1,
        temperature: float = 0.0,
    ) -> list[_Heard]:
        tokenizers = [self._tokenizer(choice.language) for choice in choices]
        limit = max(
            min(FULL_TOKENS, token_limit(len(utterance.samples) / SAMPLE_RATE_HZ, choice.language))
            for utterance, choice in zip(batch, choices, strict=True)
        )
        sampling: dict[str, float] = {"beam_size": beam_size}
        if temperature > 0:
            sampling = {"beam_size": 1, "sampling_topk": 0, "sampling_temperature": temperature}

        def generate(rows: Sequence[int], prompts: list[list[int]], options: Mapping[str, int]) -> Any:
            return self._model.model.generate(
                _view(encoded if len(rows) == len(encoded) else encoded[list(rows)]),
                prompts,
                return_scores=True,
                return_no_speech_prob=True,
                suppress_tokens=self._suppressed,
                **sampling,
                **options,
            )

        prompts = [[*tokenizer.sot_sequence, tokenizer.no_timestamps] for tokenizer in tokenizers]
        further = beam_size > 1 or temperature > 0
        texts = write(generate, prompts, limit, DOUBTFUL_PIECE_TOKENS if further else PIECE_TOKENS)
        heard = []
        for utterance, tokenizer, choice, written in zip(batch, tokenizers, choices, texts, strict=True):
            text = tokenizer.decode(list(written.tokens)).strip()
            reading = Reading(
                text=self._simplify(text) if choice.language in HAN_LANGUAGES else text,
                average_log_probability=written.average_log_probability,
                no_speech_probability=written.no_speech_probability,
                sound_s=sound_seconds(utterance.samples),
                cut_off=written.cut_off,
            )
            heard.append(_Heard(reading, choice))
        return heard

    def _tokenizer(self, language: str) -> Tokenizer:
        tokenizer = self._tokenizers.get(language)
        if tokenizer is None:
            multilingual = self._model.model.is_multilingual
            tokenizer = Tokenizer(self._model.hf_tokenizer, multilingual, "transcribe", language)
            self._tokenizers[language] = tokenizer
        return tokenizer


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Turn what the library raises into RecognitionError; its messages hold no text that was said."""
    try:
        yield
    except (RuntimeError, ValueError, MemoryError) as error:
        raise RecognitionError(f"the recogniser failed: {str(error) or type(error).__name__}") from error


def _view(encoded: Encoded) -> Any:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(encoded))


def _transcript(heard: _Heard, *, second_try: bool) -> Transcript:
    invention = judge(heard.reading)
    text = "" if invention is not None else heard.reading.text
    return Transcript(
        text=text,
        language=heard.choice.language if text else "",
        language_probability=heard.choice.probability if text else 0.0,
        average_log_probability=heard.reading.average_log_probability,
        no_speech_probability=heard.reading.no_speech_probability,
        second_try=second_try,
        invention=invention,
        spoken=heard.choice.spoken if text else "",
        spoken_probability=heard.choice.spoken_probability if text else 0.0,
    )
