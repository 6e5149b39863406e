"""A room whose users are moderated one by one, in the registry: its callbacks, its count, its load."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from config.taxonomy import load_taxonomy
from daemon.contracts.audiostream.contract import AudioStreamCall, AudioStreamContract
from daemon.registry import CapacityError
from pipeline.audio import Loss, LostWindow
from pipeline.report import StreamSpec
from pipeline.source import Position
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import house, indices, notices
from tests.support.accounts import account
from tests.support.consumer import Consumer
from tests.support.streams import Step, voiced_window

pytestmark = pytest.mark.usefixtures("nothing_blocks")

CONTRACT = AudioStreamContract(load_taxonomy(), [account(callback_shape="flat")], agora_sdk=True)
NESTED = AudioStreamContract(load_taxonomy(), [account()], agora_sdk=True)
USERS = ("11", "22", "33")


def call(consumer: Consumer, number: int = 1, contract: AudioStreamContract = NESTED) -> AudioStreamCall:
    agora = {"appId": "a", "channel": f"c{number}", "isMixingEnabled": False}
    body = request(
        callback=consumer.url,
        data={
            "url": ..., "streamType": "AGORA", "agoraParam": agora, "returnAllText": 1, "returnFinishInfo": 1,
        },
    )  # fmt: skip
    return contract.accept(f"{number:032d}", "acme", body)


def talk(_: StreamSpec, position: Position) -> Sequence[Step]:
    """Three users have a window each, then nothing comes."""
    first = position.next_index
    windows = [voiced_window(first + number, user, first) for number, user in enumerate(USERS)]
    return [*windows, 60.0]


def users(consumer: Consumer) -> list[Any]:
    details = [body["audioDetail"] for body in consumer.taken if body.get("statCode") == 0]
    return [detail["auxInfo"].get("userId") for detail in details]


async def test_a_room_goes_on_counting_after_a_restart(tmp_path: Path) -> None:
    async with Consumer() as consumer:
        async with house(tmp_path, talk, contract=NESTED) as made:
            await made.registry.start("audiostream", call(consumer), limit=9)
            await consumer.wait_for(lambda: len(indices(consumer)) == 3, 20)
        async with house(tmp_path, talk, contract=NESTED) as made:
            await consumer.wait_for(lambda: len(indices(consumer)) == 6, 20)
            assert made.opened == [Position(1000.0, 3)]
            assert await made.registry.finish("acme", call(consumer).spec.stream_id)
            await consumer.wait_for(lambda: bool(notices(consumer)), 20)
    assert indices(consumer) == [0, 1, 2, 3, 4, 5]
    assert users(consumer) == [11, 22, 33] * 2
    assert notices(consumer)[0]["requestId"].endswith("_6")
    assert consumer.sequence == list(range(1, 8))


async def test_each_user_who_is_heard_takes_the_room_of_a_stream(tmp_path: Path) -> None:
    """Two workers at 5 s a window read four in ten seconds; 0.8 of that are three voices."""
    async with Consumer() as consumer, house(tmp_path, talk, cost_s=5.0, contract=NESTED) as made:
        await made.registry.start("audiostream", call(consumer, 1), limit=9)
        await consumer.wait_for(lambda: len(indices(consumer)) == 3, 20)
        with pytest.raises(CapacityError, match="3 of 3 streams"):
            await made.registry.start("audiostream", call(consumer, 2), limit=9)


async def test_the_older_shape_names_the_user_too(tmp_path: Path) -> None:
    async with Consumer() as consumer, house(tmp_path, talk, contract=CONTRACT) as made:
        await made.registry.start("audiostream", call(consumer, 1, CONTRACT), limit=9)
        await consumer.wait_for(lambda: len(indices(consumer)) == 3, 20)
    assert [body["riskDetail"]["userId"] for body in consumer.taken if body.get("statCode") == 0] == [
        11,
        22,
        33,
    ]


async def test_a_user_too_many_is_told_and_no_sign_of_overload(tmp_path: Path) -> None:
    def crowded(_: StreamSpec, position: Position) -> Sequence[Step]:
        surplus = LostWindow(1, 1000.0, 0.0, "44", 0, loss=Loss.SURPLUS)
        return [voiced_window(0, "11", 0), surplus, 60.0]

    async with Consumer() as consumer, house(tmp_path, crowded, cost_s=0.1, contract=NESTED) as made:
        await made.registry.start("audiostream", call(consumer, 1), limit=9)
        await consumer.wait_for(lambda: any(body["code"] == 1903 for body in consumer.taken), 20)
        (lost,) = (body for body in consumer.taken if body["code"] == 1903)
        assert lost.keys() == {"requestId", "code", "message", "audioDetail"}
        assert lost["audioDetail"] == {"auxInfo": {"userId": 44}}
        assert lost["requestId"].endswith("_1")
        assert "发言用户超过上限" in lost["message"]
        await made.registry.start("audiostream", call(consumer, 2), limit=9)
