"""A small reader of flatbuffers, and the slot numbers of a .tflite file.

A flatbuffer is tables, vectors and strings that refer to each other by relative positions; a table's vtable says where
each of its fields lies (https://flatbuffers.dev/internals/). The file may come from anywhere, so that every position is
checked against the data before it is read: BadData is the only error.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tlpipe_edge.errors import BadData

TFLITE = b"TFL3"
"""The file identifier of a .tflite file: ``file_identifier`` in tensorflow/compiler/mlir/lite/schema/schema.fbs.

The slots below are the positions of the fields in that schema; fields that nothing here reads are left out.
"""

MAX_NUMBERS = 16_384
"""In one vector of scalars: the channels of the widest layer, with room to spare. A damaged file may announce more."""


class ModelTable(IntEnum):
    """The root table. ``BUFFERS`` holds all weights and blobs, ``METADATA`` gives names to some of them."""

    VERSION = 0
    OPERATOR_CODES = 1
    SUBGRAPHS = 2
    DESCRIPTION = 3
    BUFFERS = 4
    METADATA_BUFFER = 5
    METADATA = 6
    SIGNATURE_DEFS = 7
    EXTERNAL_BUFFER_GROUPS = 8
    EXTERNAL_BUFFERS = 9


class SubGraph(IntEnum):
    """A graph; the first is the model. ``INPUTS`` and ``OUTPUTS`` are int32 indices into ``TENSORS``."""

    TENSORS = 0
    INPUTS = 1
    OUTPUTS = 2
    OPERATORS = 3


class TensorTable(IntEnum):
    """``SHAPE`` is int32, ``TYPE`` an int8 of the enum TensorType, ``BUFFER`` a uint32 index into the model's."""

    SHAPE = 0
    TYPE = 1
    BUFFER = 2
    QUANTIZATION = 4
    IS_VARIABLE = 5
    SPARSITY = 6


class Quantization(IntEnum):
    """``SCALE`` is float32 and ``ZERO_POINT`` int64, one a tensor or one a channel of ``DIMENSION`` (int32)."""

    SCALE = 2
    ZERO_POINT = 3
    DIMENSION = 6


class OperatorCode(IntEnum):
    """What an operator does: the larger of an int8 and an int32, as schema.fbs says of its two codes."""

    DEPRECATED_BUILTIN = 0
    CUSTOM = 1
    BUILTIN = 3


class Operator(IntEnum):
    """``CODE`` is a uint32 index into the operator codes; ``INPUTS`` and ``OUTPUTS`` are int32 indices of tensors."""

    CODE = 0
    INPUTS = 1
    OUTPUTS = 2


class Buffer(IntEnum):
    """``DATA`` is bytes; an ``OFFSET`` (uint64) above 1 says that they lie behind the flatbuffer instead."""

    DATA = 0
    OFFSET = 1


class Entry(IntEnum):
    """Of the model's ``METADATA``: a name for a buffer. ``BUFFER`` is a uint32 index into the model's ``BUFFERS``."""

    NAME = 0
    BUFFER = 1


@dataclass(frozen=True, slots=True)
class Table:
    """The table at byte ``position`` of ``data``; ``where`` names the file in errors.

    A slot is a field's position in the schema, from 0; a union takes two, its type and its value. A field that the
    file leaves out reads as 0, empty or None. Every method raises BadData when it is led outside the data.
    """

    data: memoryview
    position: int
    where: str

    def number(self, slot: int, kind: str) -> Any:
        """A scalar; ``kind`` is its format character in the module ``struct``: "B" for a ubyte, "I" for a uint."""
        field = self._field(slot)
        return 0 if field is None else self._read(kind, field)

    def numbers(self, slot: int, kind: str) -> tuple[Any, ...]:
        """A vector of scalars, of ``MAX_NUMBERS`` at most; ``kind`` as in ``number``."""
        elements = self._vector(slot, struct.calcsize("<" + kind))
        if len(elements) > MAX_NUMBERS:
            raise self._damage(elements.start)
        return struct.unpack_from(f"<{len(elements)}{kind}", self.data, elements.start)

    def octets(self, slot: int) -> memoryview:
        """A vector of bytes, or a string as it is stored; not copied."""
        elements = self._vector(slot, 1)
        return self.data[elements.start : elements.stop]

    def string(self, slot: int) -> str:
        """A string; raises BadData where it is not UTF-8."""
        try:
            return str(self.octets(slot), "utf-8")
        except UnicodeDecodeError as error:
            raise self._damage(self.position) from error

    def table(self, slot: int) -> "Table | None":
        """The table that a field refers to."""
        position = self.target(slot)
        return None if position is None else Table(self.data, position, self.where)

    def tables(self, slot: int) -> Iterator["Table"]:
        """A vector of tables, one by one: a damaged file may announce millions."""
        for element in self._vector(slot, 4):
            yield Table(self.data, self._follow(element), self.where)

    def target(self, slot: int) -> int | None:
        """The position that a field refers to: of a table, a vector or a string."""
        field = self._field(slot)
        return None if field is None else self._follow(field)

    def _field(self, slot: int) -> int | None:
        vtable = self.position - self._read("i", self.position)
        entry = 4 + 2 * slot
        if entry >= self._read("H", vtable):
            return None
        offset = self._read("H", vtable + entry)
        return self.position + offset if offset else None

    def _vector(self, slot: int, width: int) -> range:
        """The positions of a vector's elements of ``width`` bytes."""
        position = self.target(slot)
        if position is None:
            return range(0)
        start, count = position + 4, self._read("I", position)
        if start + count * width > len(self.data):
            raise self._damage(position)
        return range(start, start + count * width, width)

    def _follow(self, position: int) -> int:
        return position + int(self._read("I", position))

    def _read(self, kind: str, position: int) -> Any:
        try:
            if position >= 0:
                return struct.unpack_from("<" + kind, self.data, position)[0]
        except struct.error:
            pass
        raise self._damage(position)

    def _damage(self, position: int) -> BadData:
        return BadData(
            f"damaged, byte {position} is not what its structure promises", "Copy it again.", where=self.where
        )


def root(data: bytes | memoryview, identifier: bytes, *, where: str) -> Table:
    """The root table. Raises BadData when ``data`` does not bear the four bytes of ``identifier``."""
    if data[4:8] != identifier:
        raise BadData(f"its file identifier is not {identifier.decode()}", "Name another .tflite file.", where=where)
    start = Table(memoryview(data), 0, where)
    return Table(start.data, start._follow(0), where)
