"""What fields of the contract's requests take."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from daemon.contracts.vod.schema import CreateAssetRequest


@pytest.mark.parametrize("bucket", ["", "recordings", "my.recordings-1", "My_Old_Recordings"])
def test_a_bucket_is_one_of_the_store_that_is_configured(bucket: str) -> None:
    asked = CreateAssetRequest.model_validate(
        {"input": {"bucket": bucket, "object": "a.mp4"}, "output_bucket": bucket}
    )
    assert asked.input is not None
    assert (asked.input.bucket, asked.output_bucket) == (bucket, bucket)


@pytest.mark.parametrize("bucket", ["a", "a/b", "../a", "a..b", "x" * 256])
def test_what_no_bucket_is_called(bucket: str) -> None:
    with pytest.raises(ValidationError, match=r"output_bucket\s+should be the name of a bucket"):
        CreateAssetRequest.model_validate({"input": {"object": "a.mp4"}, "output_bucket": bucket})
