"""Logs: JSON in production, readable on a terminal, one line an event."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from aiohttp.http_exceptions import BadStatusLine

from config.settings import LogSettings
from daemon.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_lines_carry_the_event_and_what_is_bound() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream)
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger().info("window_reported", window=3)
    structlog.get_logger().debug("too_detailed")
    logging.getLogger("some.library").warning("about %s", "x")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["request_id"], first["window"], first["level"]) == (
        "window_reported",
        "r1",
        3,
        "info",
    )
    assert (second["event"], second["request_id"]) == ("about x", "r1")


def test_a_traceback_stays_in_one_line() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream)
    structlog.get_logger().error("crashed", exc_info=ZeroDivisionError("no\nfurther"))
    (line,) = stream.getvalue().splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_a_terminal_gets_readable_lines() -> None:
    stream = Terminal()
    configure_logging(LogSettings(level="debug"), stream)
    structlog.get_logger().debug("hello", number=1)
    assert not stream.getvalue().startswith("{")
    assert "hello" in stream.getvalue()
    forced = Terminal()
    configure_logging(LogSettings(format="json"), forced)
    structlog.get_logger().info("hello")
    assert json.loads(forced.getvalue())["event"] == "hello"


def test_libraries_that_log_addresses_are_kept_quiet() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(level="debug"), stream)
    for name in ("aiohttp.access", "libav.rtmp", "httpx", "agora.rtc.rtc_connection"):
        logging.getLogger(name).info("rtmp://live.test/app/secret-key")
    assert "secret-key" not in stream.getvalue()


@pytest.mark.parametrize("form", ["console", "json"])
def test_tracebacks_hold_no_local_variables(form: Literal["console", "json"]) -> None:
    stream = Terminal()
    configure_logging(LogSettings(format=form), stream)
    body = {"accessKey": "s3cret"}
    try:
        body["missing"]
    except KeyError:
        structlog.get_logger().exception("request_failed")
    assert "KeyError" in stream.getvalue()
    assert "s3cret" not in stream.getvalue()


def test_malformed_requests_of_strangers_write_no_logs() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(), stream)
    server = logging.getLogger("aiohttp.server")
    server.error("Error handling request", exc_info=BadStatusLine("GET /?signature=s3cret HTTP/9.9"))
    server.error("Error handling request", exc_info=ZeroDivisionError())
    (line,) = stream.getvalue().splitlines()
    assert "ZeroDivisionError" in line
