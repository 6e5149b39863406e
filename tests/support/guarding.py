"""What the tests of the guard share: guards, whole bodies, refusals, a server of raw bytes."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.network.bodies import Body
from pipeline.network.fetch import GuardedOpener
from pipeline.source import SourceError

QUICK = NetworkSettings(connect_timeout_s=5.0, read_timeout_s=5.0)
IMPATIENT = NetworkSettings(connect_timeout_s=1.0, read_timeout_s=1.0)
"""For what never comes; what does come must be there so soon, on a machine that is busy, too."""
PATIENT = NetworkSettings(connect_timeout_s=60, read_timeout_s=60)
MEDIA = bytes(range(256)) * 1000
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\none.ts\n"


def guard(network: NetworkSettings = QUICK, **names: str) -> GuardedOpener:
    """Make a guard to whom this machine is allowed and, if given, all names are known."""
    return GuardedOpener(AddressPolicy(True, resolver=lambda *_: list(names.values())), network)


def whole(body: Body) -> bytes:
    content = b""
    while piece := body.read(32768):
        content += piece
    body.close()
    return content


def refusal(act: Callable[[], object]) -> SourceError:
    with pytest.raises(SourceError) as caught:
        act()
    assert "geheim" not in str(caught.value), "no path or query is told"
    return caught.value


@contextmanager
def raw_server(answer: bytes, *, drip_s: float = 0.0) -> Iterator[int]:
    """Answer each connection with bytes, one at a time when they drip, then keep it open."""
    listener = socket.create_server(("127.0.0.1", 0))
    ending = threading.Event()

    def serve() -> None:
        taken = []
        while not ending.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                break
            taken.append(connection)
            connection.recv(65536)
            for piece in (bytes([byte]) for byte in answer) if drip_s else [answer]:
                try:
                    connection.sendall(piece)
                except OSError:
                    break
                if ending.wait(drip_s):
                    break
        for connection in taken:
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        ending.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def endless(start: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def body() -> AsyncIterator[bytes]:
        yield start
        while True:
            yield bytes(65536)
            await asyncio.sleep(0)

    return body
