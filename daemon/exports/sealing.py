"""Encrypts small documents: AES-256 in GCM mode, with a header that says how.

They are opened elsewhere, by those who hold the key: docs/recorded-media.md shows them how.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CIPHER = "AES-256-GCM"
NONCE_BYTES = 12
"""NIST SP 800-38D, 8.2.2: 96 random bits, for far fewer than 2^32 documents under one key."""


def seal(key: bytes, plain: bytes) -> bytes:
    """Encrypt a document with a key of 32 bytes; return JSON: `header` and `data`, the header authenticated.

    `data` is the Base64 of the ciphertext followed by the tag of 16 bytes.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = {"version": 1, "cipher": CIPHER, "key_id": key_id(key), "nonce": _text(nonce)}
    data = AESGCM(key).encrypt(nonce, plain, _authenticated(header))
    return json.dumps({"header": header, "data": _text(data)}).encode()


def key_id(key: bytes) -> str:
    """Return a name of a key that does not tell it."""
    return hashlib.sha256(key).hexdigest()[:8]


def _authenticated(header: object) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
