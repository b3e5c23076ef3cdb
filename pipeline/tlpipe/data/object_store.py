"""The objects of a store that speaks S3's protocol, by s3fs, which the extra ``s3`` installs.

The endpoint and the credentials are those of the environment, as every program of AWS finds them, and of fsspec's
configuration. All errors of the store are told here: MissingInput, BadData or Unavailable.
"""

import functools
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from tlpipe.data.location import Remote
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from s3fs import S3FileSystem

CONNECTIONS = 32
"""Maximum number of connections to a store."""
CONNECT_SECONDS, READ_SECONDS = 10, 10
"""After so long without an answer, an attempt has failed."""
PATIENCE_SECONDS = 15
"""No attempt begins later than this after the first one."""
_PAUSES = (0.5, 1, 2, 4, 4)
"""Seconds before each attempt after the first."""
_BLOCK = 8 << 20
"""Bytes that are read in advance from an object that is read as a file."""
_PAGE = 1000
"""Keys that are listed at once, the maximum of S3."""

_WHO = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a public bucket FSSPEC_S3_ANON=true."
_AGAIN = "Check the network and AWS_ENDPOINT_URL, and run the command again."
_NOT_ACCEPTED = (
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"),
    *("RequestTimeTooSkewed", "AccountProblem", "NotSignedUp", "InvalidSecurity", "AuthorizationHeaderMalformed"),
)
"""What a store says of credentials that are wrong for all its objects."""

T = TypeVar("T")


class Denied(Unavailable):
    """The credentials do not permit to read an object; nor does S3 say that it is missing to who may not list keys."""


@dataclass(frozen=True)
class Object:
    """An object: its size in bytes, and a ``tag`` that changes with its content."""

    place: Remote
    size: int
    tag: str


def check_installed() -> None:
    """Raise Unavailable if s3fs is not installed."""
    _s3fs()


def look(place: Remote) -> Object | None:
    """The object at a URL; None if there is none, but others below it.

    Raise MissingInput if there are none, either.
    """
    key = place.key
    if key and not key.endswith("/"):
        try:
            found = _call(place, "head_object", Bucket=place.bucket, Key=key)
            return Object(place, found["ContentLength"], _tag(found))
        except MissingInput:
            pass
    if _call(place, "list_objects_v2", Bucket=place.bucket, Prefix=_prefix(place), MaxKeys=1).get("Contents"):
        return None
    raise MissingInput("no such object, nor any below it", "Check the bucket and the key.", where=place)


def objects(place: Remote) -> Iterator[Object]:
    """All objects below a prefix, in the order in which the store lists them: that of their keys. In memory is a page
    of them. Raise MissingInput if there is no such bucket."""
    more: dict[str, object] = {}
    while True:
        page = _call(place, "list_objects_v2", Bucket=place.bucket, Prefix=_prefix(place), MaxKeys=_PAGE, **more)
        for each in page.get("Contents", ()):
            yield Object(place.beside(each["Key"]), each["Size"], _tag(each))
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def head(place: Remote, count: int) -> bytes:
    """The first ``count`` bytes of an object. Raise MissingInput."""
    try:
        return _told(place, lambda: bytes(_store().cat_file(_path(place), start=0, end=count)))
    except _Empty:
        return b""


def opened(place: Remote) -> BinaryIO:
    """An object as a file. Raise MissingInput. Reading it raises Unavailable if the store is lost."""
    file = _told(place, lambda: _store().open(_path(place), "rb", block_size=_BLOCK, cache_type="readahead"))
    return cast("BinaryIO", io.BufferedReader(_Reading(place, file)))


class _Lost(Unavailable):
    """The store cannot be reached, or fails: another attempt may succeed."""


class _Empty(BadData):
    """An object without content, of which a range was asked."""


class _Reading(io.RawIOBase):
    """A file of s3fs, whose errors are told."""

    def __init__(self, place: Remote, file: BinaryIO) -> None:
        self._place, self._file = place, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        read = _told(self._place, lambda: self._file.read(len(view)))
        view[: len(read)] = read
        return len(read)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _prefix(place: Remote) -> str:
    key = place.key.rstrip("/")
    return f"{key}/" if key else ""


def _path(place: Remote) -> str:
    return f"{place.bucket}/{place.key}"


def _tag(found: dict[str, Any]) -> str:
    return str(found.get("ETag") or found.get("LastModified", ""))


def _call(place: Remote, method: str, **arguments: object) -> dict[str, Any]:
    """The answer to a request of S3's protocol."""
    answer: dict[str, Any] = _told(place, lambda: _store().call_s3(method, **arguments))
    return answer


def _told(place: Remote, action: Callable[[], T]) -> T:
    """The result of an action, which is tried again while the store is lost, for a short time."""
    begun = time.monotonic()
    for pause in (*_PAUSES, PATIENCE_SECONDS):
        try:
            return action()
        except Exception as error:
            ours = _as_ours(error, place)
            if ours is None:
                raise
            if not isinstance(ours, _Lost) or time.monotonic() + pause >= begun + PATIENCE_SECONDS:
                raise ours from error
        time.sleep(pause)
    raise AssertionError("the last pause is too long")


def _as_ours(error: Exception, place: Remote) -> TlpipeError | None:
    """The error in the place of one of s3fs and what it stands on; None if it is none of them."""
    if isinstance(error, TlpipeError):
        return error
    from aiohttp import ClientError as ConnectionFailed
    from botocore import exceptions, parsers
    from s3fs.utils import FileExpired

    refused = error if isinstance(error, exceptions.ClientError) else error.__cause__
    code = refused.response["Error"].get("Code", "") if isinstance(refused, exceptions.ClientError) else ""
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, FileExpired):
        return BadData("changed while it was read", "Run the command again.", where=place)
    if code in ("NoSuchBucket", "InvalidBucketName"):
        return MissingInput(f"no such bucket: {place.bucket}", "Check its name.", where=place)
    if isinstance(error, FileNotFoundError) or code in ("KeyTooLongError", "InvalidURI"):
        return MissingInput("no such object", "Check the bucket and the key.", where=place)
    if code in ("InvalidRange", "416"):
        return _Empty("0 bytes", "Name another object.", where=place)
    if code in _NOT_ACCEPTED:
        return Unavailable(f"the store does not accept the credentials ({code})", _WHO, where=place)
    if isinstance(error, PermissionError):
        return Denied(f"access is denied ({code or reason})", _WHO, where=place)
    credentials = (
        *(exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError),
        *(exceptions.ProfileNotFound, exceptions.SSOError, exceptions.TokenRetrievalError),
    )
    if isinstance(error, credentials):
        return Unavailable(f"no credentials ({reason})", _WHO, where=place)
    unreachable = (exceptions.ConnectionError, exceptions.HTTPClientError, parsers.ResponseParserError)
    if isinstance(error, (*unreachable, ConnectionFailed, OSError)):
        return _Lost(f"the store cannot be read ({reason})", _AGAIN, where=place)
    if isinstance(error, exceptions.BotoCoreError | ValueError):  # such as an endpoint that is no URL
        return Unavailable(f"the store cannot be read ({reason})", _AGAIN, where=place)
    return None


def _s3fs() -> ModuleType:
    try:
        return import_module("s3fs")
    except ImportError as error:
        raise Unavailable(f"s3:// needs s3fs ({error})", "pip install 'tlpipe[s3]'") from error


_making = threading.Lock()


def _store() -> "S3FileSystem":
    """The store, one for this process, whose threads share its connections."""
    with _making:
        return _made(os.getpid())


@functools.cache
def _made(_: int) -> "S3FileSystem":
    made = _s3fs().S3FileSystem
    from fsspec.config import conf

    ours = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": CONNECTIONS,
    }
    settings = ours | conf.get("s3", {}).get("config_kwargs", {})
    store: S3FileSystem = made(config_kwargs=settings, use_listings_cache=False, skip_instance_cache=True)
    store.retries = 1
    return store
