"""A connection to a channel of the fake cloud, played by a thread from the channel's script.

A script has `token` (the right one; absent: any), `connect_s`, `connect_status` (what `connect` returns),
`users` ({"11": {"wav": file, "from_s": 0, "joins_s": 0, "leaves_s": 9, "muted": [[1, 2]]}}), `calls`
([[at_s, "on_connection_lost", [arguments behind the first]]]) and `rate_hz` (other audio than was asked for).
"""

from __future__ import annotations

import json
import threading
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agora.rtc.agora_base import AudioFrame

FRAME_S = 0.01
INVALID_TOKEN, JOINED, LEFT = 8, 1, 5


@dataclass
class User:
    name: str
    pcm: bytes
    from_s: float
    joins_s: float
    leaves_s: float
    muted: list[list[float]]
    subscribed: bool
    present: bool = False

    def frame_at(self, at_s: float, size: int) -> bytes | None:
        """Return what the user sends; None when he is muted, has nothing to send, or is not there."""
        begin = round((at_s - self.from_s) / FRAME_S) * size
        muted = any(first <= at_s < last for first, last in self.muted)
        if not self.present or muted or begin < 0 or begin + size > len(self.pcm):
            return None
        return self.pcm[begin : begin + size]


class LocalUser:
    def __init__(self, connection: RTCConnection) -> None:
        self.connection = connection
        self.mixed_hz = self.single_hz = 48_000

    def set_playback_audio_frame_parameters(
        self, channels: int, sample_rate_hz: int, mode: int, samples_per_call: int
    ) -> int:
        self.connection.check()
        assert (channels, mode, samples_per_call) == (1, 0, sample_rate_hz // 100)
        assert self.connection.audio is None, "to be set before the observer is registered"
        self.mixed_hz = sample_rate_hz
        return 0

    def set_playback_audio_frame_before_mixing_parameters(self, channels: int, sample_rate_hz: int) -> int:
        self.connection.check()
        assert channels == 1
        assert self.connection.audio is None, "to be set before the observer is registered"
        self.single_hz = sample_rate_hz
        return 0

    def subscribe_audio(self, user_id: str) -> int:
        self.connection.check()
        user = self.connection.users.get(user_id)
        if user is None or not user.present:
            return -2
        user.subscribed = True
        return 0


class RTCConnection:
    def __init__(self, service: Any, con_config: Any, publish_config: Any) -> None:
        assert not publish_config.is_publish_audio
        self._folder = Path(service.appid)
        self._config = con_config
        self._observer: Any = None
        self.audio: Any = None
        self.users: dict[str, User] = {}
        self.local_user: LocalUser | None = LocalUser(self)
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._script: dict[str, Any] = {}

    def check(self) -> None:
        """Nothing may be called from a callback: the library would wait for itself."""
        assert threading.current_thread() is not self._thread, "called from a callback"

    def get_local_user(self) -> LocalUser | None:
        return self.local_user

    def register_observer(self, conn_observer: Any) -> int:
        self._observer = conn_observer
        return 0

    def register_audio_frame_observer(self, observer: Any, enable_vad: int, vad_configure: Any) -> int:
        assert (enable_vad, vad_configure) == (0, None)
        self.audio = observer
        return 0

    def connect(self, token: str, chan_id: str, user_id: str) -> int:
        self.check()
        assert user_id.isdecimal()
        self._script = json.loads((self._folder / f"{chan_id}.json").read_text(encoding="utf-8"))
        if self._script.get("connect_status"):
            return int(self._script["connect_status"])
        for name, each in self._script.get("users", {}).items():
            with wave.open(str(self._folder / each["wav"])) as media:
                pcm = media.readframes(media.getnframes())
            self.users[name] = User(
                name, pcm, each.get("from_s", 0.0), each.get("joins_s", 0.0), each.get("leaves_s", 1e9),
                each.get("muted", []), subscribed=bool(self._config.auto_subscribe_audio),
            )  # fmt: skip
        self._thread = threading.Thread(target=self._play, args=(token,), name="agora", daemon=True)
        self._thread.start()
        return 0

    def disconnect(self) -> int:
        self.check()
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._observer.on_disconnected(self, None, LEFT)
        return 0

    def release(self) -> None:
        self.check()
        self.local_user = None

    def _play(self, token: str) -> None:
        self._observer.on_connecting(self, None, 0)
        if self._ended.wait(self._script.get("connect_s", 0.05)):
            return
        if self._script.get("token", token) != token:
            self._observer.on_connection_failure(self, None, INVALID_TOKEN)
            return
        self._observer.on_connected(self, None, JOINED)
        calls = sorted(self._script.get("calls", []))
        began = time.monotonic()
        frame = 0
        while not self._ended.wait(max(0.0, began + frame * FRAME_S - time.monotonic())):
            at_s = frame * FRAME_S
            while calls and calls[0][0] <= at_s:
                _, name, arguments = calls.pop(0)
                getattr(self._observer, name)(self, *arguments)
            self._move(at_s)
            self._sound(at_s)
            frame += 1

    def _move(self, at_s: float) -> None:
        for user in self.users.values():
            inside = user.joins_s <= at_s < user.leaves_s
            if inside and not user.present:
                user.present = True
                self._observer.on_user_joined(self, user.name)
                self._observer.on_user_network_quality(self, user.name, 1, 1)
            elif user.present and not inside:
                user.present = False
                self._observer.on_user_left(self, user.name, 0)

    def _sound(self, at_s: float) -> None:
        """Give the mix all the time, where playback is on, and each subscribed user's audio as it comes."""
        assert self.local_user is not None
        position = self.audio.on_get_audio_frame_position(self.local_user)
        sent = {
            user.name: pcm
            for user in self.users.values()
            if user.subscribed and (pcm := user.frame_at(at_s, 320)) is not None
        }
        if position & 8:
            for name, pcm in sent.items():
                frame = self._frame(pcm, self.local_user.single_hz)
                self.audio.on_playback_audio_frame_before_mixing(self.local_user, "c", name, frame, -1, None)
        if position & 1 and self._config.enable_audio_recording_or_playout:
            frame = self._frame(_mixed(list(sent.values())), self.local_user.mixed_hz)
            self.audio.on_playback_audio_frame(self.local_user, "c", frame)

    def _frame(self, pcm: bytes, rate_hz: int) -> AudioFrame:
        rate_hz = self._script.get("rate_hz", rate_hz)
        return AudioFrame(
            samples_per_channel=len(pcm) // 2, bytes_per_sample=2, channels=1, samples_per_sec=rate_hz,
            buffer=bytearray(pcm),
        )  # fmt: skip


def _mixed(parts: list[bytes]) -> bytes:
    """Add up 10 ms each; silence when nobody speaks."""
    total = [0] * 160
    for part in parts:
        for place, sample in enumerate(memoryview(part).cast("h")):
            total[place] = max(-32768, min(32767, total[place] + sample))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in total)
