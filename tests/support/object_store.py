"""A real server that speaks S3, on loopback, and what is in it; for fixtures, see `object_server`.

In a conftest.py: `from tests.support.object_store import object_server`, then `object_server` is an argument
of the tests that want it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from config.settings import S3Settings
from daemon.storage.interfaces import Location
from daemon.storage.s3.clients import Deadlines, S3Clients
from daemon.storage.s3.store import S3Store

BUCKET = "recordings"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "TESTACCESSKEYID", "AWS_SECRET_ACCESS_KEY": "test-secret-access-key"}


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """An S3 server; `recordings` is a bucket in it."""

    url: str
    client: Any
    """Of boto3: what it says is the truth that a store is held to. It blocks."""

    @property
    def settings(self) -> S3Settings:
        return S3Settings(endpoint_url=self.url, region=REGION)

    def make_bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name)

    def put(self, key: str, data: bytes, bucket: str = BUCKET) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, key: str, bucket: str = BUCKET) -> bytes:
        return bytes(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def keys(self, bucket: str = BUCKET) -> list[str]:
        answer = self.client.list_objects_v2(Bucket=bucket)
        return [str(entry["Key"]) for entry in answer.get("Contents", ())]

    def uploads(self, bucket: str = BUCKET) -> list[str]:
        """Keys of the uploads in parts that are neither completed nor aborted."""
        answer = self.client.list_multipart_uploads(Bucket=bucket)
        return [str(entry["Key"]) for entry in answer.get("Uploads", ())]


@pytest.fixture
def object_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the standard chain finds; nothing of this machine's own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def object_server(object_credentials: None) -> Iterator[ObjectServer]:
    """An empty S3 server with the bucket `recordings`, and credentials for it in the environment."""
    with serving_objects() as store:
        yield store


@contextmanager
def serving_objects() -> Iterator[ObjectServer]:
    """Run an empty S3 server with the bucket `recordings`; blocks for a moment."""
    with listening() as url:
        client = boto3.client("s3", endpoint_url=url, region_name=REGION, config=_config())
        try:
            _reset(client)
            store = ObjectServer(url, client)
            store.make_bucket(BUCKET)
            yield store
        finally:
            client.close()


@contextmanager
def listening(port: int = 0) -> Iterator[str]:
    """Run a server and give its address; all servers of one process hold the same objects."""
    # A line for each request.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@asynccontextmanager
async def opened(
    server: ObjectServer, *, bucket: str = BUCKET, region: str = "", patience_s: float = 0.0
) -> AsyncIterator[S3Store]:
    """A store of one of the server's buckets."""
    async with opened_at(server.url, bucket=bucket, region=region, patience_s=patience_s) as store:
        yield store


@asynccontextmanager
async def opened_at(
    url: str, *, bucket: str = BUCKET, region: str = "", patience_s: float = 0.0, silence_s: float = 60.0
) -> AsyncIterator[S3Store]:
    """A store of a bucket, wherever it is."""
    deadlines = Deadlines(connect_s=20.0, silence_s=silence_s, patience_s=patience_s)
    clients = S3Clients(S3Settings(endpoint_url=url, region=REGION), deadlines)
    try:
        yield S3Store(clients, Location(bucket, region))
    finally:
        await clients.close()


def _config() -> Config:
    return Config(
        s3={"addressing_style": "path"}, signature_version="s3v4", retries={"total_max_attempts": 1}
    )


def _reset(client: Any) -> None:
    for bucket in client.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for entry in client.list_multipart_uploads(Bucket=name).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=name, Key=entry["Key"], UploadId=entry["UploadId"])
        for entry in client.list_objects_v2(Bucket=name).get("Contents", ()):
            client.delete_object(Bucket=name, Key=entry["Key"])
        client.delete_bucket(Bucket=name)
