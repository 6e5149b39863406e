"""What strangers and clumsy clients send: always the contract's own refusal, never a 500, nothing stored."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from config.accounts import AccountSettings
from config.errors import ConfigError
from daemon.accounts import Accounts
from daemon.contracts.vod.access import Projects
from daemon.contracts.vod.assets import Asset, Assets
from daemon.storage.interfaces import Location, Place
from pipeline.network.addresses import AddressPolicy
from tests.daemon.contracts.vod.test_signature import date
from tests.support.vod_house import (
    OTHER_PROJECT,
    OTHER_TOKEN,
    PROJECT,
    TOKEN,
    Maker,
    accounts,
    calling,
    house,
)

Refusal = tuple[int, str]
UNAUTHENTICATED = (401, "APIG.0301")
BAD: Refusal = (400, "VOD.10053")
EXAMPLE_ID = "3e1cd21131a94525be55acf65888bf46"
EXAMPLE = '{\n"asset_id": "3e1cd21131a94525be55acf65888bf46",\n"parameter": {"format":"MP3"}\n}'
"""The request of both documents, as printed."""


async def test_the_documented_example_as_printed(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        asset = Asset(EXAMPLE_ID, "film", 0.0, 0.0, place=Place(Location(), "film.mp4"))
        await Assets(made.ledger.documents).register("acme", asset)
        status, answer = await caller.send(
            "POST", "/extract_audio", data=EXAMPLE, headers={"Content-Type": "application/json"}
        )
        assert (status, answer["asset_id"], len(answer["audio_asset_id"])) == (202, EXAMPLE_ID, 32)


async def test_the_documented_refusals_as_printed(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        status, answer = await caller.send(
            "POST", "/extract_audio", data=EXAMPLE, headers={"Content-Type": "application/json"}
        )
        assert (status, answer) == (
            400,
            {
                "error_code": "VOD.10062",
                "error_msg": "Media asset or resource does not exist, please check.",
            },
        )
        status, answer = await caller.send(
            "POST", "/extract_audio", data=EXAMPLE, headers={"X-Language": "zh-cn"}
        )
        assert (status, answer) == (
            400,
            {"error_code": "VOD.10062", "error_msg": "媒资或资源不存在，请检查。"},
        )


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"", "VOD.10053", "empty"),
        (b"asset_id=1", "VOD.10053", "not valid JSON"),
        (b"[]", "VOD.10053", "JSON object"),
        (b'{"asset_id": NaN}', "VOD.10053", "not valid JSON"),
        (b"\xff\xfe", "VOD.10053", "UTF-8"),
        (b"[" * 100_000, "VOD.10053", "lists and objects"),
        (b"{}", "VOD.10053", "asset_id"),
        (b'{"asset_id": 5}', "VOD.10053", "asset_id"),
        (b'{"asset_id": ""}', "VOD.10053", "asset_id"),
        (b'{"asset_id": "%s"}' % (b"x" * 65), "VOD.10053", "asset_id"),
        (b'{"asset_id": "../../etc/passwd"}', "VOD.10062", "does not exist"),
        (b'{"asset_id": "1", "parameter": 1}', "VOD.10053", "parameter"),
        (b'{"asset_id": "1", "parameter": {"format": 1}}', "VOD.10053", "parameter.format"),
        (b'{"asset_id": "1", "parameter": {"format": "WMA"}}', "VOD.10063", "MP3 AAC"),
        (b'{"asset_id": "1", "parameter": {"format": "mp3"}}', "VOD.10063", "MP3 AAC"),
        (b'{"asset_id": "1", "parameter": {}}', "VOD.10062", "does not exist"),
        (b'{"asset_id": "1", "parameter": null}', "VOD.10062", "does not exist"),
        (b'{"asset_id": "1\\u0000"}', "VOD.10062", "does not exist"),
    ],
)
async def test_bodies(tmp_path: Path, body: bytes, code: str, says: str) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        status, answer = await caller.send("POST", "/extract_audio", data=body)
        assert (status, answer["error_code"]) == (400, code)
        assert says in answer["error_msg"]
        assert await made.ledger.jobs.count() == 0


async def test_bodies_that_are_too_large_or_of_another_type(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        status, answer = await caller.send(
            "POST", "/extract_audio", data=io.BytesIO(b" " * (1024 * 1024 + 1))
        )
        assert (status, answer["error_code"]) == (413, "VOD.10053")
        for kind in ("application/xml", "multipart/form-data; boundary=x", "image/png"):
            status, answer = await caller.send(
                "POST", "/extract_audio", data=EXAMPLE, headers={"Content-Type": kind}
            )
            assert (status, answer["error_code"]) == (400, "VOD.10059")
        for kind in ("application/json;charset=utf8", "application/x-www-form-urlencoded", "text/plain"):
            status, answer = await caller.send(
                "POST", "/extract_audio", data=EXAMPLE, headers={"Content-Type": kind}
            )
            assert (status, answer["error_code"]) == (400, "VOD.10062")
        status, answer = await caller.send(
            "POST", "/extract_audio", data=b"x", headers={"Content-Encoding": "gzip"}
        )
        assert (status, answer["error_code"]) == BAD


@pytest.mark.parametrize(
    ("fields", "refusal", "says"),
    [
        ({}, BAD, "url and input"),
        ({"url": "http://a.example/x.mp4", "input": {"object": "a"}}, BAD, "url and input"),
        ({"url": "file:///etc/passwd"}, BAD, "url"),
        ({"url": "rtmp://a.example/x/y"}, BAD, "url"),
        ({"url": "http://127.0.0.1/x.mp4"}, BAD, "public internet"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, BAD, "public internet"),
        ({"url": "http://[::1/x"}, BAD, "url"),
        ({"url": "http://a.example/" + "x" * 3000}, BAD, "url"),
        ({"input": {"object": "../secret"}}, BAD, "input.object"),
        ({"input": {"object": "/etc/passwd"}}, BAD, "input.object"),
        ({"input": {"object": "a//b"}}, BAD, "input.object"),
        ({"input": {"object": ""}}, BAD, "input.object"),
        ({"input": {}}, BAD, "input.object"),
        ({"input": {"object": "no/such.mp4"}}, (400, "VOD.10062"), "no such object"),
        ({"input": {"bucket": "foreign", "object": "a"}}, (403, "VOD.10074"), "bucket"),
        ({"input": {"bucket": "a/b", "object": "a"}}, BAD, "input.bucket"),
        ({"input": {"object": "a.mp4"}, "output_bucket": "foreign"}, (403, "VOD.10074"), "output_bucket"),
        ({"input": {"object": "a.mp4"}, "output_path": "../.."}, BAD, "output_path"),
        ({"input": {"object": "a.mp4"}, "output_path": "a/" * 500 + "b"}, BAD, "output_path"),
        ({"input": {"object": "a.mp4"}, "title": "x" * 129}, BAD, "title"),
        ({"input": {"object": "a.mp4"}, "title": 5}, BAD, "title"),
        ({"input": {"object": "a.mp4"}, "category_id": 10**4000}, BAD, "category_id"),
        ({"input": {"object": "a.mp4"}, "category_id": 2**31}, BAD, "category_id"),
        ({"input": {"object": "a.mp4"}, "category_id": -2}, BAD, "category_id"),
        ({"input": {"object": "a.mp4"}, "category_id": True}, BAD, "category_id"),
        ({"input": {"object": "a.mp4"}, "category_id": 1.0}, BAD, "category_id"),
        ({"input": {"object": "a.mp4"}, "tags": "x" * 1025}, BAD, "tags"),
        ({"input": {"object": "a.mp4"}, "description": "x" * 1025}, BAD, "description"),
        ({"input": {"object": "a.mp4"}, "video_type": "x" * 9}, BAD, "video_type"),
        ({"input": {"object": "a.mp4", "location": "x" * 65}}, BAD, "input.location"),
    ],
)
async def test_assets(tmp_path: Path, fields: dict[str, Any], refusal: Refusal, says: str) -> None:
    async with (
        house(tmp_path, Maker(), settings=accounts(buckets=["ours"])) as made,
        calling(made.url) as caller,
    ):
        (made.root / "a.mp4").write_bytes(b"a film")
        status, answer = await caller.send("POST", "", json=fields)
        assert (status, answer["error_code"]) == refusal
        assert says in answer["error_msg"]
        assert await made.ledger.documents.page("vod.asset", "acme", 9) == []


async def test_an_asset_that_is_audio_already_is_not_extracted_once_more(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        (made.root / "a.mp4").write_bytes(b"a film")
        audio_id = await caller.extract(await caller.create(input={"object": "a.mp4"}))
        status, answer = await caller.send("POST", "/extract_audio", json={"asset_id": audio_id})
        assert (status, answer["error_code"]) == (400, "VOD.10063")


@pytest.mark.parametrize(
    "query",
    ["", "?asset_id=", "?asset_id=1&asset_id=2", "?asset=1"],
)
async def test_queries(tmp_path: Path, query: str) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        for method, path in (("GET", "/details"), ("DELETE", "/extract_audio")):
            status, answer = await caller.send(method, path + query)
            assert (status, answer["error_code"]) == BAD
        status, answer = await caller.send("GET", "/details?asset_id=1&categories=all")
        assert (status, answer["error_code"]) == BAD
        status, answer = await caller.send("GET", "/details?asset_id=1")
        assert (status, answer["error_code"]) == (400, "VOD.10062")


async def test_who_is_not_known_or_asks_for_anothers_project(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made:
        for token in (None, "", "wrong", TOKEN + "x", "Ü"):
            async with calling(made.url, token=token) as caller:
                status, answer = await caller.send("GET", "/details?asset_id=1")
                assert (status, answer["error_code"]) == UNAUTHENTICATED
        for project, token in ((OTHER_PROJECT, TOKEN), (PROJECT, OTHER_TOKEN), ("none", TOKEN)):
            async with calling(made.url, project, token) as caller:
                status, answer = await caller.send("GET", "/details?asset_id=1")
                assert (status, answer["error_code"]) == (403, "VOD.10074")
        async with calling(made.url, token=None) as caller:
            for value in (
                "nonsense",
                f"SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature={'0' * 64}",
            ):
                headers = {"Authorization": value, "X-Sdk-Date": date(0.0)}
                status, answer = await caller.send("GET", "/details?asset_id=1", headers=headers)
                assert (status, answer["error_code"]) == UNAUTHENTICATED


async def test_an_asset_is_its_accounts_own(tmp_path: Path) -> None:
    async with house(tmp_path, Maker(), working=False) as made:
        (made.root / "a.mp4").write_bytes(b"a film")
        async with calling(made.url) as caller:
            asset_id = await caller.create(input={"object": "a.mp4"})
            audio_id = await caller.extract(asset_id)
        async with calling(made.url, OTHER_PROJECT, OTHER_TOKEN) as caller:
            for each in (asset_id, audio_id):
                for method, path in (("GET", "/details"), ("DELETE", "/extract_audio")):
                    status, answer = await caller.send(method, f"{path}?asset_id={each}")
                    assert (status, answer["error_code"]) == (400, "VOD.10062")
            status, answer = await caller.send("POST", "/extract_audio", json={"asset_id": asset_id})
            assert (status, answer["error_code"]) == (400, "VOD.10062")


async def test_too_many_requests_a_second(tmp_path: Path) -> None:
    settings = accounts(max_requests_per_s=2)
    async with (
        house(tmp_path, Maker(), settings=settings, clock=lambda: 0.0) as made,
        calling(made.url) as caller,
    ):
        answers = [await caller.send("GET", "/details?asset_id=1") for _ in range(3)]
        codes = [(status, answer["error_code"]) for status, answer in answers]
        assert codes == [(400, "VOD.10062"), (400, "VOD.10062"), (429, "APIG.0308")]


async def test_what_is_no_endpoint_answers_in_the_contracts_form(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made, aiohttp.ClientSession() as session:
        for method, path in (("GET", "/v1.0/p/asset"), ("PUT", "/v1.0/p/asset/details"), ("GET", "/v1.0/")):
            async with session.request(method, made.url + path) as response:
                assert response.status == 404
                assert json.loads(await response.read())["error_code"] == "APIG.0101"


@pytest.mark.parametrize(
    "url", ["platform", "ftp://a.example/", "http://127.0.0.1/events", "http://10.1.2.3/"]
)
def test_a_notification_url_that_may_not_be_posted_to_is_named_at_the_start(url: str) -> None:
    def projects(settings: tuple[AccountSettings, ...]) -> Projects:
        return Projects(settings, Accounts(settings))

    projects(accounts("https://platform.example/events")).check_notifications(AddressPolicy())
    with pytest.raises(ConfigError, match="notification_url of acme"):
        projects(accounts(url)).check_notifications(AddressPolicy())
