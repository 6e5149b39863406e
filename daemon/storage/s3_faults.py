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
REFUSED = {
    "400", "401", "403", "AccessDenied", "AccountProblem", "AllAccessDisabled",
    "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "EntityTooLarge",
    "EntityTooSmall", "ExpiredToken", "InvalidAccessKeyId", "InvalidArgument",
    "InvalidBucketName", "InvalidObjectState", "InvalidPart", "InvalidRange", "InvalidSecurity",
    "InvalidToken", "KeyTooLongError", "PermanentRedirect", "301", "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}  # fmt: skip
CANNOT_JOIN = {"501", "NotImplemented", "XNotImplemented", "405", "MethodNotAllowed", "InvalidRequest"}
"""What stores say that know no copies of parts, or none between these two places."""
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
        return RefusedError(f"there are no usable credentials for {name}")
    if isinstance(error, SETTINGS):
        return RefusedError(f"{name} cannot be asked for that: a bucket, region or address is invalid")
    if isinstance(error, TimeoutError):
        return StorageError(f"{name} does not answer in time")
    if isinstance(error, AWAY):
        return StorageError(f"{name} cannot be reached")
    if code == "NoSuchBucket":
        return MissingObjectError(f"{name} has no such bucket")
    for codes, kind, sentence in (
        (MISSING, MissingObjectError, "has no such object"),
        (EXISTS, ObjectExistsError, "has an object of that name already"),
        (REFUSED, RefusedError, f"refuses ({code})"),
    ):
        if code in codes:
            return kind(f"{name} {sentence}")
    return StorageError(f"{name} fails ({code or type(error).__name__})")


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
