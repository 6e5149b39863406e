"""JSON as the contract's document prints it: with typographic quotes and full-width punctuation."""

from __future__ import annotations

import re
from typing import Any

from daemon.contracts.body import BodyError, BodyFault, parse_json_object

TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[“”](?P<text>(?:[^“”\\]|\\.)*+)[“”]?|[：，]', re.DOTALL)
"""Strings in plain quotes, strings in typographic ones, punctuation. What is left open goes to the end, so
that no character is looked at twice."""
MAX_PRINTED_BYTES = 64 * 1024
"""Nobody types more than that; a megabyte would take half a second of the event loop."""
PLAIN = {"：": ":", "，": ","}


def parse_printed(raw: bytes) -> dict[str, Any]:
    """Parse a body; when it is no JSON, once more with its punctuation made plain. Raises BodyError."""
    try:
        return parse_json_object(raw)
    except BodyError as error:
        if error.fault is not BodyFault.NO_JSON or len(raw) > MAX_PRINTED_BYTES:
            raise
        plain = TOKENS.sub(_plain, raw.decode("utf-8-sig"))
        try:
            return parse_json_object(plain.encode())
        except BodyError:
            # The first fault is about what was sent, and names its line.
            raise error from None


def _plain(token: re.Match[str]) -> str:
    text = token["text"]
    if text is None:
        return PLAIN.get(token[0], token[0])
    # A typographic string may hold plain quotes; its escapes are JSON's own.
    return '"' + re.sub(r'(\\.)|"', lambda each: each[1] or r"\"", text) + '"'
