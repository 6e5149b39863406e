"""What the tests of the clip store share."""

from __future__ import annotations

import pytest

from tests.support.clip_store import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
