"""Bodies of strangers: what a megabyte may cost."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from daemon.contracts.audiostream.schema import StartRequest
from daemon.contracts.body import MAX_BODY_BYTES, BodyError, parse_json_object
from tests.daemon.contracts.requests import request


def test_a_megabyte_of_brackets_is_refused_before_it_is_parsed() -> None:
    piece = b"[" * 50 + b"]" * 50 + b","
    body = b'{"a":[' + piece * (MAX_BODY_BYTES // len(piece) - 1) + b"1]}"
    with pytest.raises(BodyError, match="more than 50000 lists and objects"):
        parse_json_object(body)


def test_many_objects_are_taken() -> None:
    body = {"a": [{"id": number} for number in range(30_000)]}
    assert parse_json_object(json.dumps(body).encode()) == body


def test_of_a_list_of_faults_the_first_is_told() -> None:
    agora = {"appId": "a", "channel": "c", "trustedUserIdList": [None] * 1000}
    with pytest.raises(ValidationError) as caught:
        StartRequest.model_validate(request(data={"agoraParam": agora}))
    assert caught.value.error_count() <= 4
