"""An AGORA channel whose users are moderated one by one, end to end, by a fake of the vendor's SDK."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from tests.e2e.conftest import ADVERTISEMENT, HARMLESS, INSULT
from tests.support.agora_cloud import Cloud, install
from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.speech import fit, join, speech_pcm


def windows(consumer: Consumer) -> list[dict[str, Any]]:
    return [body for body in consumer.taken if body.get("statCode") == 0]


def number_of(body: dict[str, Any]) -> int:
    return int(body["requestId"].rpartition("_")[2])


def told_of(consumer: Consumer, user: int) -> list[dict[str, Any]]:
    details = [body["audioDetail"] for body in windows(consumer)]
    return [detail for detail in details if detail["auxInfo"]["userId"] == user]


async def test_two_users_before_and_after_kill_minus_9(tmp_path: Path, consumer: Consumer) -> None:
    cloud = Cloud(tmp_path / "cloud")
    users = {
        str(user): {"pcm": join(*(fit(join(0.5, speech_pcm(text)), 10) for text in texts))}
        for user, texts in ((11, (HARMLESS, INSULT)), (22, (ADVERTISEMENT, HARMLESS)), (33, (INSULT, INSULT)))
    }
    cloud.channel("talk", users=users, token="t")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(install(tmp_path)), str(Path.cwd())))}
    config = configuration(tmp_path, extra="stream_events = true")
    params = {
        "appId": str(cloud.folder), "channel": "talk", "token": "t", "isMixingEnabled": False,
        "subscribeMode": "TRUSTED", "trustedUserIdList": ["33"], "channelProfile": 1,
    }  # fmt: skip
    async with DaemonProcess(config, environ=environ) as daemon:
        async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
            answer = await platform.start("", data={"streamType": "AGORA", "url": None, "agoraParam": params})
            assert answer["code"] == 1100
        await consumer.wait_for(lambda: len(windows(consumer)) >= 2, 40, "a window of each")
    before = len(windows(consumer))
    async with DaemonProcess(config, environ=environ) as daemon:
        await consumer.wait_for(lambda: len(windows(consumer)) >= before + 2, 40, "windows of the second run")
        async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
            assert (await platform.finish(answer["requestId"]))["code"] == 1100
        await consumer.wait_for(
            lambda: any(body.get("statCode") == 1 for body in consumer.taken), 30, "the finish notice"
        )
        assert not daemon.events("stream_crashed")
        assert await asyncio.to_thread(daemon.stop) == 0
    first, second = told_of(consumer, 11)[0], told_of(consumer, 22)[0]
    assert (first["riskLevel"], first["riskLabel1"]) == ("PASS", "normal")
    assert "chicken" in first["audioText"].lower()
    assert second["riskLabel1"] == "ad"
    assert not told_of(consumer, 33), "trusted"
    # Who was killed before it could note an answer sends the same callback again.
    sent = {each.raw for each in consumer.received if each.body.get("statCode") == 0}
    numbers = list(dict.fromkeys(number_of(body) for body in windows(consumer)))
    assert numbers == sorted(numbers), "in order"
    assert len(sent) == len(numbers), "no number was given to two windows"
    told = {
        body["requestId"]: body["streamEvent"]["type"] for body in consumer.taken if "streamEvent" in body
    }
    # A host that starts within the window that was cut off has no gap to tell of.
    assert [kind for kind in told.values() if kind != "gap"] == ["started", "resumed", "ended"]
    notice = consumer.taken[-1]
    assert number_of(notice) > max(numbers)
    assert consumer.sequence == list(range(1, len(consumer.sequence) + 1))
