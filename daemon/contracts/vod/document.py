"""The contract's part of the published description, made from the models that validate and are written."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from daemon.contracts.interfaces import Description
from daemon.contracts.vod.details import CATEGORIES
from daemon.contracts.vod.messages import (
    AssetAnswer,
    AssetDetails,
    AudioExtractComplete,
    ErrorAnswer,
    ExtractAudioAnswer,
    UploadByUrlAnswer,
)
from daemon.contracts.vod.routes import PREFIX
from daemon.contracts.vod.schema import CreateAssetRequest, ExtractAudioRequest, UploadByUrlRequest

EXTRACT_EXAMPLE = {"asset_id": "3e1cd21131a94525be55acf65888bf46", "parameter": {"format": "MP3"}}
CREATE_EXAMPLE = {
    "title": "Evening show",
    "input": {"bucket": "recordings", "location": "us-east-1", "object": "shows/evening.mp4"},
}
UPLOAD_EXAMPLE = {"upload_metadatas": [{"title": "Evening show", "url": "https://media.example/evening.mp4"}]}
REFUSALS = {
    "400": "Refused: `error_code` says why.",
    "401": "Neither a token nor a signature that is known.",
    "403": "Not permitted: another account's project, or a bucket that the account may not use.",
    "408": "The body did not arrive in time.",
    "413": "The body is larger than 1 MiB.",
    "429": "Too many requests, or too many extractions wait.",
    "503": "The ledger or the store is away, or another version of the daemon wrote the asset: try later.",
}


def describe() -> Description:
    """Return the contract's paths, and the models they name."""
    create = _operation(
        "createAsset", "Register a recording", CreateAssetRequest, CREATE_EXAMPLE, ("200", AssetAnswer)
    )
    copy = _operation(
        "createAssetFromStore",
        "Register a recording, as the vendor's client asks for it",
        CreateAssetRequest,
        CREATE_EXAMPLE,
        ("200", AssetAnswer),
    )
    upload = _operation(
        "createAssetsByUrl",
        "Register recordings at addresses",
        UploadByUrlRequest,
        UPLOAD_EXAMPLE,
        ("200", UploadByUrlAnswer),
    )
    extract = _operation(
        "extractAudio",
        "Extract a recording's audio",
        ExtractAudioRequest,
        EXTRACT_EXAMPLE,
        ("202", ExtractAudioAnswer),
    )
    extract["callbacks"] = {"complete": {"{notification_url}": {"post": _event()}}}
    cancel = _operation("cancelExtraction", "Cancel an extraction that waits", None, None, ("204", None))
    cancel["parameters"].append(_asset_id())
    details = _operation("assetDetails", "Tell how an asset is", None, None, ("200", AssetDetails))
    details["parameters"] += [_asset_id(), _categories()]
    return Description(
        paths={
            PREFIX: {"post": create},
            f"{PREFIX}/reproduction": {"post": copy},
            f"{PREFIX}/upload_by_url": {"post": upload},
            f"{PREFIX}/extract_audio": {"post": extract, "delete": cancel},
            f"{PREFIX}/details": {"get": details},
        },
        taken=(CreateAssetRequest, UploadByUrlRequest, ExtractAudioRequest),
        written=(
            AssetAnswer,
            UploadByUrlAnswer,
            ExtractAudioAnswer,
            AssetDetails,
            ErrorAnswer,
            AudioExtractComplete,
        ),
    )


def _operation(
    name: str,
    summary: str,
    request: type[BaseModel] | None,
    example: dict[str, Any] | None,
    good: tuple[str, type[BaseModel] | None],
) -> dict[str, Any]:
    status, answer = good
    done: dict[str, Any] = {"description": "It was done." if status != "202" else "It was begun."}
    if answer is not None:
        done["content"] = {"application/json": {"schema": _reference(answer)}}
    refusal = {"application/json": {"schema": _reference(ErrorAnswer)}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "tags": ["vod"],
        "parameters": [
            {"name": "project_id", "in": "path", "required": True, "schema": {"type": "string"}},
            # As parameters, not as security: either of them is enough, and that is said in words.
            {
                "name": "X-Auth-Token",
                "in": "header",
                "required": False,
                "description": "The project's token; without one the request must be signed.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {status: done}
        | {each: {"description": text, "content": refusal} for each, text in REFUSALS.items()},
    }
    if request is not None:
        content = {"application/json": {"schema": _reference(request), "example": example}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _asset_id() -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": "asset_id", "in": "query", "required": True, "schema": schema}


def _categories() -> dict[str, Any]:
    schema = {"type": "array", "items": {"type": "string", "enum": list(CATEGORIES)}}
    return {"name": "categories", "in": "query", "required": False, "schema": schema}


def _event() -> dict[str, Any]:
    content = {"application/json": {"schema": _reference(AudioExtractComplete)}}
    return {
        "summary": "An extraction has ended",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "Taken; anything else is tried again."}},
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
