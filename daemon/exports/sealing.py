"""Encrypts small documents: AES-256 in GCM mode, with a header that says how."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.errors import AudiowardenError

CIPHER = "AES-256-GCM"
NONCE_BYTES = 12
"""NIST SP 800-38D, 8.2.2: 96 random bits, for far fewer than 2^32 documents under one key."""


class SealError(AudiowardenError):
    """It is no document that the key opens."""


def seal(key: bytes, plain: bytes) -> bytes:
    """Encrypt a document with a key of 32 bytes; return JSON: `header` and `data`, the header authenticated.

    `data` is the Base64 of the ciphertext followed by the tag of 16 bytes.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = {"version": 1, "cipher": CIPHER, "key_id": key_id(key), "nonce": _text(nonce)}
    data = AESGCM(key).encrypt(nonce, plain, _authenticated(header))
    return json.dumps({"header": header, "data": _text(data)}).encode()


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Return what was sealed with the key. Raises SealError."""
    try:
        document = json.loads(sealed)
        header = document["header"]
        nonce, data = base64.b64decode(header["nonce"]), base64.b64decode(document["data"])
        return AESGCM(key).decrypt(nonce, data, _authenticated(header))
    except InvalidTag:
        raise SealError("the key does not open it, or it was changed") from None
    except (ValueError, TypeError, LookupError):
        raise SealError("it is no encrypted document") from None


def key_id(key: bytes) -> str:
    """Return a name of a key that does not tell it."""
    return hashlib.sha256(key).hexdigest()[:8]


def _authenticated(header: object) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
