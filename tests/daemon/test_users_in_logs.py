"""The log of a room's stream names whose it is: of all its lines, or of each window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from config.taxonomy import load_taxonomy
from daemon.contracts.audiostream.contract import AudioStreamContract
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import house, notices
from tests.support.accounts import account
from tests.support.consumer import Consumer
from tests.support.streams import Step, spoken_window, voiced_window

ZEGO = account(
    pull_templates={"zego": "rtmp://cdn.test/{stream}"}, zego={"roster_url": "https://platform.test/{roomId}"}
)
CONTRACT = AudioStreamContract(load_taxonomy(), [ZEGO])


async def logged(folder: Path, zego: dict[str, Any], *script: Step) -> list[Any]:
    """Moderate a stream; return the lines of its log."""
    with capture_logs(processors=[merge_contextvars]) as logs:
        async with (
            Consumer() as consumer,
            house(folder, lambda *_: script, live=False, contract=CONTRACT) as made,
        ):
            param = {"tokenId": "t", "testEnv": False, "isMixingEnabled": False, **zego}
            data = {"streamType": "ZEGO", "tokenId": "ann", "returnAllText": 1, "returnFinishInfo": 1}
            body = request(callback=consumer.url, data={**data, "zegoParam": param, "url": None})
            await made.registry.start("audiostream", CONTRACT.accept("1" * 32, "acme", body), limit=0)
            await consumer.wait_for(lambda: bool(notices(consumer)), 20)
    return [each for each in logs if each.get("request_id") == "1" * 32]


async def test_of_one_users_stream_every_line_names_him(tmp_path: Path) -> None:
    lines = await logged(tmp_path, {"streamId": "s-1"}, spoken_window(0))
    told = {each["event"]: each.get("user") for each in lines}
    assert {"stream_started", "window_reported", "stream_ended"} <= told.keys()
    assert set(told.values()) == {"ann"}


@pytest.mark.parametrize("user", ["bob", "a b"])
async def test_of_a_whole_room_a_windows_line_does(tmp_path: Path, user: str) -> None:
    lines = await logged(tmp_path, {"roomId": "r-1"}, voiced_window(0, "ann", 0), voiced_window(1, user, 0))
    reported = [each["user"] for each in lines if each["event"] == "window_reported"]
    assert reported == ["ann", user]
    assert ["user" in each for each in lines if each["event"] == "stream_started"] == [False]
