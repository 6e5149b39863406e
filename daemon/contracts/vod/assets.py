"""The assets of all projects, as documents in the ledger."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic_core import from_json

from config.errors import AudiowardenError
from daemon.contracts.vod.messages import MetaData
from daemon.exports.export import MediaSource, WebAddress
from daemon.ledger.interfaces import Documents
from daemon.storage.interfaces import Location, Place
from daemon.unreadable import Unreadable

KIND = "vod.asset"
AUDIO_FOLDER = Place(Location(), "extracted-audio")
"""Under the media root: audio of assets that are at an address, unless another place was asked for."""

UNREADABLE_ASSET = "unreadable asset"
"""The `error_code` of an extraction that failed for that reason: what it was to make may be left as it is."""
END_OF_YEAR_9999_S = 253_402_300_799
EpochS = Annotated[float, Field(ge=0, le=END_OF_YEAR_9999_S)]
"""Seconds since the epoch, of a year that can be written with four digits."""


class UnreadableAssetError(AudiowardenError):
    """Another version of the program wrote the asset down, and this one cannot read it.

    Another daemon of a cluster may be of the version that can.
    """

    retryable = True

    def __init__(self) -> None:
        super().__init__(
            "The media asset was written by another version of this program, in a form that this one does "
            "not know."
        )


class AssetStatus(StrEnum):
    """How an asset is, in the vendor's words."""

    CREATED = "CREATED"
    WAITING = "WAITING_TRANSCODE"
    WORKING = "TRANSCODING"
    SUCCEEDED = "TRANSCODE_SUCCEED"
    FAILED = "TRANSCODE_FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Asset:
    """A recording that was registered, or audio that was extracted from one."""

    asset_id: str
    title: str
    created_at: EpochS
    modified_at: EpochS
    status: AssetStatus = AssetStatus.CREATED
    description: str = ""
    video_type: str = ""
    category_id: int = -1
    tags: str = ""
    url: str = ""
    """Where it is, when it is not in a store."""
    place: Place | None = None
    """Where it is in a store. Of audio: where it will be."""
    output: Place | None = None
    """The folder for what is made of it; None: beside it."""
    made_from: str = ""
    """Of audio: the asset that it is extracted from."""
    meta_data: Mapping[str, Any] = field(default_factory=dict)
    """What is known of its content, in the vendor's fields."""
    error_code: str = ""
    error_msg: str = ""
    """Why there is no audio."""

    @property
    def name(self) -> str:
        """The name of its file."""
        path = self.url.partition("?")[0].partition("#")[0] if self.place is None else self.place.key
        return path.rpartition("/")[2]

    @property
    def source(self) -> MediaSource:
        """Where its file is read."""
        if self.place is None:
            return WebAddress(self.url)
        return self.place

    @property
    def results(self) -> Place:
        """The folder for what is made of it."""
        if self.output is not None:
            return self.output
        return AUDIO_FOLDER if self.place is None else self.place.folder

    @classmethod
    def read(cls, body: bytes) -> Asset:
        """Read what `write` wrote; what a later version has added is left out.

        Raises UnreadableAssetError.
        """
        try:
            # Unlike json.loads it refuses lone surrogates, and what is nested too deeply, with a ValueError.
            document = from_json(body)
            stored = document.get("meta_data", {})
            known = {each: stored[each] for each in _META_FIELDS & stored.keys()}
            meta_data = MetaData.model_validate(known).model_dump(exclude_none=True) if stored else {}
            places = {name: _place(document[name]) for name in PLACES}
            return _FIELDS.validate_python({**document, **places, "meta_data": meta_data})
        except (ValueError, LookupError, TypeError, AttributeError):
            raise UnreadableAssetError from None

    def write(self) -> bytes:
        """Return it as JSON."""
        places = {name: _document(getattr(self, name)) for name in PLACES}
        return json.dumps({**asdict(self), **places}, ensure_ascii=False).encode()


PLACES = ("place", "output")
"""The fields of an asset that are places; in its document their locations are no objects of their own."""


_FIELDS = TypeAdapter(Asset)
_META_FIELDS = MetaData.model_fields.keys()


def _place(document: Mapping[str, str] | None) -> dict[str, Any] | None:
    """Return what a place is made of."""
    if document is None:
        return None
    return {"location": {each: document[each] for each in ("bucket", "region")}, "key": document["key"]}


def _document(place: Place | None) -> dict[str, str] | None:
    return None if place is None else {**asdict(place.location), "key": place.key}


class Assets:
    """All assets. Everything raises LedgerError."""

    def __init__(self, documents: Documents, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self._documents = documents
        self._clock = clock
        self._unreadable = Unreadable("stored_asset_not_understood")

    @property
    def not_understood(self) -> int:
        """How many assets other versions left that this one cannot read, since its start."""
        return self._unreadable.counts.total()

    def now(self) -> float:
        """Return epoch seconds, as assets count them."""
        return self._clock()

    async def get(self, account: str, asset_id: str) -> Asset | None:
        """Return an account's asset. Raises UnreadableAssetError."""
        body = await self._documents.get(KIND, account, asset_id)
        try:
            return None if body is None else Asset.read(body)
        except UnreadableAssetError:
            self._unreadable.note(f"{KIND} {account}", asset_id)
            raise

    async def register(self, account: str, asset: Asset) -> None:
        """Keep an asset, unless there is one with this id."""
        await self._documents.create(KIND, account, asset.asset_id, asset.write())

    async def change(self, account: str, asset: Asset) -> None:
        """Keep what has become of an asset."""
        changed = replace(asset, modified_at=self._clock())
        await self._documents.replace(KIND, account, asset.asset_id, changed.write())


def new_asset_id() -> str:
    """Return an id that nobody has had: 32 hex characters, as the vendor's are."""
    return uuid.uuid4().hex


def audio_asset_id(account: str, asset_id: str, audio_format: str) -> str:
    """Return the id of an asset's audio: the same for the same wish, so that asking twice extracts once."""
    return hashlib.sha256(f"{account}\n{asset_id}\n{audio_format}".encode()).hexdigest()[:32]
