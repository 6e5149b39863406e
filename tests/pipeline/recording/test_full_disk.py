"""Recordings on the web that this disk has no room for."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.recording import RecordingError, RecordingFault
from pipeline.recording.web import WebLibrary
from tests.daemon.full_disk import full_disk
from tests.support.media_server import HttpServer


def test_a_file_without_parts_that_finds_no_room(tmp_path: Path) -> None:
    async def whole(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1_000_000)

    with HttpServer(tmp_path) as server:
        library = WebLibrary(AddressPolicy(allow_private=True), NetworkSettings(), tmp_path)
        with full_disk(65536), pytest.raises(RecordingError, match="there is no room") as caught:
            library.open_seekable(server.handle("/film.mp4", whole))
    assert caught.value.fault is RecordingFault.UNREACHABLE
