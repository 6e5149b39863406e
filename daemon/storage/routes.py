"""The endpoints that hand out clips and files of the media root to whoever has a signed address."""

from __future__ import annotations

import asyncio
import mimetypes
import os
from collections.abc import Mapping
from io import FileIO

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from daemon.logs import tell
from daemon.storage.addresses import Denial
from daemon.storage.folder import OBJECTS, FolderStore
from daemon.storage.interfaces import StorageError
from daemon.storage.local import LocalClipStore

log = structlog.get_logger()

ANSWERS = {
    Denial.FORGED: (403, "the address of this {what} is not one that was given out"),
    Denial.EXPIRED: (403, "the address of this {what} has expired"),
    Denial.GONE: (404, "this {what} has been deleted"),
}
BAD_REQUEST, FAILED = 1902, 1903
"""The `code` of an error's JSON, as at every endpoint (`daemon/contracts/errors.py`)."""

HEADERS = {
    # Evidence belongs to the one who asked, not to a shared cache on the way.
    "Cache-Control": "private",
    "X-Content-Type-Options": "nosniff",
}
KINDS = ("audio", "video", "image")
"""Of what is in the media root; anything else is handed out as bytes, which no browser runs."""


class OpenFile(web.FileResponse):
    """A file that has been opened, and is closed when it has been sent.

    Its path is looked up only once: whoever can write in the folder cannot put a link in its place meanwhile.
    """

    def __init__(self, file: FileIO, headers: Mapping[str, str]) -> None:
        # proc(5): whoever opens this gets the very file of the descriptor, whatever its path leads to by now.
        super().__init__(f"/proc/self/fd/{file.fileno()}", headers=headers)
        self._file = file

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it, whole or the `Range` asked for; end the connection where the file has become too short."""
        with self._file:
            writer = await super().prepare(request)
            if request.method == "GET" and self.status in (200, 206):
                await self._check_length()
        return writer

    async def _check_length(self) -> None:
        """Else the reader, who was promised more than there is now, would wait for the rest."""
        content_range = self.headers.get("Content-Range", "")
        last = content_range.partition("-")[2].partition("/")[0]
        promised = int(last) + 1 if last else self.content_length or 0
        size = (await asyncio.to_thread(os.fstat, self._file.fileno())).st_size
        if size < promised:
            log.error("file_cut_short_while_sent", promised_bytes=promised, bytes=size)
            self.force_close()


class ClipRoutes:
    """`GET /clips/{name}`, and HEAD."""

    def __init__(self, store: LocalClipStore) -> None:
        self._store = store

    def add_to(self, app: web.Application) -> None:
        """Register the endpoint."""
        app.router.add_get("/clips/{name}", self.clip)

    async def clip(self, request: web.Request) -> web.StreamResponse:
        """The mp3, whole or the `Range` asked for; 403 forged or expired, 404 gone, 503 disk unreadable."""
        query = request.query
        try:
            found = await self._store.find(
                request.match_info["name"], query.get("expires", ""), query.get("signature", "")
            )
        except StorageError as error:
            tell("clip_unreadable", error)
            return _refusal(503, FAILED, "the clip cannot be read just now")
        if isinstance(found, Denial):
            return _denied(found, "clip")
        return OpenFile(found, {**HEADERS, "Content-Type": "audio/mpeg"})


class ObjectRoutes:
    """`GET /objects/{key}`, and HEAD: what is in the media root, to whoever has a signed address."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store

    def add_to(self, app: web.Application) -> None:
        """Register the endpoint."""
        app.router.add_get(f"/{OBJECTS}/{{key:.+}}", self.object)

    async def object(self, request: web.Request) -> web.StreamResponse:
        """The file, whole or the `Range` asked for; 403 forged or expired, 404 gone, 503 disk unreadable."""
        query, key = request.query, request.match_info["key"]
        try:
            found = await self._store.find(key, query.get("expires", ""), query.get("signature", ""))
        except StorageError as error:
            tell("object_unreadable", error)
            return _refusal(503, FAILED, "the file cannot be read just now")
        if isinstance(found, Denial):
            return _denied(found, "file")
        kind = mimetypes.guess_type(key)[0] or ""
        content_type = kind if kind.partition("/")[0] in KINDS else "application/octet-stream"
        return OpenFile(found, {**HEADERS, "Content-Type": content_type})


def _denied(denial: Denial, what: str) -> web.Response:
    status, message = ANSWERS[denial]
    return _refusal(status, BAD_REQUEST, message.format(what=what))


def _refusal(status: int, code: int, message: str) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.json_response({"code": code, "message": message}, status=status, headers=headers)
