"""Signed requests: the vendor's own signer is believed, everything else is refused with a reason."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from daemon.contracts.vod.signature import (
    Credential,
    SignatureError,
    Signatures,
    SignedRequest,
    string_to_sign,
)

NOW_S = 1_790_000_000.0
BODY = b'{"asset_id": "1"}'
PATH = "/v1.0/p/asset/extract_audio"


def signatures(now_s: float = NOW_S) -> Signatures:
    credentials = [Credential("other", "AKOTHER", "secret2"), Credential("acme", "AKACME", "secret")]
    return Signatures(credentials, lambda: now_s)


def date(at_s: float = NOW_S) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def signed(
    *,
    method: str = "POST",
    path: str = PATH,
    query: list[tuple[str, object]] | None = None,
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    access_key_id: str = "AKACME",
    secret_key: str = "secret",
    at_s: float = NOW_S,
) -> SignedRequest:
    """Sign as the vendor's client does."""
    request = SdkRequest(
        method=method,
        schema="http",
        host="vod.example",
        resource_path=path,
        query_params=list(query or []),
        header_params={"Content-Type": "application/json", "X-Sdk-Date": date(at_s), **(headers or {})},
        body=body.decode(),
    )
    request = Signer(BasicCredentials(access_key_id, secret_key, "p")).sign(request)
    raw_path, _, raw_query = request.uri.partition("?")
    sent = {name.lower(): [value] for name, value in request.header_params.items()}
    return SignedRequest(method, raw_path, raw_query, sent, body)


def by_hand(names: str, headers: dict[str, str], secret: str = "secret") -> SignedRequest:
    """Sign with the headers and their names as they are given."""
    sent = {name: [value] for name, value in headers.items()}
    request = SignedRequest("POST", PATH, "", sent, BODY)
    text = string_to_sign(request, names.split(";"), headers["x-sdk-date"])
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return with_header(
        request,
        "authorization",
        f"SDK-HMAC-SHA256 Access=AKACME, SignedHeaders={names}, Signature={signature}",
    )


def with_header(request: SignedRequest, name: str, *values: str) -> SignedRequest:
    return replace(request, headers={**request.headers, name: list(values)})


@pytest.mark.parametrize(
    "request_",
    [
        signed(),
        signed(method="GET", body=b"", path="/v1.0/p/asset/details", query=[("asset_id", "媒 资+~/&=")]),
        signed(query=[("categories", ["review_info", "base_info"]), ("asset_id", "1")]),
        signed(body="{\"asset_id\": \"媒资\"}".encode()),
        signed(headers={"X-Project-Id": "p", "User-Agent": "sdk/1  2", "X-Security-Token": "temporary"}),
        signed(headers={"X-Sdk-Content-Sha256": hashlib.sha256(BODY).hexdigest()}),
        signed(path="/v1.0/p q/asset/extract_audio"),
        signed(at_s=NOW_S - 899),
        signed(at_s=NOW_S + 899),
    ],
)  # fmt: skip
def test_what_the_vendors_client_signs_is_believed(request_: SignedRequest) -> None:
    assert signatures().owner_of(request_) == "acme"


def test_a_key_tells_whose_it_is() -> None:
    assert signatures().owner_of(signed(access_key_id="AKOTHER", secret_key="secret2")) == "other"


@pytest.mark.parametrize(
    "request_",
    [
        signed(secret_key="wrong"),
        signed(access_key_id="AKOTHER"),
        signed(access_key_id="AKUNKNOWN"),
        replace(signed(), body=b'{"asset_id": "2"}'),
        replace(signed(), body=b""),
        replace(signed(), method="DELETE"),
        replace(signed(), path="/v1.0/other/asset/extract_audio"),
        replace(signed(), query="asset_id=2"),
        with_header(signed(), "host", "elsewhere.example"),
        with_header(signed(), "content-type", "text/plain"),
    ],
)
def test_another_request_than_was_signed_is_refused(request_: SignedRequest) -> None:
    with pytest.raises(SignatureError, match="unknown, or the signature does not match"):
        signatures().owner_of(request_)


def test_an_access_key_of_any_bytes_is_unknown() -> None:
    form = f"SDK-HMAC-SHA256 Access=\udcff, SignedHeaders=host;x-sdk-date, Signature={'0' * 64}"
    with pytest.raises(SignatureError, match="unknown, or the signature does not match"):
        signatures().owner_of(with_header(signed(), "authorization", form))


@pytest.mark.parametrize("at_s", [NOW_S - 901, NOW_S + 901, 0.0])
def test_a_stale_date_is_refused(at_s: float) -> None:
    with pytest.raises(SignatureError, match="more than 15 minutes"):
        signatures().owner_of(signed(at_s=at_s))


@pytest.mark.parametrize(
    "text", ["", "yesterday", "20261399T000000Z", "2026-01-01T00:00:00Z", "٢٠٢٦0101T000000Z"]
)
def test_a_date_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(SignatureError, match="not of the form"):
        signatures().owner_of(with_header(signed(), "x-sdk-date", text))


@pytest.mark.parametrize("text", ["", "Bearer x", "SDK-HMAC-SHA256", "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=ab", "AWS4-HMAC-SHA256 Access=a"])  # fmt: skip  # noqa: E501 - one list
def test_another_form_of_authorization_is_refused(text: str) -> None:
    with pytest.raises(SignatureError, match="Authorization is not of the form"):
        signatures().owner_of(with_header(signed(), "authorization", text))


HEADERS = {"host": "vod.example", "x-sdk-date": date(), "content-type": "application/json"}


def test_a_signature_by_hand_is_believed() -> None:
    assert signatures().owner_of(by_hand("host;x-sdk-date", HEADERS)) == "acme"


@pytest.mark.parametrize(
    ("names", "extra", "reason"),
    [
        ("x-sdk-date;content-type", {}, "lacks host"),
        ("host;content-type", {}, "lacks x-sdk-date"),
        ("host;x-sdk-date", {"x-security-token": "t"}, "lacks x-security-token"),
        ("host;x-sdk-date;host", {}, "each once"),
        ("host;x-sdk-date", {"x-sdk-content-sha256": "UNSIGNED-PAYLOAD"}, "not the hash of the body"),
        (
            "host;x-sdk-date;x-sdk-content-sha256",
            {"x-sdk-content-sha256": hashlib.sha256(b"another").hexdigest()},
            "not the hash of the body",
        ),
    ],
)
def test_what_must_be_signed_is(names: str, extra: dict[str, str], reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        signatures().owner_of(by_hand(names, {**HEADERS, **extra}))


def test_a_header_that_comes_twice_is_refused() -> None:
    with pytest.raises(SignatureError, match="host must be there once"):
        signatures().owner_of(with_header(signed(), "host", "vod.example", "vod.example"))
    with pytest.raises(SignatureError, match="x-sdk-date must be there once"):
        signatures().owner_of(with_header(signed(), "x-sdk-date"))


def test_a_query_without_end_is_refused() -> None:
    with pytest.raises(SignatureError, match="more than 100 fields"):
        signatures().owner_of(replace(signed(), query="&".join(["a=1"] * 101)))
