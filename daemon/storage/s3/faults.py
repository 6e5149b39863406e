"""What object stores answer when they refuse or fail, as kinds of StorageError."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from daemon.storage.interfaces import (
    CannotJoinError,
    MissingObjectError,
    ObjectExistsError,
    RefusedError,
    StorageError,
)

EXPECTED = (ClientError, BotoCoreError, aiohttp.ClientError, OSError)
"""What a call of the library raises when the store, the network or the credentials are at fault."""

MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NoSuchUpload", "NotFound"}
EXISTS = {"412", "PreconditionFailed"}
TRANSIENT = {"RequestTimeout", "RequestThrottled", "Throttling", "ThrottlingException"}
"""Said with a status that otherwise means that asking again is useless."""
TRANSIENT_STATUS = {408, 409, 425, 429}
CANNOT_JOIN = {"501", "NotImplemented", "XNotImplemented", "405", "MethodNotAllowed", "InvalidRequest"}
"""What stores say that know no such request: copies of parts, or none between these two places."""
CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound)
SETTINGS = (NoRegionError, ParamValidationError)
AWAY = (EndpointConnectionError, HTTPClientError, BotoConnectionError, aiohttp.ClientError, OSError)
CODE = re.compile(r"[A-Za-z0-9]{1,64}")


def code_of(error: BaseException) -> str:
    """Return the store's own word for what is wrong, such as `NoSuchKey`; empty: it did not say."""
    if not isinstance(error, ClientError):
        return ""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if CODE.fullmatch(code) else ""


def fault_of(error: BaseException, store: str) -> StorageError:
    """Return what to raise for one of EXPECTED; `store` is its host.

    The text has neither key nor bucket nor anything else that the store or the library wrote: both repeat
    addresses, whose query can be a signature.
    """
    code = code_of(error)
    name = f"the object store {store}"
    if isinstance(error, CREDENTIALS):
        return no_credentials(store)
    if isinstance(error, SETTINGS):
        return RefusedError(f"{name} cannot be asked for that: a bucket, region or address is invalid")
    if isinstance(error, TimeoutError):
        return StorageError(f"{name} does not answer in time")
    if isinstance(error, AWAY):
        return StorageError(f"{name} cannot be reached")
    if code == "NoSuchBucket":
        return MissingObjectError(f"{name} has no such bucket")
    if code in MISSING:
        return MissingObjectError(f"{name} has no such object")
    if code in EXISTS:
        return ObjectExistsError(f"{name} has an object of that name already")
    if _is_final(error):
        return RefusedError(f"{name} refuses ({code or 'without saying why'})")
    return StorageError(f"{name} fails ({code or type(error).__name__})")


def no_credentials(store: str) -> RefusedError:
    """Return what to raise where the standard chain finds nothing."""
    return RefusedError(f"there are no usable credentials for the object store {store}")


def _is_final(error: BaseException) -> bool:
    if not isinstance(error, ClientError):
        return False
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code_of(error) in CANNOT_JOIN:
        return True
    return 300 <= status < 500 and status not in TRANSIENT_STATUS and code_of(error) not in TRANSIENT


def join_fault_of(error: BaseException, store: str) -> StorageError:
    """Like `fault_of`, for the copy of a part."""
    if code_of(error) in CANNOT_JOIN:
        return CannotJoinError(f"the object store {store} cannot join these by itself ({code_of(error)})")
    return fault_of(error, store)


@contextmanager
def told(store: str) -> Iterator[None]:
    """Turn EXPECTED into StorageError."""
    try:
        yield
    except EXPECTED as error:
        raise fault_of(error, store) from None
