"""Every combination of the document's fields: which audio is made, for whoever asks in whichever way."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from daemon.contracts.vod.assets import audio_asset_id
from tests.support.vod_house import ACCESS_KEY_ID, PROJECT, SECRET_KEY, TOKEN, Maker, calling, house

PARAMETERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "MP3"),
    ({"parameter": None}, "MP3"),
    ({"parameter": {}}, "MP3"),
    ({"parameter": {"format": "MP3"}}, "MP3"),
    ({"parameter": {"format": "AAC"}}, "AAC"),
    ({"parameter": {"format": "AAC", "of a later version": 1}, "of a later version": 1}, "AAC"),
)
TYPES = (None, "application/json", "application/json;charset=utf8")
LANGUAGES = (None, "en-us", "zh-cn")
Headers = dict[str, str]


def nobody(_: str, __: bytes) -> Headers:
    return {}


def token(_: str, __: bytes) -> Headers:
    return {"X-Auth-Token": TOKEN}


def signature(url: str, body: bytes) -> Headers:
    """Sign as the vendor's client does."""
    request = SdkRequest(
        method="POST",
        schema="http",
        host=url.removeprefix("http://"),
        resource_path=f"/v1.0/{PROJECT}/asset/extract_audio",
        query_params=[],
        header_params={"X-Project-Id": PROJECT},
        body=body.decode(),
    )
    signed: Headers = Signer(BasicCredentials(ACCESS_KEY_ID, SECRET_KEY, PROJECT)).sign(request).header_params
    return {name: str(value) for name, value in signed.items()}


def token_and_signature(url: str, body: bytes) -> Headers:
    return {**signature(url, body), **token(url, body)}


def wrong_token(_: str, __: bytes) -> Headers:
    return {"X-Auth-Token": "wrong"}


def wrong_token_and_signature(url: str, body: bytes) -> Headers:
    return {**signature(url, body), **wrong_token(url, body)}


def half_a_signature(url: str, body: bytes) -> Headers:
    return {name: value for name, value in signature(url, body).items() if name != "X-Sdk-Date"}


@pytest.mark.parametrize(
    ("who", "let_in"),
    [
        (token, True),
        (signature, True),
        (token_and_signature, True),
        # The vendor's clients send old tokens beside signatures.
        (wrong_token_and_signature, True),
        (nobody, False),
        (wrong_token, False),
        (half_a_signature, False),
    ],
)
async def test_every_request_for_an_extraction(
    who: Callable[[str, bytes], Headers], let_in: bool, tmp_path: Path
) -> None:
    async with house(tmp_path, Maker(), working=False) as made, calling(made.url) as caller:
        (made.root / "a.mp4").write_bytes(b"a film")
        asset_id = await caller.create(input={"object": "a.mp4"})
        url = f"{made.url}/v1.0/{PROJECT}/asset/extract_audio"
        async with aiohttp.ClientSession() as session:
            for (fields, expected), kind, language in product(PARAMETERS, TYPES, LANGUAGES):
                body = json.dumps({"asset_id": asset_id, **fields}).encode()
                headers = {"Content-Type": kind, "X-Language": language}
                headers |= who(made.url, body)
                given = {name: value for name, value in headers.items() if value is not None}
                skipped = ("Content-Type",) if kind is None else ()
                async with session.post(url, data=body, headers=given, skip_auto_headers=skipped) as response:
                    status, answer = response.status, await response.json()
                if let_in:
                    audio_id = audio_asset_id("acme", asset_id, expected)
                    assert (status, answer) == (202, {"asset_id": asset_id, "audio_asset_id": audio_id})
                else:
                    assert (status, answer["error_code"]) == (401, "APIG.0301")
        assert await made.ledger.jobs.count() == (2 if let_in else 0)
