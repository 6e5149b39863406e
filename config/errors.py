"""The root of all errors of the project."""

from __future__ import annotations


class AudiowardenError(Exception):
    """An expected failure: its text is one clear sentence for a person, logged without a traceback.

    `retryable` says whether the same call may succeed later without anybody changing anything.
    """

    retryable: bool = False


class ConfigError(AudiowardenError):
    """The configuration cannot be used; the text names the key or the file."""
