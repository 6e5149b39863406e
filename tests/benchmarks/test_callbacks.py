"""Latency as it is read out of callbacks."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest

from benchmarks.callbacks import ended_at_of, origins, timed, understood
from pipeline.audio import WINDOW_S
from tests.support.consumer import Received

ORIGIN = 1_700_000_000.64


def local(epoch_s: float) -> str:
    return datetime.fromtimestamp(math.floor(epoch_s)).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def callback(index: int, *, wait_s: float, analysis_s: float = 0.5, delivery_s: float = 0.1) -> Received:
    """A callback as the contract writes it: windows' times in whole seconds, analysis in milliseconds."""
    started_at = ORIGIN + index * WINDOW_S
    begun_at = started_at + WINDOW_S + wait_s
    info = {
        "audioStartTime": local(started_at),
        "beginProcessTime": round(begun_at * 1000),
        "finishProcessTime": round((begun_at + analysis_s) * 1000),
    }
    body: dict[str, Any] = {"requestId": f"a_b_{index}", "code": 1100, "audioDetail": {"auxInfo": info}}
    return Received(begun_at + analysis_s + delivery_s, body, 200)


def test_a_latency_is_told_in_its_parts() -> None:
    judged, failed = understood([callback(0, wait_s=0.0), callback(1, wait_s=1.5)])
    windows = timed(judged, origins(judged))
    assert not failed
    assert [each.stream_id for each in windows] == ["a_b", "a_b"]
    assert windows[1].ended_at == pytest.approx(ORIGIN + 2 * WINDOW_S, abs=0.002)
    assert windows[1].wait_s == pytest.approx(1.5, abs=0.002)
    assert windows[1].analysis_s == pytest.approx(0.5, abs=0.002)
    assert windows[1].delivery_s == pytest.approx(0.1, abs=0.002)
    assert windows[1].latency_s == pytest.approx(2.1, abs=0.002)


def test_the_promptest_window_tells_the_fraction_of_a_second() -> None:
    judged, _ = understood([callback(n, wait_s=wait_s) for n, wait_s in enumerate((0.3, 0.02, 0.2))])
    assert origins(judged)["a_b"] == pytest.approx(ORIGIN + 0.02, abs=0.002)


def test_windows_that_all_waited_cost_no_more_than_the_contracts_second() -> None:
    judged, _ = understood([callback(n, wait_s=5.0) for n in range(3)])
    assert ORIGIN <= origins(judged)["a_b"] <= math.floor(ORIGIN) + 1.0


def test_windows_not_moderated_are_apart_and_have_an_end_too() -> None:
    lost = Received(ORIGIN + 28.0, {"requestId": "a_b_1", "code": 1903, "message": "overload"}, 200)
    judged, failed = understood([callback(0, wait_s=0.0), lost])
    assert len(judged) == len(failed) == 1
    assert ended_at_of(failed[0], origins(judged)) == pytest.approx(ORIGIN + 20.0, abs=0.002)
    assert ended_at_of(failed[0], {}) == lost.at


def test_finish_notices_are_no_windows() -> None:
    notice = Received(ORIGIN, {"requestId": "a_b_7", "code": 1100, "statCode": 1, "auxInfo": {}}, 200)
    assert understood([notice]) == ([], [])
