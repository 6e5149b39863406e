"""Joins AGORA channels by the vendor's server SDK (`agora-python-server-sdk`): its only door.

Facts are those of the SDK's own source and notes (2.4.10): one service in a process, with one application id;
callbacks come from its threads, may copy data, and may call nothing of the SDK. Its import loads a native
library that the package itself fetches, and switches certificate checks of `urllib` off in the whole process:
so it is imported in a process of its own, and only when that library is there already.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from pipeline.audio import SAMPLE_RATE_HZ
from pipeline.rooms.channel import Channel, Listener, Membership, Wanted
from pipeline.source import SourceError, SourceFault

log = structlog.get_logger()

NATIVE_LIBRARY = Path("agora_sdk", "libagora_rtc_sdk.so")
"""Within the package, once the package has fetched it."""
LIBRARY_PATH = "LD_LIBRARY_PATH"
CALL_SAMPLES = SAMPLE_RATE_HZ // 100
"""10 ms of a mix at a time, as the SDK gives single users' audio."""
READ_ONLY = 0
PLAYBACK, BEFORE_MIXING = 1, 8
"""Bits of `AudioFramePosition`: the mix, and every user by himself."""

TOKEN_EXPIRED = 9
_AGAIN, _FOR_GOOD = True, False
REASONS = {
    3: (SourceFault.CANNOT_OPEN, "we were banned from the channel", _FOR_GOOD),
    4: (SourceFault.CANNOT_OPEN, "the channel could not be joined", _AGAIN),
    6: (SourceFault.NOT_AUTHORISED, "the application id is not valid", _FOR_GOOD),
    7: (SourceFault.NO_SUCH_STREAM, "the channel's name is not valid", _FOR_GOOD),
    8: (SourceFault.NOT_AUTHORISED, "the token is not valid", _FOR_GOOD),
    TOKEN_EXPIRED: (SourceFault.NOT_AUTHORISED, "the token has expired", _FOR_GOOD),
    10: (SourceFault.CANNOT_OPEN, "the server rejected us", _AGAIN),
    19: (SourceFault.CANNOT_OPEN, "our uid is in the channel already", _FOR_GOOD),
}
"""Of CONNECTION_CHANGED_REASON_TYPE; with any other one the connection may come back."""
ERRORS = {101: 6, 102: 7, 109: TOKEN_EXPIRED, 110: 8}
"""Error codes that mean one of these reasons."""

_service: tuple[str, Any] | None = None
_lock = threading.Lock()


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a process of the SDK needs in its environment, where its libraries look for each other.

    Empty when the SDK cannot be used here: the package or its native library is missing. Imports nothing of
    it; looks at files.
    """
    folder = _library_folder()
    if folder is None:
        return {}
    paths = filter(None, (str(folder), environ.get(LIBRARY_PATH)))
    return {LIBRARY_PATH: os.pathsep.join(paths)}


def _library_folder() -> Path | None:
    spec = importlib.util.find_spec("agora")
    for folder in map(Path, spec.submodule_search_locations or () if spec is not None else ()):
        if (folder / "rtc" / "agora_service.py").is_file() and (folder / NATIVE_LIBRARY).is_file():
            return (folder / NATIVE_LIBRARY).parent
    return None


def join(channel: Channel, listener: Listener) -> Membership:
    """Begin to join a channel (a `Join`); blocking, seconds the first time. Raises SourceError."""
    sdk = _load()
    base, service = sdk.base, _service_of(sdk, channel.app_id)
    everybody = channel.mixed or channel.wanted is Wanted.ALL
    connection = service.create_rtc_connection(
        base.RTCConnConfig(
            auto_subscribe_audio=int(everybody),
            auto_subscribe_video=0,
            enable_audio_recording_or_playout=int(channel.mixed),
            client_role_type=base.ClientRoleType.CLIENT_ROLE_AUDIENCE,
            channel_profile=base.ChannelProfileType(int(channel.broadcast)),
        ),
        base.RtcConnectionPublishConfig(
            audio_scenario=base.AudioScenarioType.AUDIO_SCENARIO_DEFAULT, is_publish_audio=False
        ),
    )
    if connection is None or connection.local_user is None:
        raise SourceError(SourceFault.CANNOT_OPEN, "the SDK gave no connection")
    membership = AgoraMembership(connection, everybody=everybody)
    try:
        _begin(sdk, connection, channel, listener)
    except BaseException:
        membership.leave()
        raise
    return membership


@dataclass(frozen=True, slots=True)
class _Sdk:
    """What is used of the SDK."""

    base: Any
    service: Any
    audio_observer: type
    connection_observer: type


def _load() -> _Sdk:
    """Import the SDK, whatever its import does. Raises SourceError."""
    try:
        from agora.rtc import agora_base
        from agora.rtc.agora_service import AgoraService
        from agora.rtc.audio_frame_observer import IAudioFrameObserver
        from agora.rtc.rtc_connection_observer import IRTCConnectionObserver
    except (Exception, SystemExit) as error:
        # It ends the process when its library is not where it expects it.
        log.exception("agora_sdk_not_loaded")
        reason = f"the SDK cannot be loaded: {type(error).__name__}"
        raise SourceError(SourceFault.CANNOT_OPEN, reason, retryable=False) from None
    return _Sdk(agora_base, AgoraService, IAudioFrameObserver, IRTCConnectionObserver)


def _begin(sdk: _Sdk, connection: Any, channel: Channel, listener: Listener) -> None:
    # The SDK calls whatever its interfaces name: theirs do nothing.
    connection_observer = type("ConnectionObserver", (_ConnectionEars, sdk.connection_observer), {})
    audio_observer = type("AudioObserver", (_AudioEars, sdk.audio_observer), {})
    connection.register_observer(connection_observer(listener))
    user = connection.get_local_user()
    # Before the observer is registered: the SDK asks for that order.
    if channel.mixed:
        user.set_playback_audio_frame_parameters(1, SAMPLE_RATE_HZ, READ_ONLY, CALL_SAMPLES)
    else:
        user.set_playback_audio_frame_before_mixing_parameters(1, SAMPLE_RATE_HZ)
    connection.register_audio_frame_observer(audio_observer(listener, mixed=channel.mixed), 0, None)
    status = connection.connect(channel.token, channel.name, str(channel.uid))
    if status != 0:
        raise _error_of(ERRORS.get(abs(status), status))


def _service_of(sdk: _Sdk, app_id: str) -> Any:
    """Return the process's one service, made with the first channel. Raises SourceError."""
    global _service  # noqa: PLW0603 - the SDK allows one in a process
    with _lock:
        if _service is None:
            service = sdk.service()
            scenario = sdk.base.AudioScenarioType.AUDIO_SCENARIO_DEFAULT
            config = sdk.base.AgoraServiceConfig(appid=app_id, enable_video=0, audio_scenario=scenario)
            status = service.initialize(config)
            if status != 0:
                raise SourceError(SourceFault.CANNOT_OPEN, f"the SDK could not be started: {status}")
            _service = (app_id, service)
        if _service[0] != app_id:
            raise SourceError(SourceFault.CANNOT_OPEN, "this process serves another application id")
        return _service[1]


def _error_of(reason: int) -> SourceError:
    """Say why we are out of a channel."""
    fault, text, again = REASONS.get(
        reason, (SourceFault.CANNOT_OPEN, f"the connection to the channel ended: {reason}", _AGAIN)
    )
    return SourceError(fault, text, retryable=again)


class AgoraMembership:
    """A connection of the SDK (a `Membership`)."""

    def __init__(self, connection: Any, *, everybody: bool) -> None:
        self._connection = connection
        self._everybody = everybody
        self._lock = threading.Lock()

    def subscribe(self, user: str) -> None:
        """Listen to a user, where the channel was not joined to listen to all."""
        with self._lock:
            if self._everybody or self._connection is None:
                return
            status = self._connection.get_local_user().subscribe_audio(user)
        if status != 0:
            log.warning("agora_user_not_subscribed", user=user, status=status)

    def leave(self) -> None:
        """Leave; nothing is told any more once this returns."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.disconnect()
                connection.release()


class _ConnectionEars:
    """What becomes of the connection: those calls of the SDK's `IRTCConnectionObserver` that matter here."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def on_connected(self, connection: Any, info: Any, reason: int) -> None:
        self._listener.connected()

    def on_reconnected(self, connection: Any, info: Any, reason: int) -> None:
        self._listener.connected()

    def on_reconnecting(self, connection: Any, info: Any, reason: int) -> None:
        self._listener.interrupted()

    def on_connection_lost(self, connection: Any, info: Any) -> None:
        self._listener.interrupted()

    def on_disconnected(self, connection: Any, info: Any, reason: int) -> None:
        self._out(reason)

    def on_connection_failure(self, connection: Any, info: Any, reason: int) -> None:
        self._out(reason)

    def on_token_privilege_did_expire(self, connection: Any) -> None:
        self._out(TOKEN_EXPIRED)

    def on_connection_license_validation_failure(self, connection: Any, reason: int) -> None:
        text = "the application has no licence for the SDK"
        self._listener.failed(SourceError(SourceFault.NOT_AUTHORISED, text, retryable=False))

    def on_error(self, connection: Any, code: int, text: str) -> None:
        if abs(code) in ERRORS:
            self._out(ERRORS[abs(code)])

    def on_user_joined(self, connection: Any, user: str) -> None:
        self._listener.joined(user)

    def on_user_left(self, connection: Any, user: str, reason: int) -> None:
        self._listener.left(user)

    def _out(self, reason: int) -> None:
        self._listener.failed(_error_of(reason))


class _AudioEars:
    """Those calls of the SDK's `IAudioFrameObserver` that bring other people's audio; 1 as there."""

    def __init__(self, listener: Listener, *, mixed: bool) -> None:
        self._listener = listener
        self._mixed = mixed

    def on_get_audio_frame_position(self, local_user: Any) -> int:
        return PLAYBACK if self._mixed else BEFORE_MIXING

    def on_playback_audio_frame(self, local_user: Any, channel: str, frame: Any) -> int:
        if self._mixed:
            self._hear(None, frame)
        return 1

    def on_playback_audio_frame_before_mixing(
        self, local_user: Any, channel: str, user: str, frame: Any, vad_state: int, vad_data: Any
    ) -> int:
        if not self._mixed:
            self._hear(user, frame)
        return 1

    def _hear(self, user: str | None, frame: Any) -> None:
        if (frame.samples_per_sec, frame.channels, frame.bytes_per_sample) == (SAMPLE_RATE_HZ, 1, 2):
            self._listener.heard(user, bytes(frame.buffer))
        else:
            text = "the SDK gives other audio than it was asked for"
            self._listener.failed(SourceError(SourceFault.INVALID_DATA, text, retryable=False))
