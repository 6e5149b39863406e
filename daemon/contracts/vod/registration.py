"""Registers assets: what may be one, and where what is made of it may go."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from urllib.parse import unquote

from daemon.accounts import Account
from daemon.contracts.vod import replies
from daemon.contracts.vod.assets import AUDIO_FOLDER, Asset, Assets, new_asset_id
from daemon.contracts.vod.formats import FORMS
from daemon.contracts.vod.replies import RefusedError
from daemon.contracts.vod.schema import MAX_TITLE_BYTES, CreateAssetRequest, UploadMetaData
from daemon.storage.interfaces import Location, Place, StorageError, Stores
from daemon.storage.interfaces import RefusedError as StorageRefusedError
from daemon.storage.keys import checked_key
from pipeline.network.addresses import AddressPolicy
from pipeline.network.urls import AddressError

LONGEST_RESULT = f"{new_asset_id()}.{max(FORMS.values(), key=len)}"
LOOK_S = 10.0
"""How long a store may take to say whether an object is there."""


class Registration:
    """Makes assets of requests."""

    def __init__(self, assets: Assets, stores: Stores, addresses: AddressPolicy) -> None:
        self._assets = assets
        self._stores = stores
        self._addresses = addresses

    async def create(self, account: Account, asked: CreateAssetRequest) -> Asset:
        """Register one asset. Raises RefusedError, LedgerError."""
        place = None
        if asked.input is not None:
            place = Place(Location(asked.input.bucket, asked.input.location), asked.input.object)
            self._check_place(account, place, "input")
            await self._check_there(place)
        output = None
        if asked.output_bucket or asked.output_path:
            region = place.location.region if place is not None else ""
            output = Place(Location(asked.output_bucket, region), asked.output_path)
        elif place is None:
            # Said now: at the time of the extraction it would be too late.
            self._check_place(account, AUDIO_FOLDER, "output_bucket")
        if output is not None:
            self._check_place(account, output, "output_bucket")
            self._check_room(output)
        return await self._register(account, asked, asked.url or "", place, output)

    async def create_at(self, account: Account, asked: UploadMetaData) -> Asset:
        """Register an asset at an address. Raises RefusedError, LedgerError."""
        self._check_place(account, AUDIO_FOLDER, "url")
        return await self._register(account, asked, asked.url, None, None)

    async def _register(
        self,
        account: Account,
        asked: CreateAssetRequest | UploadMetaData,
        url: str,
        place: Place | None,
        output: Place | None,
    ) -> Asset:
        path = PurePosixPath(self._path_of(url) if place is None else place.key)
        now = self._assets.now()
        asset = Asset(
            asset_id=new_asset_id(),
            title=asked.title or _cut(path.stem),
            created_at=now,
            modified_at=now,
            description=asked.description,
            video_type=asked.video_type or path.suffix.lstrip(".").upper()[:8],
            category_id=-1 if asked.category_id is None else asked.category_id,
            tags=asked.tags,
            url=url,
            place=place,
            output=output,
        )
        await self._assets.register(account.name, asset)
        return asset

    def _path_of(self, url: str) -> str:
        """Return the path of an address that may be read."""
        try:
            # `callback`: plain HTTP and HTTPS, nothing else.
            return unquote(self._addresses.check_url(url, "callback").path.partition("?")[0])
        except AddressError as error:
            raise RefusedError(replies.BAD_PARAMETER, f"url: {error}") from None

    def _check_place(self, account: Account, place: Place, field: str) -> None:
        if not account.may_use(place.location.bucket):
            raise RefusedError(replies.FORBIDDEN, f"{field}: the account may not use this bucket.")
        try:
            self._stores.at(place.location)
        except StorageRefusedError as error:
            raise RefusedError(replies.BAD_PARAMETER, f"{field}: {error}.") from None

    @staticmethod
    def _check_room(output: Place) -> None:
        """Say now that the names of results would be too long: after the work it would be too late."""
        try:
            checked_key(output.child(LONGEST_RESULT).key)
        except StorageRefusedError as error:
            raise RefusedError(replies.BAD_PARAMETER, f"output_path: {error}.") from None

    async def _check_there(self, place: Place) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                info = await self._stores.at(place.location).info(place.key)
        except TimeoutError:
            raise RefusedError(replies.AWAY, "input: the store does not answer.") from None
        except StorageError as error:
            fault = replies.AWAY if error.retryable else replies.BAD_PARAMETER
            raise RefusedError(fault, f"input: {error}.") from None
        if info is None:
            raise RefusedError(replies.NOT_FOUND, "input: there is no such object.")


def _cut(text: str) -> str:
    """Return as much of a text as a title may have."""
    return text.encode("utf-8", "replace")[:MAX_TITLE_BYTES].decode("utf-8", "ignore")
