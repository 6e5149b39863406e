"""What the contracts take as the name of a bucket and of its region: the same in all of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from daemon.storage.interfaces import RefusedError
from daemon.storage.keys import checked_bucket


def _bucket(name: str) -> str:
    try:
        return checked_bucket(name) if name else ""
    except RefusedError:
        raise PydanticCustomError("bucket", "should be the name of a bucket") from None


BucketName = Annotated[str, AfterValidator(_bucket)]
"""Empty: none."""
RegionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{0,64}$")]
"""Empty: the one that is configured."""
