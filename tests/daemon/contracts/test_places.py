"""Names of buckets and regions: one rule, whichever contract a request is written in."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from daemon.contracts.tvu.schema import ExportAudioRequest
from daemon.contracts.tvu.storage_info import Entry
from daemon.contracts.vod.schema import FileAddress
from tests.daemon.contracts.tvu.documents import audio_request


def faults(bucket: str, region: str) -> list[set[tuple[str, str]]]:
    """Name a bucket in a request of each contract; return what each finds wrong, and says of it."""
    asked: list[tuple[type[BaseModel], dict[str, Any]]] = [
        (ExportAudioRequest, audio_request(S3Bucket=bucket, S3Region=region)),
        (Entry, {"storage_purpose": "ts", "storage_name": bucket, "storage_location": region}),
        (FileAddress, {"object": "a.mp4", "bucket": bucket, "location": region}),
    ]
    found = []
    for model, document in asked:
        try:
            model.model_validate(document)
        except ValidationError as error:
            found.append({(each["type"], each["msg"]) for each in error.errors()})
        else:
            found.append(set())
    return found


@pytest.mark.parametrize("bucket", ["a", "a/b", "a..b", "x" * 256])
@pytest.mark.parametrize("region", ["", "us-east-1", "a b", "x" * 65])
def test_all_contracts_refuse_the_same_names_in_the_same_words(bucket: str, region: str) -> None:
    first, *others = faults(bucket, region)
    assert ("bucket", "should be the name of a bucket") in first
    assert others == [first, first]


@pytest.mark.parametrize("bucket", ["", "recordings", "My_Old_Recordings"])
def test_all_contracts_take_the_same_names(bucket: str) -> None:
    assert faults(bucket, "us-east-1") == [set(), set(), set()]
