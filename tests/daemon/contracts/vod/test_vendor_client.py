"""The vendor's own client, with an access key and with a token, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkvod.v1 import (
    CancelExtractAudioTaskRequest,
    CreateExtractAudioTaskRequest,
    ExtractAudioTaskReq,
    FileAddr,
    Parameter,
    PublishAssetFromObsReq,
    PublishAssetFromObsRequest,
    ShowAssetDetailRequest,
    UploadMetaDataByUrl,
    UploadMetaDataByUrlReq,
    UploadMetaDataByUrlRequest,
    VodClient,
)

from tests.support.vod_house import (
    OTHER_PROJECT,
    TOKEN,
    House,
    Maker,
    eventually,
    house,
    vendor_client,
)


async def told(call: Callable[[Any], Any], request: Any) -> Any:
    return await asyncio.to_thread(call, request)


async def refusal(call: Callable[[Any], Any], request: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientRequestException) as caught:
        await asyncio.to_thread(call, request)
    error = caught.value
    assert len(error.request_id) == 32
    return error.status_code, error.error_code, error.error_msg


async def created(client: VodClient, made: House) -> str:
    (made.root / "evening.mp4").write_bytes(b"a film")
    address = FileAddr(bucket="", location="", object="evening.mp4")
    body = PublishAssetFromObsReq(title="Evening", video_type="MP4", input=address)
    answer = await told(client.publish_asset_from_obs, PublishAssetFromObsRequest(body=body))
    return str(answer.asset_id)


def extraction(asset_id: str, audio_format: str | None = None) -> CreateExtractAudioTaskRequest:
    parameter = None if audio_format is None else Parameter(format=audio_format)
    return CreateExtractAudioTaskRequest(body=ExtractAudioTaskReq(asset_id=asset_id, parameter=parameter))


async def test_an_extraction_with_an_access_key(tmp_path: Path) -> None:
    maker = Maker()
    async with house(tmp_path, maker) as made:
        client = vendor_client(made.url)
        asset_id = await created(client, made)
        begun = await told(client.create_extract_audio_task, extraction(asset_id, "MP3"))
        assert begun.asset_id == asset_id
        waits = await told(client.create_extract_audio_task, extraction(asset_id, "AAC"))
        assert waits.audio_asset_id != begun.audio_asset_id

        answer = await told(
            client.cancel_extract_audio_task, CancelExtractAudioTaskRequest(asset_id=waits.audio_asset_id)
        )
        assert answer.status_code == 204
        status, code, _ = await refusal(
            client.cancel_extract_audio_task, CancelExtractAudioTaskRequest(asset_id=waits.audio_asset_id)
        )
        assert (status, code) == (400, "VOD.10083")

        maker.go.set()

        async def done() -> Any:
            asked = ShowAssetDetailRequest(
                asset_id=begun.audio_asset_id, categories=["transcode_info", "base_info"]
            )
            details = await told(client.show_asset_detail, asked)
            return details if details.transcode_info.transcode_status == "TRANSCODE_SUCCEED" else None

        details = await eventually(done)
        assert details.asset_id == begun.audio_asset_id
        assert details.thumbnail_info is None
        assert (details.base_info.title, details.base_info.video_type) == ("Evening", "MP3")
        meta_data = details.base_info.meta_data
        assert (meta_data.pack_type, meta_data.duration, meta_data.video_size) == ("MP3", 2, 13)
        [output] = details.transcode_info.output
        assert output.url == details.base_info.sign_url
        assert (made.root / f"{begun.audio_asset_id}.mp3").read_bytes() == b"mp3 of a film"


async def test_what_the_vendors_client_shows_of_refusals(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made:
        client = vendor_client(made.url)
        assert await refusal(client.create_extract_audio_task, extraction("unknown")) == (
            400, "VOD.10062", "Media asset or resource does not exist, please check.",
        )  # fmt: skip
        status, code, text = await refusal(client.create_extract_audio_task, extraction("1", "WMA"))
        assert (status, code) == (400, "VOD.10063")
        assert "MP3 AAC" in text
        for client, refused in (
            (vendor_client(made.url, secret_key="wrong"), (401, "APIG.0301")),
            (vendor_client(made.url, project=OTHER_PROJECT), (403, "VOD.10074")),
        ):
            status, code, _ = await refusal(client.create_extract_audio_task, extraction("unknown"))
            assert (status, code) == refused


async def test_assets_at_addresses(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made:
        client = vendor_client(made.url)
        urls = ["https://media.example/a%20b.mp4?key=1", "http://127.0.0.1/secret.mp4"]
        body = UploadMetaDataByUrlReq(
            upload_metadatas=[UploadMetaDataByUrl(video_type="MP4", title="", url=url) for url in urls]
        )
        answer = await told(client.upload_meta_data_by_url, UploadMetaDataByUrlRequest(body=body))
        good, bad = answer.upload_assets
        assert (good.url, bad.url) == tuple(urls)
        assert (bad.asset_id, bad.error_code) == (None, "VOD.10053")
        details = await told(client.show_asset_detail, ShowAssetDetailRequest(asset_id=good.asset_id))
        assert (details.base_info.title, details.base_info.video_url) == ("a b", urls[0])
        assert details.transcode_info.transcode_status == "UN_TRANSCODE"
        assert details.thumbnail_info.thumbnail_status == "UN_THUMBNAIL"
        assert details.review_info.review_status == "UN_REVIEW"


async def test_a_token_is_enough_beside_a_signature_that_is_none(tmp_path: Path) -> None:
    async with house(tmp_path, Maker(), working=False) as made:
        asset_id = await created(vendor_client(made.url), made)
        # The vendor's client signs whatever it sends; the token goes along in a header.
        client = vendor_client(made.url, secret_key="wrong")

        def with_token(invoker: Any) -> Any:
            return invoker.add_header("X-Auth-Token", TOKEN).invoke()

        begun = await told(with_token, client.create_extract_audio_task_invoker(extraction(asset_id)))
        assert begun.status_code == 202
        asked = ShowAssetDetailRequest(asset_id=begun.audio_asset_id)
        details = await told(with_token, client.show_asset_detail_invoker(asked))
        assert details.transcode_info.transcode_status == "WAITING_TRANSCODE"
        cancel = CancelExtractAudioTaskRequest(asset_id=asset_id)
        answer = await told(with_token, client.cancel_extract_audio_task_invoker(cancel))
        assert answer.status_code == 204
