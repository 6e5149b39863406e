"""Requests as the contract's documents print them."""

from __future__ import annotations

import base64
import json
from typing import Any

from daemon.contracts.tvu.spelling import parse_printed

# The vendor's own lines are as long as they are.
# ruff: noqa: E501
EXPORT_AUDIO = """{
	"_ServiceName": "resourceservice",
	"_UrlPath": "exportaudio",
	"_Version":1,

	"StartPos": 1562253612833,
	"Duration": 9000,
	"PeerId": "4D7446C8141EE167",
	"LivePath": "mp4/55524C20455854200000016BB6AD004E/55524C20455854200000016BB6AD004E_4D7446C8141EE167_1562253592803_eb3f1268-6bdb-4884-8d76-2db582b53e0a/1/stream.mpd",
	"FileName": "1.flac",
	"SessionId": "2A39603DDB0F47CFB32E96C8366084AE",
	"S3Region": "ap-northeast-1",
	"S3Bucket": "imgbed",
	“Uid” : “test”,
	“GroupId”:”test”,
	“SampleRate”:120,
	“Language”:”en-Us”,
	“UserId”:”test@tvu”,
	“FileStartTimecode”：123,
	“FileEndTimecode”：123333，
	“FileStartTimestamp”:1562253612833,
	“FileEndTimestamp”:1562253612833,
	“AudioPath”:”http://1.2.3.4:90/xxx.xxx”
}
"""
AUDIO_SESSION = "2A39603DDB0F47CFB32E96C8366084AE"
AUDIO_FOLDER = (
    "mp4/55524C20455854200000016BB6AD004E/55524C20455854200000016BB6AD004E_4D7446C8141EE167_1562253592803"
    "_eb3f1268-6bdb-4884-8d76-2db582b53e0a/1"
)
STORAGE_INFO = (
    "W3sic3RvcmFnZV9wdXJwb3NlIjoidHMiLCJzdG9yYWdlX3R5cGUiOiJTMyIsInN0b3JhZ2VfZW5hYmxlIjp0cnVlLCJzdG9yYWdlX2xv"
    "Y2F0aW9uIjoidXMtd2VzdC0yIiwic3RvcmFnZV9yb290X2ZvbGRlciI6IiIsInN0b3JhZ2VfbmFtZSI6ImNoLW9yLTAwMSIsInN0b3Jh"
    "Z2VfZGVzY3JpcHRpb24iOiIifSx7InN0b3JhZ2VfcHVycG9zZSI6Im1wNCIsInN0b3JhZ2VfdHlwZSI6IlMzIiwic3RvcmFnZV9lbmFi"
    "bGUiOnRydWUsInN0b3JhZ2VfbG9jYXRpb24iOiJ1cy13ZXN0LTIiLCJzdG9yYWdlX3Jvb3RfZm9sZGVyIjoiIiwic3RvcmFnZV9uYW1l"
    "IjoiY2gtb3ItMDAxIiwic3RvcmFnZV9kZXNjcmlwdGlvbiI6IiJ9LHsic3RvcmFnZV9wdXJwb3NlIjoidXBsb2FkIiwic3RvcmFnZV90"
    "eXBlIjoiUzMiLCJzdG9yYWdlX2VuYWJsZSI6dHJ1ZSwic3RvcmFnZV9sb2NhdGlvbiI6InVzLWVhc3QtMSIsInN0b3JhZ2Vfcm9vdF9m"
    "b2xkZXIiOiIxM2VmZmJiMGI0ODc0YWQ5OGJlNjY2NTRiMjkxMTQ5YS9DSEFOTkVML1ZJREVPIiwic3RvcmFnZV9uYW1lIjoicHAtdmEt"
    "MDAxIiwic3RvcmFnZV9kZXNjcmlwdGlvbiI6IiIsInN0b3JhZ2VfcGF0aF9pZCI6IjM1Zjg2ZDdjZmYwYzQyN2JhYmQxNWZkZmQ4NjBj"
    "MDA3In1d"
)
EXPORT = {
    "FetchMedia": True,
    "StartTime": "00:46:13",
    "StartPos": 1673293611963,
    "Duration": 677603,
    "HiResFilePath": "CHANNEL/RECORDING/2b2435aef29148dc9e0ac596f3db0fb1-74c8ae93c76f4d66ba08b5b7b992e6ce-904139/"
    "1a6a864933f74e758ced8c37c98bdbb0/1/play.m3u8",
    "FileName": "CHANNELRECORDING2b_v2dv",
    "SessionId": "3963454BAED749A28CF1A6B3F49ED557",
    "storage_info": STORAGE_INFO,
    "export_type": 0,
    "is_cover": True,
    "media_type": "ts",
    "ServiceCaller": "trimmer_tool.tvunetworks.com_",
    "userid": "erinzhang1@tvu.com",
}
MEDIA_SESSION = "3963454BAED749A28CF1A6B3F49ED557"


def audio_request(**changes: Any) -> dict[str, Any]:
    """The documented request for audio, with some fields changed; None leaves one out."""
    return _changed(parse_printed(EXPORT_AUDIO.encode()), changes)


def media_request(**changes: Any) -> dict[str, Any]:
    """The documented request for media, with some fields changed; None leaves one out."""
    return _changed(dict(EXPORT), changes)


def storage_info(*places: dict[str, Any], percent: Any = None) -> str:
    """Write places as the field has them; `percent` encodes the JSON before the Base64."""
    text = json.dumps(list(places), ensure_ascii=False)
    return base64.b64encode((percent(text) if percent else text).encode()).decode()


def place(purpose: str, bucket: str = "media", folder: str = "", **more: Any) -> dict[str, Any]:
    """One place of a storage_info."""
    return {
        "storage_purpose": purpose,
        "storage_type": "S3",
        "storage_enable": True,
        "storage_location": "us-east-1",
        "storage_root_folder": folder,
        "storage_name": bucket,
        "storage_description": "",
        **more,
    }


def _changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (body | changes).items() if value is not None}
