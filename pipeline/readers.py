"""The readers that there are: one for addresses of strangers, one for files of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from config.settings import NetworkSettings
from pipeline.media_reader import MediaReader
from pipeline.network.addresses import AddressPolicy
from pipeline.network.fetch import GuardedOpener
from pipeline.network.parts import Parts
from pipeline.network.rtmp import pin_rtmp
from pipeline.network.wire import Cancellation
from pipeline.reading import Opening
from pipeline.source import SourceError, SourceFault

FORMATS = "hls,mpegts,aac,ac3,eac3,mp3,mov,mp4,flv,live_flv,matroska,webm,ogg,wav,flac,aiff,amr,webvtt"
"""The containers that FFmpeg may take data for."""


class FileReader(MediaReader):
    """Reads a file of this machine: for the command line only, never for an address that a stranger gave."""

    def __init__(self, path: Path, on_bad_packet: Callable[[int], None]) -> None:
        super().__init__(on_bad_packet)
        self._path = path

    def _address(self) -> Opening:
        # The prefix keeps a name such as "concat:x" or "http://x" a file name.
        options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        return Opening(f"file:{self._path.absolute()}", options)

    def failure(self, error: Exception) -> SourceError:
        """Say what an error means; trying again never helps."""
        if not isinstance(error, OSError):
            failure = super().failure(error)
        elif isinstance(error, FileNotFoundError):
            failure = SourceError(SourceFault.CANNOT_OPEN, "there is no such file")
        elif isinstance(error, IsADirectoryError):
            failure = SourceError(SourceFault.CANNOT_OPEN, "it is a folder, not a recording")
        elif isinstance(error, PermissionError):
            failure = SourceError(SourceFault.CANNOT_OPEN, "it may not be read: permission denied")
        else:
            failure = SourceError(SourceFault.CANNOT_OPEN, "it cannot be read")
        failure.retryable = False
        return failure


class UrlReader(MediaReader):
    """Reads an rtmp, rtmps, http or https address, as far as the address policy allows."""

    def __init__(
        self, url: str, policy: AddressPolicy, network: NetworkSettings, on_bad_packet: Callable[[int], None]
    ) -> None:
        super().__init__(on_bad_packet)
        self._url = url
        self._policy = policy
        self._network = network
        self._rtmp = url[:4].lower() == "rtmp"
        self._lookup = Cancellation()
        self._guard: GuardedOpener | None = None
        self._parts: Parts | None = None

    @property
    def live(self) -> bool:
        """RTMP is live; HLS without its end mark; anything else over HTTP that has no length."""
        if self._rtmp:
            return True
        if self._guard is None or not self.progress.format:
            return False
        if self.progress.format == "hls":
            return not self._guard.saw_endlist
        return self._guard.length is None

    @property
    def bursts(self) -> bool:
        """HLS arrives a segment at a time."""
        return self.progress.format == "hls"

    @property
    def patient(self) -> bool:
        """RTMP servers that close a connection with our messages unread make the system drop theirs, too."""
        return not self._rtmp

    def cancel(self) -> None:
        """Make `blocks` end within moments, whatever it waits for. Safe to call twice."""
        super().cancel()
        self._lookup.cancel()
        if self._guard is not None:
            self._guard.cancel()

    def _address(self) -> Opening:
        options = {
            # By default FFmpeg listens to five seconds of an audio-only stream before it gives any out.
            "analyzeduration": "500000",
            "format_whitelist": FORMATS,
        }
        if self._rtmp:
            url, pinned = pin_rtmp(self._url, self._policy, self._network, self._lookup)
            # Never "timeout" here: to FFmpeg's RTMP that means to listen for a client.
            options |= {"protocol_whitelist": "rtmp,rtmps,tcp,tls", **pinned}
            options["rw_timeout"] = str(round(self._network.read_timeout_s * 1e6))
            return Opening(url, options)
        options |= {
            "protocol_whitelist": "http,https,tcp,tls,crypto",
            "http_persistent": "0",
            "extension_picky": "0",
            # A live playlist that stops changing is a stall, for the reader's owner to judge, not an end.
            "max_reload": "100000",
            "m3u8_hold_counters": "100000",
        }
        parts = self._guarded()
        # FFmpeg believes that something is a playlist only if its name ends so, or the Content-Type says it,
        # which it does not learn from us.
        return Opening(self._url, options, parts, "hls" if parts.begin(self._url) else None)

    def _guarded(self) -> Parts:
        # Made here, in the reader's thread, because it reads the trusted authorities from the disk.
        self._guard = GuardedOpener(self._policy, self._network)
        self._parts = Parts(
            self._guard, self.give_up, lambda: self.progress.opened_at is not None, self._renew
        )
        if self.cancelled:
            self._guard.cancel()
        return self._parts

    @property
    def _seekable(self) -> bool:
        return self.progress.format == "hls"

    def _leave(self) -> None:
        if self._guard is not None:
            self._guard.cancel()

    def _close(self) -> None:
        if self._parts is not None:
            self._parts.close()

    def _broken(self) -> Exception | None:
        return self._parts.failure if self._parts is not None else None

    def failure(self, error: Exception) -> SourceError:
        """Say what an error means: what the guard says is the cause of what FFmpeg makes of it."""
        return super().failure(self._broken() or error)
