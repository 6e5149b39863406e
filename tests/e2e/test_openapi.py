"""The published description is true: whatever it allows is answered as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.e2e.conftest import PROJECT, SESSION, TOKEN
from tests.support.consumer import Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess

EXAMPLES = 40
FINISH = "/finish_audiostream/v4"
EXPORT_AUDIO = "/exportaudio"
EXPORT_MEDIA = "/api/resource/v1/i/export"
ASSET = "/v1.0/{project_id}/asset"
OPERATIONS = [
    ("POST", "/audiostream/v4"),
    ("POST", FINISH),
    ("POST", "/query_audiostream/v4"),
    ("POST", EXPORT_AUDIO),
    ("POST", EXPORT_MEDIA),
    ("POST", ASSET),
    ("POST", f"{ASSET}/reproduction"),
    ("POST", f"{ASSET}/upload_by_url"),
    ("POST", f"{ASSET}/extract_audio"),
    ("DELETE", f"{ASSET}/extract_audio"),
    ("GET", f"{ASSET}/details"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


async def test_every_operation_is_known_here(platform: Platform) -> None:
    status, body = await platform.get("/openapi.json")
    assert status == 200
    schema = schemathesis.openapi.from_file(body.decode())
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    found = {(each.method.upper(), each.path) for each in operations}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_answers_are_as_described(daemon: DaemonProcess, method: str, path: str) -> None:
    """Generated requests, valid and not, half of them with a key that is known: no 5xx, no other shape."""
    schema = schemathesis.openapi.from_url(f"{daemon.url}/openapi.json")
    await asyncio.to_thread(_attack(schema, method, path))


def _attack(schema: Any, method: str, path: str) -> Callable[[], None]:
    operation = schema[path][method]

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def attack(case: Any) -> None:
        for key in (None, ACCESS_KEY):
            if key is not None and path.startswith(ASSET):
                case.path_parameters = {"project_id": PROJECT}
                case.headers = {"X-Auth-Token": TOKEN}
            elif key is not None and isinstance(case.body, dict):
                case.body |= {"accessKey": key, "SessionId": SESSION}
            # An asset that is not there is a 400 in the vendor's contract: not all that is valid is taken.
            unfit = [positive_data_acceptance] if path.startswith(ASSET) else []
            response = case.call_and_validate(timeout=30, excluded_checks=unfit)
            answer = response.json() if method == "POST" else {}
            if answer.get("code") == 1100 and path == "/audiostream/v4":
                finish = {"accessKey": ACCESS_KEY, "requestId": answer["requestId"]}
                case.operation.schema[FINISH]["POST"].Case(
                    body=finish, media_type="application/json"
                ).call_and_validate(timeout=30)

    return attack
