"""Logging: one line per event, JSON in production, readable on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from config.errors import AudiowardenError
from config.settings import LogSettings

log = structlog.get_logger()

TALKATIVE = (
    "aiohttp.access", "aiohttp.client", "libav", "faster_whisper", "httpx", "huggingface_hub",
    # These even hold tokens, signatures and where credentials were found.
    "agora", "aioboto3", "aiobotocore", "boto3", "botocore", "s3transfer",
)  # fmt: skip
"""Libraries of which only warnings are logged."""


def tell(event: str, error: AudiowardenError, **fields: object) -> None:
    """Log an expected error: an event with its reason. It has no traceback, which would tell nothing more."""
    log.error(event, reason=str(error), **fields)


def tell_kind(event: str, error: Exception, **fields: object) -> None:
    """Log an error by its kind alone: its text, or a traceback, could hold what was stored or sent."""
    log.error(event, error=type(error).__name__, **fields)


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send our events and those of libraries to `stream` (standard error), in one format.

    Events carry ids, codes, counts and reasons; callers never pass keys, addresses with their path, or words.
    Tracebacks come without local variables, which hold all of these.
    """
    stream = sys.stderr if stream is None else stream
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    last = [renderer] if console else [structlog.processors.format_exc_info, renderer]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("aiohttp.server").addFilter(_our_own_fault)
    # Their lines hold URLs, or one line per request; ours say the same without.
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _our_own_fault(record: logging.LogRecord) -> bool:
    """Drop the server's tracebacks for malformed HTTP: the sender got his 400, and chose their words."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | RequestPayloadError)
