"""Parquet files, by pyarrow, which the extra ``parquet`` installs: images that are read, and scores that are written.

An image column has the bytes of image files, or the structs of Hugging Face, {bytes, path}.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO

from tlpipe.data import content
from tlpipe.data.location import Location
from tlpipe.scoring.sources import NoImages, Place, Placed
from tlpipe.scoring.work import Item
from tlpipe.storage.disk_errors import raise_of_the_disk
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData, TlpipeError, Unavailable

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SUFFIX = ".parquet"
MARK = b"PAR1"
"""The first bytes of a file."""
_BATCH = 16
"""Images that are in memory at once."""
_BUFFER = 1 << 20
"""Bytes of a column that are read at once: by itself, pyarrow reads the column of a row group at once."""
_PIECE = 2_000_000
"""Bytes of JSON lines that are written at once, about 10,000 rows."""
_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "photo", "picture", "image_bytes")
"""The names of columns that are taken first, in this order."""


def check_installed() -> None:
    """Raise Unavailable if pyarrow is not installed."""
    _pyarrow()


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    """pyarrow and pyarrow.parquet."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise Unavailable(f"Parquet needs pyarrow ({error})", "pip install 'tlpipe[parquet]'") from error


@dataclass(frozen=True)
class Table:
    """``Source``: the images in a column of a Parquet file, whose names are those of the file and of the row from 0."""

    path: Location

    def total(self) -> int | None:
        """The number of rows. Raise BadData if no column has images."""
        file = self._opened()
        _column(file.schema_arrow, self.path)
        return int(file.metadata.num_rows)

    def images(self, after: Place) -> Iterator[Placed]:
        """As ``Source.images``."""
        file = self._opened()
        column, number = _column(file.schema_arrow, self.path), 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if number + count <= after.number:
                number += count
                continue
            for value in self._values(file, group, column):
                number += 1
                if number > after.number:
                    yield Placed(self._item(value, number - 1), Place(number))
        if not number:
            raise NoImages("no rows", "Name another file.", where=self.path)

    def _opened(self) -> "pq.ParquetFile":
        _, parquet = _pyarrow()
        try:
            file = self.path if isinstance(self.path, Path) else content.opened(self.path)
            return parquet.ParquetFile(file, buffer_size=_BUFFER)
        except Exception as error:
            raise self._damaged(error) from error

    def _values(self, file: "pq.ParquetFile", group: int, column: str) -> Iterator[object]:
        """The values of a column in a row group."""
        batches = file.iter_batches(_BATCH, row_groups=[group], columns=[column], use_threads=False)
        try:
            for batch in batches:
                for value in batch.column(0):
                    yield value.as_py()
        except Exception as error:
            raise self._damaged(error) from error

    def _item(self, value: object, row: int) -> Item:
        name = f"{self.path}/row {row}"
        image = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(image, bytes):
            return Item(name, image)
        path = value.get("path") if isinstance(value, dict) else None
        return Item(name, None, f"no bytes, only the path {path}" if path else "no image in this row")

    def _damaged(self, error: Exception) -> TlpipeError:
        """The error in the place of those of pyarrow, which has many for damaged bytes."""
        if isinstance(error, TlpipeError):  # of the store
            return error
        raise_of_the_disk(error)
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        return BadData(f"a damaged Parquet file ({reason[:200]})", "Copy or download it again.", where=self.path)


def _column(schema: "pa.Schema", path: Location) -> str:
    """The column of the images: by its type, and of several by its name. Raise BadData."""
    arrow, _ = _pyarrow()

    def is_bytes(kind: object) -> bool:
        return bool(arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind))

    def holds_images(kind: "pa.DataType") -> bool:
        if arrow.types.is_struct(kind):
            return any(field.name == "bytes" and is_bytes(field.type) for field in kind)
        return is_bytes(kind)

    found = [field.name for field in schema if holds_images(field.type)]
    if len(found) == 1:
        return found[0]
    chosen = next((name for name in _NAMES for each in found if each.lower() == name), None)
    if chosen is not None:
        return next(each for each in found if each.lower() == chosen)
    if found:
        reason = f"several columns could have the images: {_shown(found)}"
        raise BadData(reason, f"Rename the right one to {_NAMES[0]}.", where=path)
    columns = ", ".join(f"{field.name} ({field.type})" for field in list(schema)[: 4 * kinds.MAX_NAMES])
    advice = "An image column has the bytes of image files, or structs with bytes and path."
    raise BadData(f"no column has images: there is {columns}", advice, where=path)


def _shown(names: list[str]) -> str:
    return ", ".join(names[: 4 * kinds.MAX_NAMES])


def write(rows: BinaryIO, file: Path) -> None:
    """Write JSON lines, as ``formats`` makes them, to a Parquet file, some at a time. Raise OSError."""
    arrow, parquet = _pyarrow()
    score = arrow.struct([("label", arrow.string()), ("score", arrow.float32())])
    schema = arrow.schema(
        [
            ("source", arrow.string()),
            ("label", arrow.string()),
            ("score", arrow.float32()),
            ("top_k", arrow.list_(score)),
            ("error", arrow.string()),
        ]
    )
    with file.open("wb") as stream, parquet.ParquetWriter(stream, schema) as writer:
        while lines := rows.readlines(_PIECE):
            writer.write_table(arrow.Table.from_pylist(list(map(json.loads, lines)), schema=schema))
