"""Who is connected to the API: how many there may be, and whom a newcomer displaces."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from functools import partial

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

log = structlog.get_logger()

MIN_DESCRIPTORS = 4096
"""A stream takes about four: its socket, a clip, and what FFmpeg opens."""
ENOUGH_DESCRIPTORS = 65_536
"""Where the host has no limit."""
API_SHARE = 4
"""Connections to the API may take one in so many descriptors; the rest is for streams and callbacks."""
LOOK_S = 0.02
"""How long newcomers have to say something before those who must go are chosen."""
TELL_EVERY_S = 60.0


def most_descriptors() -> int:
    """Allow this process and its children as many descriptors as the host lets it; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, ENOUGH_DESCRIPTORS)
    if soft not in (hard, resource.RLIM_INFINITY):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < MIN_DESCRIPTORS:
        hint = f"about {hard // 4} streams: raise `ulimit -n` or LimitNOFILE"
        log.warning("few_descriptors", limit=hard, hint=hint)
    return hard


class Doors:
    """Keeps the connections to an HTTP server below a limit.

    Newcomers get in, so that probes do. Beyond the limit those are closed that have asked for nothing yet,
    then those that have been idle longest, then those whose request has taken longest: a newcomer that says
    nothing within LOOK_S may be among them while all others have been answered.
    """

    def __init__(self, max_connections: int, descriptors: int, *, look_s: float = LOOK_S) -> None:
        self.limit = max(1, min(max_connections, descriptors // API_SHARE))
        self._look_s = look_s
        self._server: web.Server | None = None
        self._busy: set[object] = set()
        self._used_at: dict[object, float] = {}
        """When its last request began, or was answered; who has asked nothing yet is not in it."""
        self._looking = False
        self._joined = False
        """Whether somebody came since the next look was planned: he may be connected after it."""
        self._closed = 0
        self._told_at = 0.0

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._server.connections) if self._server is not None else 0

    def enter(self, server: web.Server) -> RequestHandler:
        """Make what speaks with a newcomer to `server`."""
        self._server = server
        if self._looking:
            self._joined = True
        else:
            self._plan_look()
        return server()

    def _plan_look(self) -> None:
        """Look a little later, because a newcomer counts only once it is connected."""
        self._looking, self._joined = True, False
        asyncio.get_running_loop().call_later(self._look_s, self._look)

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Take note of who is busy; a middleware."""
        connection = request.protocol
        self._busy.add(connection)
        self._used_at[connection] = time.monotonic()
        try:
            return await handler(request)
        finally:
            self._busy.discard(connection)
            self._used_at[connection] = time.monotonic()

    def _look(self) -> None:
        self._looking = False
        if self._joined:
            self._plan_look()
        self._keep_limit()

    def _keep_limit(self) -> None:
        if self._server is None:
            return
        connections = self._server.connections  # those that came first are first
        if len(self._used_at) > self.limit:
            known = set(connections)
            self._used_at = {each: at for each, at in self._used_at.items() if each in known}
        surplus = len(connections) - self.limit
        if surplus <= 0:
            return
        connections.sort(key=lambda each: (each in self._busy, self._used_at.get(each, 0.0)))
        for connection in connections[:surplus]:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()
        self._closed += surplus
        if time.monotonic() - self._told_at > TELL_EVERY_S:
            self._told_at = time.monotonic()
            log.warning("too_many_connections", limit=self.limit, closed=self._closed)


class LimitedSite(web.BaseSite):
    """A listening socket whose connections have a limit."""

    def __init__(self, runner: web.AppRunner, listener: socket.socket, doors: Doors) -> None:
        super().__init__(runner)
        self._listener = listener
        self._doors = doors

    @property
    def name(self) -> str:
        """Where it listens."""
        return str(self._listener.getsockname())

    async def start(self) -> None:
        """Listen."""
        await super().start()
        if self._runner.server is None:
            raise RuntimeError("the runner has not been set up")
        enter = partial(self._doors.enter, self._runner.server)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(enter, sock=self._listener, backlog=self._backlog)
