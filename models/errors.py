"""What can go wrong with models: weights that cannot be had, readings that fail, more work than fits."""

from __future__ import annotations

from config.errors import AudiowardenError


class WeightsError(AudiowardenError):
    """A model's weights are missing, damaged, or cannot be fetched; the text says what to do."""


class RecognitionError(AudiowardenError):
    """The recogniser failed on a window."""


class OverloadedError(AudiowardenError):
    """There is more to recognise than the machine can do in time; the same window may be taken later."""

    retryable = True


class EnrolmentError(AudiowardenError):
    """A voice or song cannot be enrolled, or what was enrolled cannot be read; the text says what to do."""
