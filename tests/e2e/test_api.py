"""The HTTP API of a running daemon: answers, races, quotas, and what strangers send."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from typing import Any

import aiohttp
import pytest

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess
from tests.support.media_server import free_port

NOWHERE = "rtmp://127.0.0.1:{}/live/{}"
"""Nobody listens there: such streams stay live, waiting for their next try."""


def nowhere(name: str) -> str:
    return NOWHERE.format(free_port(), name)


async def test_start_duplicate_finish(platform: Platform) -> None:
    url = nowhere("a")
    first = await platform.start(url)
    assert (first["code"], first["message"]) == (1100, "Success")
    assert len(first["requestId"]) == 32
    second = await platform.start(url)
    assert second["code"] == 1902
    assert second["detail"] == {"errorCode": 1001, "dupRequestId": first["requestId"]}
    finished = await platform.finish(first["requestId"])
    assert finished == {"requestId": first["requestId"], "code": 1100, "message": "Success"}
    again = await platform.finish(first["requestId"])
    assert (again["code"], again["message"]) == (1902, "No such stream")
    third = await platform.start(url)
    assert third["code"] == 1100, "a finished stream can be started again at once"
    await platform.finish(third["requestId"])


async def test_messages_are_chinese_by_default(platform: Platform) -> None:
    answer = await platform.start(nowhere("zh"), acceptLang="zh")
    assert answer["message"] == "成功"
    body = {"accessKey": ACCESS_KEY, "requestId": "0" * 32}
    assert (await platform.post("/finish_audiostream/v4", body))["message"] == "该路流不存在"
    await platform.finish(answer["requestId"])


async def test_200_starts_at_once_make_one_stream_of_one_url(platform: Platform) -> None:
    same = nowhere("same")
    urls = [same if number % 20 == 0 else nowhere(f"s{number}") for number in range(200)]
    answers = await asyncio.gather(*(platform.start(url) for url in urls))
    accepted = {answer["requestId"] for answer in answers if answer["code"] == 1100}
    duplicates = [answer for answer in answers if answer["code"] == 1902]
    assert len(accepted) == 191
    assert len(duplicates) == 9
    winners = {answer["detail"]["dupRequestId"] for answer in duplicates}
    assert len(winners) == 1
    assert winners <= accepted
    finished = await asyncio.gather(*(platform.finish(request_id) for request_id in accepted))
    assert {answer["code"] for answer in finished} == {1100}


async def test_strangers_learn_nothing(platform: Platform, daemon: DaemonProcess) -> None:
    url = nowhere("mine")
    mine = await platform.start(url)
    async with Platform(daemon.url, "wrong", platform.callback) as stranger:
        assert (await stranger.start(nowhere("x")))["code"] == 9101
        assert (await stranger.finish(mine["requestId"]))["code"] == 9101
    async with Platform(daemon.url, "key-of-small", platform.callback) as other:
        theirs = await other.finish(mine["requestId"])
        assert (theirs["code"], theirs["message"]) == (1902, "No such stream")
        same_url = await other.start(url)
        assert same_url["code"] == 1100, "another account's stream is another stream"
        await other.finish(same_url["requestId"])
    await platform.finish(mine["requestId"])


async def test_quotas(platform: Platform, daemon: DaemonProcess) -> None:
    async with Platform(daemon.url, "key-of-small", platform.callback) as small:
        answers = [await small.start(nowhere(f"q{number}")) for number in range(3)]
        assert [answer["code"] for answer in answers] == [1100, 1100, 1901]
        await small.finish(answers[0]["requestId"])
        fourth = await small.start(nowhere("q4"))
        assert fourth["code"] == 1100
        for answer in (answers[1], fourth):
            await small.finish(answer["requestId"])
    async with Platform(daemon.url, "key-of-slow", platform.callback) as slow:
        # So many at once that the seconds which a busy machine takes for them let only some more in.
        answers = await asyncio.gather(*(slow.finish("0" * 32) for _ in range(50)))
        codes = [answer["code"] for answer in answers]
        assert codes.count(1902) >= 3
        assert codes.count(1901) >= 3
        assert set(codes) == {1901, 1902}


async def raw(platform: Platform, path: str, body: bytes, **options: Any) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session:
        method = options.pop("method", "POST")
        async with session.request(method, platform.api + path, data=io.BytesIO(body), **options) as response:
            answer = json.loads(await response.read())
            return response.status, answer


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty"),
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": -1e999}', "-1e999 is too large a number"),
        (b'{"a": "\\ud800"}', "lone surrogate"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deeply"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "larger than 1048576 bytes"),
        (b"{}", "accessKey"),
        (b'{"accessKey": 1}', "accessKey"),
    ],
    ids=range(15),
)
@pytest.mark.parametrize("path", ["/audiostream/v4", "/finish_audiostream/v4"])
async def test_bad_bodies_get_a_clear_answer(platform: Platform, path: str, body: bytes, said: str) -> None:
    status, answer = await raw(platform, path, body)
    assert status == 200
    assert answer["code"] == 1902
    assert said in answer["message"]


async def test_a_body_is_json_whatever_its_content_type_says(platform: Platform) -> None:
    body = json.dumps({"accessKey": ACCESS_KEY, "requestId": "0" * 32}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, answer = await raw(platform, "/finish_audiostream/v4", body, headers=headers)
    assert (status, answer["message"]) == (200, "该路流不存在")


async def test_a_compressed_body_is_refused_unopened(platform: Platform) -> None:
    for body in (gzip.compress(b"{}"), b"not compressed at all"):
        headers = {"Content-Encoding": "gzip"}
        status, answer = await raw(platform, "/audiostream/v4", body, headers=headers)
        assert (status, answer["code"]) == (200, 1902)
        assert "without Content-Encoding" in answer["message"]


async def test_wrong_methods_and_paths_are_json_too(platform: Platform) -> None:
    status, answer = await raw(platform, "/audiostream/v4", b"", method="GET")
    assert (status, answer["code"]) == (405, 1902)
    assert "POST" in answer["message"]
    status, answer = await raw(platform, "/nothing", b"{}")
    assert (status, answer["code"]) == (404, 1902)


@pytest.mark.parametrize(
    ("field", "url"),
    [
        ("data.url", "file:///etc/passwd"),
        ("data.url", "concat:a|b"),
        ("data.url", "http://"),
        ("data.url", "rtmp://host name/x"),
        ("callback", "ftp://consumer.test/"),
        ("callback", "consumer.test"),
        ("callback", "http://[::"),
    ],
)
async def test_wrong_addresses_are_refused_at_once(platform: Platform, field: str, url: str) -> None:
    answer = await (
        platform.start(url) if field == "data.url" else platform.start(nowhere("c"), callback=url)
    )
    assert answer["code"] == 1902
    assert field in answer["message"]


async def test_rtc_types_say_what_is_missing(platform: Platform) -> None:
    answer = await platform.start(
        "", data={"streamType": "ZEGO", "url": None, "zegoParam": {"streamId": "s"}}
    )
    assert answer["code"] == 1902
    assert "ZEGO" in answer["message"]


async def test_health_and_metrics(platform: Platform) -> None:
    answer = await platform.start(nowhere("counted"))
    await platform.finish(answer["requestId"])
    assert await platform.get("/healthz") == (200, b'{"status": "ok"}')
    assert await platform.get("/readyz") == (200, b'{"status": "ok"}')
    status, text = await platform.get("/metrics")
    assert status == 200
    assert b'audiowarden_requests_total{code="1100",endpoint="start"}' in text
    assert b"\naudiowarden_dead_letters 0.0\n" in text
    assert b"_created" not in text, "a series nobody asks for"


async def send(daemon: DaemonProcess, request: bytes) -> bytes:
    """Send bytes as they are and return the first line of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(daemon.url.rpartition(":")[2]))
    writer.write(request)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.rstrip()


async def test_nothing_secret_is_logged(
    platform: Platform, daemon: DaemonProcess, consumer: Consumer
) -> None:
    answer = await platform.start(nowhere("stream-key-4711") + "?auth=s3cret")
    await platform.finish(answer["requestId"])
    for malformed in (
        b"GET /clips/a?signature=s3cret HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: s3cret\0\r\n\r\n",
    ):
        assert await send(daemon, malformed) == b"HTTP/1.0 400 Bad Request"
    log = daemon.log_path.read_text(encoding="utf-8")
    assert answer["requestId"] in log
    assert "Traceback" not in log
    for secret in (ACCESS_KEY, "stream-key-4711", "s3cret"):
        assert secret not in log
    assert consumer.url not in log
