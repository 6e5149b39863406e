"""Verifies requests that are signed with an access key's secret (SDK-HMAC-SHA256)."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

from config.errors import AudiowardenError

ALGORITHM = "SDK-HMAC-SHA256"
MAX_SKEW_S = 15 * 60
MUST_BE_SIGNED = ("host", "x-sdk-date")
SECURITY_TOKEN = "x-security-token"  # noqa: S105 - a header's name
CONTENT_HASH = "x-sdk-content-sha256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
MAX_QUERY_FIELDS = 100
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_FORM = re.compile(
    rf"{ALGORITHM} +Access=(?P<access>[^,\s]{{1,128}}), *SignedHeaders=(?P<signed>[!-+\--:<-~;]{{1,2048}}), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


class SignatureError(AudiowardenError):
    """The request is not signed as it must be; the text says why."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers, as it came."""

    method: str
    path: str
    """Without the query."""
    query: str
    headers: Mapping[str, Sequence[str]]
    """Names in lower case, with all their values."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Credential:
    """An access key and whose it is."""

    owner: str
    access_key_id: str
    secret_key: str = field(repr=False)


class Signatures:
    """All credentials that may sign."""

    def __init__(self, credentials: Iterable[Credential], clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self._credentials = tuple(credentials)
        self._clock = clock

    def owner_of(self, request: SignedRequest) -> str:
        """Return the owner of the credential that signed the request. Raises SignatureError.

        All credentials are compared, in constant time. A wrong signature and an unknown access key are told
        apart by nobody.
        """
        form = _FORM.fullmatch(_only(request, "authorization"))
        if form is None:
            raise SignatureError(
                f"Authorization is not of the form {ALGORITHM} Access=…, SignedHeaders=…, Signature=…"
            )
        signed = form["signed"].split(";")
        self._check_headers(request, signed)
        date = self._date(request)
        text = string_to_sign(request, signed, date).encode("utf-8", "surrogateescape")
        # A header may hold any bytes.
        access = form["access"].encode("utf-8", "surrogateescape")
        owner = None
        for each in self._credentials:
            right = hmac.new(each.secret_key.encode(), text, hashlib.sha256).hexdigest()
            is_it = hmac.compare_digest(each.access_key_id.encode(), access)
            if hmac.compare_digest(right, form["signature"]) and is_it:
                owner = each.owner
        if owner is None:
            raise SignatureError("the access key is unknown, or the signature does not match the request")
        return owner

    def _check_headers(self, request: SignedRequest, signed: Sequence[str]) -> None:
        if len(set(signed)) < len(signed) or any(name != name.lower() for name in signed):
            raise SignatureError("SignedHeaders must be in lower case, each once")
        must = MUST_BE_SIGNED + ((SECURITY_TOKEN,) if SECURITY_TOKEN in request.headers else ())
        if missing := [name for name in must if name not in signed]:
            raise SignatureError(f"SignedHeaders lacks {missing[0]}")
        for name in signed:
            _only(request, name)
        # Whoever does not sign the body, or signs another one, could be anybody.
        if CONTENT_HASH in request.headers and _only(request, CONTENT_HASH) != _digest(request.body):
            raise SignatureError("X-Sdk-Content-Sha256 is not the hash of the body")

    def _date(self, request: SignedRequest) -> str:
        text = _only(request, "x-sdk-date")
        at = _time(text)
        if at is None:
            raise SignatureError("X-Sdk-Date is not of the form 20260131T235959Z")
        if abs(self._clock() - at) > MAX_SKEW_S:
            raise SignatureError(f"X-Sdk-Date is more than {MAX_SKEW_S // 60} minutes from now")
        return text


def string_to_sign(request: SignedRequest, signed: Sequence[str], date: str) -> str:
    """Return what is signed: the algorithm, the date, and the hash of the canonical request.

    The vendor's signer (huaweicloudsdkcore, `Signer`) defines the form: method, path with a `/` at its end,
    query sorted by name and value, `name:value` of each signed header in the order of SignedHeaders, their
    names, and the hash of the body, each followed by a line break but the last.
    """
    segments = unquote(request.path, errors="surrogateescape").split("/")
    path = "/".join(_encode(segment) for segment in segments)
    headers = "".join(f"{name}:{_only(request, name)}\n" for name in signed)
    canonical = "\n".join(
        (
            request.method.upper(),
            path if path.endswith("/") else f"{path}/",
            _canonical_query(request.query),
            headers,
            ";".join(signed),
            _digest(request.body),
        )
    )
    return f"{ALGORITHM}\n{date}\n{_digest(canonical.encode('utf-8', 'surrogateescape'))}"


def _time(text: str) -> float | None:
    """Return epoch seconds, or None: it is no date."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _canonical_query(query: str) -> str:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="surrogateescape", max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        raise SignatureError(f"the query has more than {MAX_QUERY_FIELDS} fields") from None
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(text, safe="~", errors="surrogateescape")


def _only(request: SignedRequest, name: str) -> str:
    """Return a header's value. Raises SignatureError unless there is exactly one."""
    values = request.headers.get(name, ())
    if len(values) != 1:
        raise SignatureError(f"the header {name[:64]} must be there once")
    return values[0].strip()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
