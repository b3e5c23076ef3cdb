"""A small reader of flatbuffers, and the slot numbers of a .tflite file.

A flatbuffer has tables, vectors and strings that refer to each other by relative positions. The vtable of a table holds
the positions of its fields (https://flatbuffers.dev/internals/). The file may come from anywhere, so every position is
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

The slots below are the positions of the fields in that schema, without the fields that are not read here.
"""

MAX_NUMBERS = 16_384
"""Maximum length of a vector of scalars: far above the channels of the widest layer. A damaged file may state more."""


class ModelTable(IntEnum):
    """The root table. ``BUFFERS`` holds all weights and blobs; ``METADATA`` names some of them."""

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
    """``SHAPE`` is int32, ``TYPE`` an int8 of the enum TensorType, ``BUFFER`` a uint32 index into the model's.

    ``SHAPE_SIGNATURE`` is a shape with -1 where ``SHAPE`` has a 1 that may be any number; it may be left out.
    """

    SHAPE = 0
    TYPE = 1
    BUFFER = 2
    NAME = 3
    QUANTIZATION = 4
    IS_VARIABLE = 5
    SPARSITY = 6
    SHAPE_SIGNATURE = 7


class Quantization(IntEnum):
    """``SCALE`` is float32, ``ZERO_POINT`` int64: one per tensor, or one per channel of ``DIMENSION`` (int32)."""

    SCALE = 2
    ZERO_POINT = 3
    DIMENSION = 6


class OperatorCode(IntEnum):
    """The kind of an operator: the larger of an int8 and an int32 code, as schema.fbs says."""

    DEPRECATED_BUILTIN = 0
    CUSTOM = 1
    BUILTIN = 3


class Operator(IntEnum):
    """``CODE`` is a uint32 index into the operator codes; ``INPUTS`` and ``OUTPUTS`` are int32 indices of tensors."""

    CODE = 0
    INPUTS = 1
    OUTPUTS = 2
    OPTIONS = 4


class Signature(IntEnum):
    """An entry of the model's ``SIGNATURE_DEFS``: a way to call its first graph, with its name. ``INPUTS`` and
    ``OUTPUTS`` are tables ``Named``."""

    INPUTS = 0
    OUTPUTS = 1
    KEY = 2


class Named(IntEnum):  # table TensorMap
    """A name for a tensor; ``TENSOR`` is a uint32 index into those of the graph."""

    NAME = 0
    TENSOR = 1


class Buffer(IntEnum):
    """``DATA`` is bytes; with an ``OFFSET`` (uint64) above 1, they lie behind the flatbuffer instead."""

    DATA = 0
    OFFSET = 1


class Entry(IntEnum):
    """An entry of the model's ``METADATA``: a name for a buffer. ``BUFFER`` is a uint32 index into ``BUFFERS``."""

    NAME = 0
    BUFFER = 1


@dataclass(frozen=True, slots=True)
class Table:
    """The table at byte ``position`` of ``data``; ``where`` names the file in errors.

    A slot is the position of a field in the schema, from 0; a union has two slots, its type and its value. A field that
    the file leaves out is read as 0, empty or None. Every method raises BadData if a position is outside the data.
    """

    data: memoryview
    position: int
    where: str

    def number(self, slot: int, kind: str) -> Any:
        """A scalar; ``kind`` is its format character in the module ``struct``: "B" for a ubyte, "I" for a uint."""
        field = self._field(slot)
        return 0 if field is None else self._read(kind, field)

    def numbers(self, slot: int, kind: str) -> tuple[Any, ...]:
        """A vector of at most ``MAX_NUMBERS`` scalars; ``kind`` as in ``number``."""
        elements = self._vector(slot, struct.calcsize("<" + kind))
        if len(elements) > MAX_NUMBERS:
            raise self._damage(elements.start)
        return struct.unpack_from(f"<{len(elements)}{kind}", self.data, elements.start)

    def octets(self, slot: int) -> memoryview:
        """A vector of bytes, or the bytes of a string; not copied."""
        elements = self._vector(slot, 1)
        return self.data[elements.start : elements.stop]

    def string(self, slot: int) -> str:
        """A string. Raise BadData if it is not UTF-8."""
        try:
            return str(self.octets(slot), "utf-8")
        except UnicodeDecodeError as error:
            raise self._damage(self.position) from error

    def table(self, slot: int) -> "Table | None":
        """The table that a field refers to."""
        position = self.target(slot)
        return None if position is None else Table(self.data, position, self.where)

    def tables(self, slot: int) -> Iterator["Table"]:
        """The tables of a vector, one by one: a damaged file may state millions."""
        for element in self._vector(slot, 4):
            yield Table(self.data, self._follow(element), self.where)

    def target(self, slot: int) -> int | None:
        """The position that a field refers to: that of a table, a vector or a string."""
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
            f"damaged: byte {position} does not fit the structure of the file", "Copy it again.", where=self.where
        )


def root(data: bytes | memoryview, identifier: bytes, *, where: str) -> Table:
    """The root table. Raise BadData if ``data`` does not have the file identifier ``identifier`` (four bytes)."""
    if data[4:8] != identifier:
        raise BadData(f"its file identifier is not {identifier.decode()}", "Name another .tflite file.", where=where)
    start = Table(memoryview(data), 0, where)
    return Table(start.data, start._follow(0), where)
