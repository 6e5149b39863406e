"""The stores of a daemon as its settings say, and what `audiowarden check` says of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.settings import ClipSettings, S3Settings, Settings, StorageSettings
from daemon.storage.interfaces import Location, MissingObjectError, StorageError
from daemon.storage.local import LocalClipStore
from daemon.storage.opened import opened_storage, probe_clip_bucket, probe_media_root
from daemon.storage.tree import PARTS
from tests.support.commands import run
from tests.support.daemon_process import configuration
from tests.support.houses import put, read
from tests.support.object_store import BUCKET, ObjectServer

pytestmark = pytest.mark.usefixtures("nothing_blocks")


def configured(folder: Path, url: str, bucket: str = BUCKET) -> Settings:
    return Settings(
        data_dir=folder / "data",
        storage=StorageSettings(local_root=folder / "media", s3=S3Settings(endpoint_url=url)),
        clips=ClipSettings(store="s3", bucket=bucket),
    )


async def test_everything_is_where_the_settings_say(tmp_path: Path, object_server: ObjectServer) -> None:
    (tmp_path / "media" / PARTS).mkdir(parents=True)
    (tmp_path / "media" / PARTS / "left.part").write_bytes(b"x")
    async with opened_storage(configured(tmp_path, object_server.url), "http://daemon.test") as storage:
        assert list((tmp_path / "media").rglob("*.part")) == []
        await put(storage.stores.at(Location()), "a.ts", b"local")
        await put(storage.stores.at(Location(BUCKET)), "a.ts", b"far away")
        assert (tmp_path / "media" / "a.ts").read_bytes() == b"local"
        assert await read(storage.stores.at(Location(BUCKET, "us-west-2")), "a.ts") == b"far away"
        assert (await storage.clips.put("1.mp3", b"sound")).startswith(object_server.url)
        assert not isinstance(storage.clips, LocalClipStore)
        # Addresses that were given out before clips went to a bucket.
        address = await storage.local_clips.put("2.mp3", b"sound")
        assert address.startswith("http://daemon.test/clips/2.mp3?")
        assert await storage.expire_clips() == 0


async def test_without_any_settings_all_is_local(tmp_path: Path) -> None:
    async with opened_storage(Settings(data_dir=tmp_path / "data"), "http://daemon.test") as storage:
        assert storage.folder is None
        assert storage.clips is storage.local_clips
        assert await storage.expire_clips() == 0


async def test_a_media_root_that_is_away_does_not_keep_the_daemon_from_starting(tmp_path: Path) -> None:
    async with opened_storage(configured(tmp_path, "http://127.0.0.1:1"), "http://daemon.test") as storage:
        with pytest.raises(StorageError, match="the media root is not there"):
            await read(storage.stores.at(Location()), "a.ts")


async def test_probes_leave_nothing(tmp_path: Path, object_server: ObjectServer) -> None:
    settings = configured(tmp_path, object_server.url)
    with pytest.raises(StorageError, match="the media root is not there"):
        await probe_media_root(settings)
    (tmp_path / "media").mkdir()
    await probe_media_root(settings)
    await probe_clip_bucket(settings)
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []
    assert await asyncio.to_thread(object_server.keys) == []
    with pytest.raises(MissingObjectError, match="has no such bucket"):
        await probe_clip_bucket(configured(tmp_path, object_server.url, "no-such-bucket"))
    with pytest.raises(StorageError, match="cannot be reached"):
        await probe_clip_bucket(configured(tmp_path, "http://127.0.0.1:1"))


@pytest.mark.usefixtures("object_credentials")
def test_check_says_what_is_wrong_in_one_sentence(tmp_path: Path, object_server: ObjectServer) -> None:
    text = f"""
[storage]
local_root = "not/there"
[storage.s3]
endpoint_url = "{object_server.url}"
[clips]
store = "s3"
bucket = "no-such-bucket"
"""
    done = run("check", "--config", str(configuration(tmp_path, extra=text)), cwd=tmp_path)
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line.startswith("missing")] == [
        "missing  clip store: the object store 127.0.0.1 has no such bucket",
        f"missing  media root: {tmp_path / 'not/there'}: the media root is not there",
    ]
