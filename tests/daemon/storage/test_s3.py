"""What only an object store has: regions, presigned addresses, listings, names of buckets."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from config.settings import S3Settings
from daemon.storage.interfaces import Location, Piece, Place, RefusedError
from daemon.storage.s3.clients import MAX_CLIENTS, S3Clients
from daemon.storage.s3.store import MAX_ADDRESS_S, S3Store
from daemon.storage.stores import ConfiguredStores
from tests.support.houses import put, read
from tests.support.object_store import BUCKET, CREDENTIALS, ObjectServer, opened
from tests.support.rude_store import rude_store

pytestmark = pytest.mark.usefixtures("nothing_blocks")


async def test_a_presigned_address_is_good_for_anybody(object_server: ObjectServer) -> None:
    async with opened(object_server) as store:
        await put(store, "a b/ä.mp3", b"sound")
        address = await store.address("a b/ä.mp3", 3600)
        assert await asyncio.to_thread(lambda: urllib.request.urlopen(address).read()) == b"sound"
        assert parse_qs(urlsplit(address).query)["X-Amz-Expires"] == ["3600"]
        assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in address
        for expires_s in (0, -1, MAX_ADDRESS_S + 1):
            with pytest.raises(RefusedError, match="lives 1 to 604800 seconds"):
                await store.address("a b/ä.mp3", expires_s)


async def test_the_content_type_is_kept(object_server: ObjectServer) -> None:
    async with opened(object_server) as store:
        await put(store, "a", b"x")
    answer = await asyncio.to_thread(object_server.client.head_object, Bucket=BUCKET, Key="a")
    assert answer["ContentType"] == "video/mp4"


async def test_copies_between_regions_are_asked_of_the_destination(
    object_server: ObjectServer,
) -> None:
    await asyncio.to_thread(object_server.make_bucket, "exports")
    await asyncio.to_thread(object_server.put, "a.ts", b"0123456789")
    async with rude_store(object_server) as rude:
        clients = S3Clients(S3Settings(endpoint_url=rude.url))
        regions: list[tuple[str, str]] = []

        async def manners(request: web.Request, body: bytes) -> None:
            regions.append((request.headers["Authorization"].split("/")[2], request.method))

        rude.manners = manners
        source = Location(BUCKET, "us-west-2")
        try:
            stores = ConfiguredStores(None, clients)
            target = stores.at(Location("exports", "eu-west-1"))
            await target.join("b.ts", [Piece(Place(source, "a.ts"), 2, 5)], content_type="video/mp2t")
            assert {region for region, _ in regions} == {"eu-west-1"}
            regions.clear()
            pieces = [Piece(Place(source, "a.ts"), 2, 5), Piece(Place(source, "a.ts"), 0, 2)]
            await target.join("b.ts", pieces, content_type="video/mp2t")
            assert {region for region, method in regions if method == "GET"} == {"us-west-2"}
            assert await read(stores.at(Location("exports", "eu-west-1")), "b.ts") == b"2345601"
        finally:
            await clients.close()


async def test_a_region_that_nobody_uses_makes_room(object_server: ObjectServer) -> None:
    clients = S3Clients(object_server.settings)
    try:
        async with clients.use("busy"):
            for number in range(MAX_CLIENTS + 3):
                async with clients.use(f"region-{number}") as client:
                    assert client.meta.region_name == f"region-{number}"
            async with clients.use("busy") as again, clients.use("region-1") as new:
                assert again is not new
            assert len(clients._open) == MAX_CLIENTS
    finally:
        await clients.close()


async def test_a_client_is_shared_by_all_who_ask_at_once(object_server: ObjectServer) -> None:
    clients = S3Clients(object_server.settings)

    async def ask() -> object:
        async with clients.use("us-east-1") as client:
            return client

    try:
        assert len({id(client) for client in await asyncio.gather(*(ask() for _ in range(8)))}) == 1
    finally:
        await clients.close()


class SlowSession:
    """A session whose clients take a while to be made (as aioboto3's: entered to open, left to close)."""

    region_name = None

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.open = 0

    async def get_credentials(self) -> object:
        return object()

    def client(self, *_: object, **__: object) -> SlowSession:
        return self

    async def __aenter__(self) -> SlowSession:
        self.begun.set()
        assert self.go.wait(10)
        self.open += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open -= 1


async def test_a_client_that_nobody_waits_for_any_more_is_closed() -> None:
    made = SlowSession()
    clients = S3Clients(S3Settings(), make_session=lambda: made)

    async def ask() -> None:
        async with clients.use(""):
            pass

    asking = asyncio.create_task(ask())
    await asyncio.to_thread(made.begun.wait)
    asking.cancel()
    await asyncio.sleep(0)
    made.go.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert made.open == 1
    await ask()
    assert made.open == 1
    await clients.close()
    assert made.open == 0


@pytest.mark.parametrize("region", ["evil.example.org", "a/b", "x" * 64, "-a", "a b", "ä", "a\n"])
async def test_a_region_is_a_word_and_no_host(object_server: ObjectServer, region: str) -> None:
    async with opened(object_server, region=region) as store:
        with pytest.raises(RefusedError, match="the name of the region is invalid"):
            await store.info("a")


@pytest.mark.parametrize(
    "name",
    ["ab", "a..b", "a/b", "..", "...", ".ab", "arn:aws:s3:::x", "x" * 256, "a b", "ab\n", "äöü", "a@b"],
)
def test_a_bucket_has_a_buckets_name(name: str) -> None:
    with pytest.raises(RefusedError, match="the name of the bucket is invalid"):
        S3Store(S3Clients(S3Settings()), Location(name))


@pytest.mark.parametrize("name", ["a-b.c", "My_Recordings", "_logs", "x" * 255])
@pytest.mark.usefixtures("object_credentials")
async def test_old_buckets_have_names_that_no_new_one_gets(name: str) -> None:
    clients = S3Clients(S3Settings())
    try:
        address = await S3Store(clients, Location(name, "us-east-1")).address("a", 60)
    finally:
        await clients.close()
    # Where the name cannot be a host's it is in the path.
    assert name in address


@pytest.mark.parametrize(
    ("addressing", "address"),
    [
        ("auto", "https://minio.example.org:9000/recordings/a"),
        ("path", "https://minio.example.org:9000/recordings/a"),
        ("virtual", "https://recordings.minio.example.org:9000/a"),
    ],
)
@pytest.mark.usefixtures("object_credentials")
async def test_the_bucket_is_in_the_path_or_in_the_host(addressing: str, address: str) -> None:
    clients = S3Clients(
        S3Settings.model_validate(
            {"endpoint_url": "https://minio.example.org:9000", "addressing": addressing}
        )
    )
    try:
        presigned = await S3Store(clients, Location(BUCKET)).address("a", 60)
    finally:
        await clients.close()
    assert presigned.partition("?")[0] == address


async def test_listings_go_on_over_pages(object_server: ObjectServer) -> None:
    def fill() -> list[str]:
        names = [f"clips/{number}/{name}" for number in range(3) for name in "abc"]
        for name in names:
            object_server.put(name, b"")
        return names

    names = await asyncio.to_thread(fill)
    async with opened(object_server) as store:
        for page_size in (2, 1000):
            assert [key async for key in store.keys("clips/", page_size)] == names
            folders = [folder async for folder in store.folders("clips/", page_size)]
            assert folders == ["clips/0/", "clips/1/", "clips/2/"]
        assert [key async for key in store.keys("none/")] == []


def test_without_a_media_root_a_bucket_must_be_named() -> None:
    with pytest.raises(RefusedError, match=r"no bucket is named, and there is no storage\.local_root"):
        ConfiguredStores(None, S3Clients(S3Settings())).at(Location())
