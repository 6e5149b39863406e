"""Streams moderated end to end by a running daemon, as a consumer sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.support.consumer import Consumer, Platform
from tests.support.media_server import HttpServer, RtmpServer, recorded_hls


def windows(consumer: Consumer) -> list[dict[str, Any]]:
    return [body for body in consumer.taken if body.get("statCode") == 0]


def ended(consumer: Consumer) -> bool:
    return any(body.get("statCode") == 1 for body in consumer.taken)


def index(body: dict[str, Any]) -> int:
    return int(body["requestId"].rpartition("_")[2])


async def test_a_recording_comes_back_with_words_labels_and_clips(
    platform: Platform, consumer: Consumer, media: HttpServer
) -> None:
    answer = await platform.start(
        media.url("spoken.wav"),
        data={"returnPreText": 1, "returnPreAudio": 1, "room": "r1", "extra": {"passThrough": {"k": "v"}}},
        type="POLITICS_PORN_ADVERT_ABUSE_BAN_VIOLENT_ADLAW",
    )
    assert answer["code"] == 1100
    await consumer.wait_for(lambda: ended(consumer), 60, "the finish notice")
    found = windows(consumer)
    assert [index(body) for body in found] == [0, 1, 2]
    harmless, advertisement, insult = (body["audioDetail"] for body in found)
    assert (harmless["riskLevel"], harmless["riskLabel1"]) == ("PASS", "normal")
    assert "chicken" in harmless["audioText"].lower()
    assert advertisement["riskLevel"] in ("REVIEW", "REJECT")
    assert advertisement["riskLabel1"] == "advert"
    assert advertisement["audioText"].startswith(harmless["audioText"])
    assert insult["riskLabel1"] == "abuse"
    assert insult["riskLevel"] == "REJECT"
    for segment in insult["riskDetail"]["riskSegments"]:
        picked = "".join(insult["audioText"][place] for place in segment["position"])
        assert picked == segment["segment"]
    assert found[0]["passThrough"] == {"k": "v"}
    assert insult["auxInfo"]["room"] == "r1"
    assert insult["vadCode"] == 1
    status, clip = await platform.get(insult["audioUrl"])
    assert status == 200
    _, longer = await platform.get(insult["preAudioUrl"])
    assert 30_000 < len(clip) < len(longer)
    assert (await platform.get(insult["audioUrl"].replace("signature=", "signature=0")))[0] == 403
    notice = consumer.taken[-1]
    assert notice["auxInfo"] == {"streamTime": 30}
    assert index(notice) == 3


async def test_only_what_is_not_pass_is_called_back_by_default(
    platform: Platform, consumer: Consumer, media: HttpServer
) -> None:
    await platform.start(media.url("spoken.wav"), data={"returnAllText": 0})
    await consumer.wait_for(lambda: ended(consumer), 60, "the finish notice")
    assert [index(body) for body in windows(consumer)] == [1, 2]


async def test_detect_step_skips_windows(platform: Platform, consumer: Consumer, media: HttpServer) -> None:
    await platform.start(media.url("spoken.wav"), data={"audioDetectStep": 1})
    await consumer.wait_for(lambda: ended(consumer), 60, "the finish notice")
    assert [index(body) for body in windows(consumer)] == [0, 2]


async def test_recorded_hls_is_moderated_to_its_end(
    platform: Platform, consumer: Consumer, spoken: Path, tmp_path: Path
) -> None:
    recorded_hls(spoken, tmp_path)
    with HttpServer(tmp_path) as server:
        await platform.start(server.url("recording.m3u8"))
        await consumer.wait_for(lambda: ended(consumer), 60, "the finish notice")
    assert [body["audioDetail"]["riskLabel1"] for body in windows(consumer)] == ["normal", "ad", "abuse"]


async def test_a_live_stream_is_finished_with_its_window_in_progress(
    platform: Platform, consumer: Consumer, spoken: Path
) -> None:
    with RtmpServer(spoken, realtime=True, loop=True) as server:
        answer = await platform.start(server.url)
        await consumer.wait_for(lambda: len(windows(consumer)) == 1, 40, "the first window")
        delay_s = (
            consumer.received[0].at
            - windows(consumer)[0]["audioDetail"]["auxInfo"]["finishProcessTime"] / 1000
        )
        assert delay_s < 5
        # On a fast machine the window in progress would be too short to be one.
        await asyncio.sleep(2)
        assert (await platform.finish(answer["requestId"]))["code"] == 1100
        await consumer.wait_for(lambda: ended(consumer), 30, "the finish notice")
    assert [index(body) for body in windows(consumer)] == [0, 1], "the window in progress is called back too"
    assert 10 <= consumer.taken[-1]["auxInfo"]["streamTime"] < 20


async def test_a_source_that_cannot_be_opened_ends_with_its_reason(
    platform: Platform, consumer: Consumer, media: HttpServer
) -> None:
    media.content("garbage", b"this is no media at all" * 100)
    answer = await platform.start(media.url("garbage"))
    assert answer["code"] == 1100
    await platform.finish(answer["requestId"])
    await consumer.wait_for(lambda: ended(consumer), 30, "the finish notice")
    assert windows(consumer) == []
