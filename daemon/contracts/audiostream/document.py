"""The contract's part of the published description, made from the models that validate and are written."""

from __future__ import annotations

from typing import Any

from daemon.contracts.audiostream.messages import (
    Answer,
    Callback,
    EventCallback,
    FailureCallback,
    FlatCallback,
    FlatNotice,
    QueryAnswer,
)
from daemon.contracts.audiostream.schema import FinishRequest, QueryRequest, StartRequest
from daemon.contracts.interfaces import Description

CALLBACKS = (Callback, FlatCallback, FlatNotice, EventCallback, FailureCallback)
START_EXAMPLE = {
    "accessKey": "xxxxx",
    "appId": "default",
    "eventId": "default",
    "type": "PORN_AD_POLITICAL_GENDER_TIMBRE_ABUSE_SING_LANGUAGE",
    "callback": "https://platform.example/callback",
    "streamType": "NORMAL",
    "data": {
        "btId": "test1",
        "lang": "zh",
        "room": "room2",
        "url": "rtmp://live.example/app/stream",
        "returnAllText": 1,
        "returnPreText": 1,
        "returnPreAudio": 1,
        "tokenId": "2222",
    },
}
REQUEST_ID = "0123456789abcdef0123456789abcdef"
FINISH_EXAMPLE = {"accessKey": "xxxxx", "requestId": REQUEST_ID}
ANSWER_EXAMPLE = {"requestId": REQUEST_ID, "code": 1100, "message": "成功"}


def describe() -> Description:
    """Return the contract's paths, and the models they name."""
    start = _operation("startStream", "Moderate a live stream", StartRequest.__name__, START_EXAMPLE)
    start["callbacks"] = {"window": {"{$request.body#/callback}": {"post": _callback()}}}
    finish = _operation("finishStream", "End a stream", FinishRequest.__name__, FINISH_EXAMPLE)
    query = _operation(
        "queryStream",
        "A stream's callbacks once more",
        QueryRequest.__name__,
        FINISH_EXAMPLE,
        QueryAnswer.__name__,
    )
    return Description(
        paths={
            "/audiostream/v4": {"post": start},
            "/finish_audiostream/v4": {"post": finish},
            "/query_audiostream/v4": {"post": query},
        },
        taken=(StartRequest, FinishRequest, QueryRequest),
        written=(Answer, QueryAnswer, *CALLBACKS),
    )


def _operation(
    name: str, summary: str, request: str, example: dict[str, Any], answer: str = Answer.__name__
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["audiostream"],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference(request), "example": example}},
        },
        "responses": {
            "200": {
                "description": "Whatever came of it: `code` says what.",
                "content": {"application/json": {"schema": _reference(answer), "example": ANSWER_EXAMPLE}},
            }
        },
    }


def _callback() -> dict[str, Any]:
    one_of = [_reference(each.__name__) for each in CALLBACKS]
    return {
        "summary": "A window's verdict, what happened to the stream, or its end",
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"oneOf": one_of}}}},
        "responses": {"200": {"description": "Taken; anything else is tried again."}},
    }


def _reference(model: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model}"}
