"""An object store on loopback that speaks S3's protocol, by moto, with what tests put there."""

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}
_OF_THE_USER = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "FSSPEC_S3_ANON", "FSSPEC_S3_ENDPOINT_URL")

_numbers = itertools.count()


class Store:
    """A store that can be stopped and started again; it keeps its objects."""

    def __init__(self) -> None:
        self._port = 0
        self.start()
        self.endpoint = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Begin to listen, at the same port as before."""
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or each request is a line on stderr
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()

    def stop(self) -> None:
        """Refuse all connections."""
        self._server.stop()

    def client(self) -> Any:
        """A client of boto3."""
        import boto3

        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.endpoint, **keys)

    def bucket(self) -> "Bucket":
        """A new one."""
        name = f"bucket-{next(_numbers)}"
        self.client().create_bucket(Bucket=name)
        return Bucket(self, name)


class Bucket:
    """A bucket, to put objects into."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.url = f"s3://{name}"
        self._client = store.client()

    def put(self, key: str, content: bytes | str) -> str:
        """Put an object, which everyone may read; give its URL."""
        self._client.put_object(Bucket=self.name, Key=key, Body=content, ACL="public-read")
        return f"{self.url}/{key}"

    def put_all(self, folder: Path, prefix: str) -> str:
        """Put the files of a folder below a prefix; give its URL."""
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            self.put(f"{prefix}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        return f"{self.url}/{prefix}"

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._client.delete_object(Bucket=self.name, Key=key)


@contextmanager
def running() -> Iterator[Store]:
    """A store, until the end of the block."""
    store = Store()
    try:
        yield store
    finally:
        store.stop()


def use(store: Store, patch: pytest.MonkeyPatch) -> None:
    """Let this process and those that it starts find the store, and nothing of the user."""
    from tlpipe.data import object_store

    for name in _OF_THE_USER:
        patch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        patch.setenv(name, value)
    patch.setenv("AWS_ENDPOINT_URL", store.endpoint)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    patch.setenv("AWS_CONFIG_FILE", "/dev/null")
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    object_store._made.cache_clear()
