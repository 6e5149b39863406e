"""Real media servers on loopback for tests: RTMP, and HTTP with files, FLV, HLS, stalls and faults."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import imageio_ffmpeg
from aiohttp import web

HOST = "127.0.0.1"
START_TIMEOUT_S = 20.0
END_TIMEOUT_S = 30.0
LOOP_POLL_S = 0.02
ASKED_FOR = range(10_000, 32_768)
"""Ports that Linux gives to nobody who does not ask for one of them: another test's server on port 0, or a
connection, may be given any other in the moment before it is used."""
ESTABLISHED, LISTENING = "01", "0A"
"""States of a connection in /proc/net/tcp."""


def ffmpeg_exe() -> str:
    """Return the path of the ffmpeg binary that comes with the development tools."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago, for programs that must be told one."""
    while True:
        port = secrets.choice(ASKED_FOR)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def reserved_port() -> socket.socket:
    """Return a socket with a port of 127.0.0.1 that the system gives to nobody else while it is open.

    A program that is told the port, and sets SO_REUSEADDR as ffmpeg does, can listen on it all the same.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((HOST, 0))
    return held


def encode(source: Path, target: Path, *options: str) -> Path:
    """Write `source` as `target`; the container and codec follow the options and the suffix."""
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    subprocess.run([*command, "-i", str(source), *options, str(target)], check=True, timeout=60)
    return target


def listens(port: int) -> bool:
    """Say whether some process listens on a port of IPv4, or talks there, without connecting to it.

    Who tries again and again is connected the moment that ffmpeg listens, which then listens no more.
    """
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] in (LISTENING, ESTABLISHED) and int(fields[1].rpartition(":")[2], 16) == port:
            return True
    return False


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Block until `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s} s for {what}")
        time.sleep(LOOP_POLL_S)


class FfmpegProcess:
    """A running ffmpeg that is killed at the end of the `with` block, whatever happens."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        self.kill()
        self._process = subprocess.Popen(
            self._arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process is not None and self._process.poll() is None

    def pause(self) -> None:
        """Freeze it: its sockets stay open and say nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def terminate(self) -> None:
        """Ask it to end in order and wait until it has."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(END_TIMEOUT_S)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


QUIET_CODEC = ("-c:a", "aac", "-b:a", "64k", "-ar", "44100", "-ac", "2")
"""For what is played at once and lasts minutes; see `RtmpServer`."""


class RtmpServer(FfmpegProcess):
    """An RTMP server that plays one file to one client, then ends; `start` makes it serve again.

    With `realtime` it plays as fast as a live stream comes; otherwise as fast as the client takes it. Then
    it must not play more than a megabyte: the client acknowledges the first 1.25, and a server that closes
    without having read that makes the system drop what the client has not taken yet.
    """

    def __init__(
        self, media: Path, *, realtime: bool = False, loop: bool = False, options: Sequence[str] = ()
    ) -> None:
        self._held = reserved_port()
        self.port = int(self._held.getsockname()[1])
        self.url = f"rtmp://{HOST}:{self.port}/live/stream"
        codec = options or ("-c:a", "aac", "-ar", "44100", "-ac", "2")
        super().__init__(
            [
                *(("-re",) if realtime else ()),
                *(("-stream_loop", "-1") if loop else ()),
                *("-i", str(media), *codec),
                *("-f", "flv", "-flvflags", "no_duration_filesize", "-listen", "1", self.url),
            ]
        )

    def start(self) -> None:
        """Start it and wait until it listens."""
        super().start()
        wait_until(lambda: listens(self.port) or not self.running, f"the RTMP server on port {self.port}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._held.close()


def recorded_hls(media: Path, folder: Path, *, segment_s: float = 2.0, encrypted: bool = False) -> Path:
    """Write a finished HLS recording into `folder`, AES-128 encrypted if asked; return the playlist."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-c:a", "aac", "-ar", "44100", "-f", "hls", "-hls_time", str(segment_s)]
    options += ["-hls_playlist_type", "vod"]
    if encrypted:
        key = folder / "key.bin"
        key.write_bytes(bytes(range(16)))
        info = folder / "key.info"
        info.write_text(f"key.bin\n{key}\n000102030405060708090a0b0c0d0e0f\n")
        options += ["-hls_key_info_file", str(info)]
    return encode(media, folder / "recording.m3u8", *options)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Body = Callable[[], AsyncIterator[bytes]]


class HttpServer:
    """An HTTP server in its own thread: files of a folder, and whatever paths a test gives it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.requested: list[str] = []
        """Paths in the order they were asked for."""
        self._handlers: dict[str, Handler] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="media server", daemon=True)
        self._runner: web.AppRunner | None = None
        self.port = 0

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://{HOST}:{self.port}/{path.lstrip('/')}"

    def handle(self, path: str, handler: Handler) -> str:
        """Answer a path with a handler; return its address."""
        self._handlers["/" + path.lstrip("/")] = handler
        return self.url(path)

    def status(self, path: str, status: int, headers: dict[str, str] | None = None) -> str:
        """Answer a path with a status and nothing else; return its address."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers=headers)

        return self.handle(path, answer)

    def content(self, path: str, content: bytes, content_type: str = "application/octet-stream") -> str:
        """Answer a path with bytes of a known length; return its address."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(body=content, content_type=content_type)

        return self.handle(path, answer)

    def stream(self, path: str, body: Body, content_type: str = "video/x-flv") -> str:
        """Answer a path with a chunked body without a length; return its address."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": content_type})
            response.enable_chunked_encoding()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                async for chunk in body():
                    await response.write(chunk)
                await response.write_eof()
            return response

        return self.handle(path, answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requested.append(request.path)
        handler = self._handlers.get(request.path)
        if handler is not None:
            return await handler(request)
        if self.folder is not None:
            file = (self.folder / request.path.lstrip("/")).resolve()
            if file.is_relative_to(self.folder.resolve()) and file.is_file():
                return web.FileResponse(file)
        return web.Response(status=404)

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        # Handlers that hang on purpose.
        hanging = asyncio.all_tasks() - {asyncio.current_task()}
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(START_TIMEOUT_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)
        self._loop.close()


class SilentServer:
    """A TCP server that takes connections and never says a word: for hand-shakes that hang."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind((HOST, 0))
        self._socket.listen(8)
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def flv(media: Path, *options: str) -> bytes:
    """Return a file as FLV with AAC (or what the options say), made to be played from its beginning on."""
    codec = options or ("-c:a", "aac", "-ar", "44100", "-ac", "2")
    with tempfile.TemporaryDirectory() as folder:
        target = encode(media, Path(folder) / "media.flv", *codec, "-flvflags", "no_duration_filesize")
        return target.read_bytes()


def paced(content: bytes, seconds: float, *, then_hang: bool = False, chunks_per_s: int = 20) -> Body:
    """Make a body that sends `content` evenly over `seconds`, then ends, or says nothing for ever."""

    async def body() -> AsyncIterator[bytes]:
        count = max(1, round(seconds * chunks_per_s))
        size = max(1, -(-len(content) // count))
        for start in range(0, len(content), size):
            yield content[start : start + size]
            await asyncio.sleep(1 / chunks_per_s if seconds > 0 else 0)
        if then_hang:
            await asyncio.sleep(3600)

    return body
