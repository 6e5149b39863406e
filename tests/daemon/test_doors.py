"""How many may be connected to the API, and who has to go."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from daemon.doors import Doors, LimitedSite, most_descriptors
from tests.support.media_server import wait_until

HOST = "127.0.0.1"
LIMIT = 10
PATIENCE_S = 20.0
LOOK_S = 1.0
"""Where newcomers must have said something before anybody is chosen: long even for a machine that is busy."""


@asynccontextmanager
async def serving(doors: Doors) -> AsyncIterator[web.AppRunner]:
    """A server with `/healthz`, and `/slow`, which answers after a minute."""
    app = web.Application(middlewares=[doors.note])

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app.add_routes([web.get("/healthz", health), web.get("/slow", slow)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await LimitedSite(runner, listening(), doors).start()
        yield runner
    finally:
        await runner.cleanup()


@asynccontextmanager
async def api(doors: Doors) -> AsyncIterator[int]:
    """The same; yields its port."""
    async with serving(doors) as runner:
        yield runner.addresses[0][1]


def listening() -> socket.socket:
    return socket.create_server((HOST, 0))


@asynccontextmanager
async def guests(port: int, count: int, said: bytes = b"") -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections, each of which says something and waits."""
    opened = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(HOST, port)
            opened.append((reader, writer))
            writer.write(said)
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def gone(reader: asyncio.StreamReader, within_s: float = PATIENCE_S) -> bool:
    """Say whether the other side closes a connection."""
    try:
        async with asyncio.timeout(within_s):
            return await reader.read() == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def stays(reader: asyncio.StreamReader) -> bool:
    """Say whether the other side keeps a connection for a moment."""
    return not await gone(reader, 0.2)


async def settled(doors: Doors, count: int) -> None:
    await asyncio.to_thread(wait_until, lambda: doors.connections == count, f"{count} connections")


async def test_newcomers_displace_those_who_have_been_idle_longest() -> None:
    doors = Doors(LIMIT, descriptors=1000)
    async with api(doors) as port, guests(port, LIMIT) as old, guests(port, 3 * LIMIT) as new:
        await settled(doors, LIMIT)
        async with ClientSession() as probe, probe.get(f"http://{HOST}:{port}/healthz") as answer:
            assert answer.status == 200
        assert all([await gone(each) for each in old])
        assert await stays(new[-1])


async def test_who_was_answered_lately_stays() -> None:
    doors = Doors(LIMIT, descriptors=1000)
    async with api(doors) as port, ClientSession() as client:
        url = f"http://{HOST}:{port}/healthz"
        async with client.get(url) as answer:
            await answer.read()
            first = answer.connection
        async with guests(port, LIMIT + 5):
            await settled(doors, LIMIT)
            async with client.get(url) as answer:
                assert answer.status == 200
                assert doors.connections == LIMIT, "on the connection of before"
        assert first is None, "it had been given back"


async def test_where_nobody_is_idle_the_oldest_request_goes() -> None:
    doors = Doors(LIMIT, descriptors=1000, look_s=LOOK_S)
    asking = f"GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    async with api(doors) as port, guests(port, LIMIT, asking) as old:
        await settled(doors, LIMIT)
        async with guests(port, 2, asking):
            assert await gone(old[0])
            assert await gone(old[1])
            assert await stays(old[2])
            async with ClientSession() as probe, probe.get(f"http://{HOST}:{port}/healthz") as answer:
                assert answer.status == 200


async def test_an_old_request_goes_before_newer_ones_of_newer_connections() -> None:
    doors = Doors(LIMIT, descriptors=1000, look_s=LOOK_S)
    healthz = f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    slow = healthz.replace(b"healthz", b"slow")
    async with api(doors) as port, guests(port, 1, healthz + slow) as [oldest]:
        await oldest.readuntil(b"ok")
        async with guests(port, LIMIT - 1, slow) as others:
            await settled(doors, LIMIT)
            async with guests(port, 1, slow):
                assert await gone(oldest)
                assert await stays(others[0])


async def test_who_is_connected_after_a_look_is_seen_by_the_next() -> None:
    doors = Doors(LIMIT, descriptors=1000, look_s=LOOK_S)
    async with serving(doors) as runner, guests(runner.addresses[0][1], LIMIT) as old:
        assert runner.server is not None
        await settled(doors, LIMIT)
        async with guests(runner.addresses[0][1], 1) as [newcomer]:
            late = doors.enter(runner.server)
            assert await gone(old[0])
            ours, theirs = socket.socketpair()
            with ours:
                await asyncio.get_running_loop().connect_accepted_socket(lambda: late, theirs)
                assert await gone(old[1])
            assert await stays(newcomer)


@pytest.mark.parametrize(("wanted", "descriptors", "limit"), [(1000, 65536, 1000), (1000, 1024, 256)])
def test_most_descriptors_are_kept_for_streams(wanted: int, descriptors: int, limit: int) -> None:
    assert Doors(wanted, descriptors).limit == limit


def test_the_process_takes_what_the_host_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert most_descriptors() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
