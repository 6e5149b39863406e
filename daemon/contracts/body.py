"""Reads the JSON body of a stranger's request, whatever its Content-Type says."""

from __future__ import annotations

import asyncio
import json
import math
from enum import Enum
from typing import Any, NoReturn

from aiohttp import web

from config.errors import AudiowardenError

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 64
"""Deeper nesting is no request of any contract; Python's own reader gives up at about 1,000 levels."""
MAX_BRACKETS = 50_000
"""Lists and objects of one body: a megabyte of nothing else would hold the event loop for half a second."""
READ_TIMEOUT_S = 10.0
LEFT = (ConnectionError, RuntimeError)
"""What the library raises where the sender has gone: while his body is waited for, and before that."""


class BodyFault(Enum):
    """What is wrong with a body."""

    ENCODING = "encoding"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"
    EMPTY = "empty"
    TOO_COMPLEX = "too complex"
    NO_TEXT = "no text"
    NO_JSON = "no JSON"
    NO_OBJECT = "no object"
    LATE = "late"


class BodyError(AudiowardenError):
    """The body is not a JSON object we take; the text says why, `fault` of which kind that is."""

    def __init__(self, message: str, fault: BodyFault) -> None:
        super().__init__(message)
        self.fault = fault


async def read_json_object(request: web.Request) -> dict[str, Any]:
    """Return the body as a JSON object. Raises BodyError."""
    return parse_json_object(await read_body(request))


async def read_body(request: web.Request) -> bytes:
    """Return the body, which may be empty. Raises BodyError, LATE after `READ_TIMEOUT_S`."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        # A megabyte can unpack to a gigabyte; the server is told to leave bodies as they are.
        raise BodyError("the body is compressed; send it without Content-Encoding", BodyFault.ENCODING)
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            raw = await _read(request)
    except TimeoutError:
        raise BodyError("the body did not arrive in time", BodyFault.LATE) from None
    except (ValueError, web.RequestPayloadError, *LEFT):
        raise BodyError("the body could not be read", BodyFault.UNREADABLE) from None
    if len(raw) > MAX_BODY_BYTES:
        raise BodyError(f"the body is larger than {MAX_BODY_BYTES} bytes", BodyFault.TOO_LARGE)
    return raw


async def _read(request: web.Request) -> bytes:
    """Return the body, or a byte more than it may have."""
    raw = await request.content.read(MAX_BODY_BYTES + 1) if request.body_exists else b""
    while 0 < len(raw) <= MAX_BODY_BYTES:
        more = await request.content.read(MAX_BODY_BYTES + 1 - len(raw))
        if not more:
            break
        raw += more
    return raw


def parse_json_object(raw: bytes) -> dict[str, Any]:
    """Parse strict JSON that is an object, as `parse_json` does. Raises BodyError."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise BodyError("the body must be a JSON object", BodyFault.NO_OBJECT)
    return value


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON: no NaN, no infinity, no deep nesting, UTF-8. Raises BodyError."""
    if not raw:
        raise BodyError("the body is empty; it must be a JSON object", BodyFault.EMPTY)
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise BodyError(f"the body holds more than {MAX_BRACKETS} lists and objects", BodyFault.TOO_COMPLEX)
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise BodyError("the body is not UTF-8", BodyFault.NO_TEXT) from None
    except UnicodeEncodeError:
        raise BodyError("the body holds a lone surrogate, which is no character", BodyFault.NO_TEXT) from None
    except RecursionError:
        raise BodyError("the body is nested too deeply", BodyFault.TOO_COMPLEX) from None
    except json.JSONDecodeError as error:
        raise BodyError(
            f"the body is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}",
            BodyFault.NO_JSON,
        ) from None
    except ValueError as error:
        raise BodyError(f"the body is not valid JSON: {error}", BodyFault.NO_JSON) from None
    if _deeper_than(value, MAX_DEPTH):
        raise BodyError("the body is nested too deeply", BodyFault.TOO_COMPLEX)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    """Read a number; one that overflows would be written back as `Infinity`, which is no JSON."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:32]} is too large a number")
    return number


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True
