"""What the tests of the stores share."""

from __future__ import annotations

import pytest

from tests.support.clip_store import Clock
from tests.support.object_store import object_credentials, object_server

__all__ = ["clock", "object_credentials", "object_server"]


@pytest.fixture
def clock() -> Clock:
    return Clock()
