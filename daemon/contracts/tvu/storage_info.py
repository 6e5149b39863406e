"""`storage_info`: where the source is and where the result goes, as JSON within Base64."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal
from urllib.parse import unquote_to_bytes

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from daemon.contracts.body import BodyError, parse_json
from daemon.contracts.places import BucketName, RegionName
from daemon.contracts.tvu.replies import RefusedError, explain
from daemon.contracts.tvu.schema import UNUSABLE, Part
from daemon.storage.interfaces import Location, Place

FIELD = "storage_info"
MAX_PLACES = 32


def _folder(value: str) -> str:
    folder = value.strip("/")
    if any(part in ("", ".", "..") for part in folder.split("/")) and folder:
        raise ValueError("should be a folder without empty parts or `..`")
    if UNUSABLE.search(folder):
        raise ValueError("should hold no backslash and no control characters")
    return folder


class Entry(Part):
    """One place, and what it is for."""

    storage_purpose: Annotated[str, StringConstraints(max_length=64)]
    storage_type: Annotated[str, StringConstraints(max_length=64)] = "S3"
    storage_enable: bool = True
    storage_location: RegionName = ""
    storage_name: BucketName = ""
    storage_root_folder: Annotated[str, StringConstraints(max_length=900), AfterValidator(_folder)] = ""
    storage_description: str = ""
    storage_path_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,128}$")] = ""


ENTRIES = TypeAdapter(Annotated[list[Entry], Field(max_length=MAX_PLACES)])


class StorageInfo:
    """The folders of a request; the first enabled one of a purpose counts."""

    def __init__(self, text: str, *, uri_encoded: bool) -> None:
        """Read the field. Raises RefusedError."""
        self._places: dict[str, Place] = {}
        self._path_ids: dict[str, str] = {}
        for entry in _entries(text, uri_encoded):
            if entry.storage_enable:
                purpose = entry.storage_purpose.lower()
                self._places.setdefault(purpose, _place(entry))
                self._path_ids.setdefault(purpose, entry.storage_path_id)

    def source(self, *purposes: Literal["ts", "mp4"]) -> Place:
        """Return where the source is: the first of the purposes that is there. Raises RefusedError."""
        for purpose in purposes:
            if purpose in self._places:
                return self._places[purpose]
        raise RefusedError(f"{FIELD} should hold an enabled place for the purpose ts or mp4")

    def upload(self, default_id: str) -> Place:
        """Return the folder of the result; `default_id` names it when the request does not.

        Raises RefusedError.
        """
        if "upload" not in self._places:
            raise RefusedError(f"{FIELD} should hold an enabled place for the purpose upload")
        return self._places["upload"].child(self._path_ids["upload"] or default_id)


def _place(entry: Entry) -> Place:
    kind = entry.storage_type.upper()
    if kind == "LOCAL":
        return Place(Location(), entry.storage_root_folder)
    if kind != "S3":
        raise RefusedError(f"{FIELD}: storage_type should be S3 or LOCAL")
    if not entry.storage_name:
        raise RefusedError(f"{FIELD}: storage_name should name a bucket")
    location = Location(entry.storage_name, entry.storage_location)
    return Place(location, entry.storage_root_folder)


def _entries(text: str, uri_encoded: bool) -> list[Entry]:
    try:
        return ENTRIES.validate_python(parse_json(_decoded(text, uri_encoded)))
    except BodyError as error:
        detail = str(error).removeprefix("the body ")
        raise RefusedError(f"{FIELD}: what the Base64 holds {detail}") from None
    except ValidationError as error:
        raise RefusedError(f"{FIELD}: {explain(error)}") from None


def _decoded(text: str, uri_encoded: bool) -> bytes:
    """Undo the Base64, and percent-encoding around it or in it."""
    raw = unquote_to_bytes(text) if uri_encoded else text.encode("utf-8", "surrogatepass")
    raw = b"".join(raw.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        held = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(f"{FIELD} is not Base64") from None
    if uri_encoded and not held.lstrip().startswith((b"[", b"{")):
        held = unquote_to_bytes(held)
    return held
