"""Callbacks as measurements: when a window ended, and when its consumer had the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.audio import WINDOW_S
from tests.support.consumer import Received

SUCCESS = 1100


@dataclass(frozen=True, slots=True)
class Judged:
    """A window that was moderated. Times are seconds since the epoch."""

    stream_id: str
    index: int
    started_at: float
    """Whole seconds: the contract tells no more."""
    begun_at: float
    """When its analysis began, to the millisecond, as is the next one."""
    judged_at: float
    received_at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A window that was called back as not moderated."""

    stream_id: str
    index: int
    received_at: float


@dataclass(frozen=True, slots=True)
class Timed:
    """A moderated window with the moment at which its audio ended, and its latency in parts, in seconds."""

    stream_id: str
    ended_at: float
    wait_s: float
    """Until its analysis began: ingest, and the windows before it."""
    analysis_s: float
    """Speech gate, recognition with its line, verdict, and the clip."""
    delivery_s: float
    """Outbox, and the way to the consumer."""

    @property
    def latency_s(self) -> float:
        """From the window's end to its consumer's receipt."""
        return self.wait_s + self.analysis_s + self.delivery_s


def understood(received: Iterable[Received]) -> tuple[list[Judged], list[Failed]]:
    """Read the windows of callbacks; finish notices are left out."""
    judged: list[Judged] = []
    failed: list[Failed] = []
    for each in received:
        stream_id, _, index = each.body["requestId"].rpartition("_")
        if each.body["code"] != SUCCESS:
            failed.append(Failed(stream_id, int(index), each.at))
        elif (detail := each.body.get("audioDetail")) is not None:
            info = detail["auxInfo"]
            started_at = datetime.strptime(info["audioStartTime"], "%Y-%m-%d %H:%M:%S").astimezone()
            judged.append(
                Judged(
                    stream_id,
                    int(index),
                    started_at.timestamp(),
                    info["beginProcessTime"] / 1000,
                    info["finishProcessTime"] / 1000,
                    each.at,
                )
            )
    return judged, failed


def origins(judged: Iterable[Judged]) -> dict[str, float]:
    """Return when each stream's timeline began, seconds since the epoch.

    The contract tells windows' times in whole seconds, rounded down, so an origin is known within a second.
    A window's analysis never begins before the window has ended, and all windows of a stream lie on one
    grid: the promptest window tells the rest. What this leaves out of a latency is that window's own wait.
    """
    earliest: dict[str, float] = {}
    latest: dict[str, float] = {}
    for each in judged:
        offset_s = each.index * WINDOW_S
        floor = each.started_at - offset_s
        earliest[each.stream_id] = max(floor, earliest.get(each.stream_id, floor))
        bound = min(floor + 1.0, each.begun_at - offset_s - WINDOW_S)
        latest[each.stream_id] = min(bound, latest.get(each.stream_id, bound))
    return {stream_id: max(earliest[stream_id], latest[stream_id]) for stream_id in earliest}


def ended_at_of(window: Judged | Failed, origin_of: Mapping[str, float]) -> float:
    """Return when the window's audio ended; for a stream without an origin, when it was called back."""
    origin = origin_of.get(window.stream_id)
    return window.received_at if origin is None else origin + (window.index + 1) * WINDOW_S


def timed(judged: Iterable[Judged], origin_of: Mapping[str, float]) -> list[Timed]:
    """Give every window its end and the parts of its latency. Only whole windows may be among them."""
    result = []
    for each in judged:
        ended_at = ended_at_of(each, origin_of)
        result.append(
            Timed(
                each.stream_id,
                ended_at,
                each.begun_at - ended_at,
                each.judged_at - each.begun_at,
                each.received_at - each.judged_at,
            )
        )
    return result
