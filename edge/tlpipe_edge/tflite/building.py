"""Builds flatbuffer tables and vectors of any schema, with the flatbuffers library and without generated code."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import flatbuffers


def table(
    builder: flatbuffers.Builder,
    parts: Mapping[Any, int],
    *,
    octets: Iterable[tuple[int, int]] = (),
    words: Iterable[tuple[int, int]] = (),
) -> int:
    """Append a table of slot -> reference, (slot, ubyte) and (slot, uint); return a reference to it."""
    builder.StartObject(16)  # more than any table has: the builder cuts the vtable at the last field
    for slot, reference in parts.items():
        builder.PrependUOffsetTRelativeSlot(slot, reference, 0)
    for slot, number in words:
        builder.PrependUint32Slot(slot, number, 0)
    for slot, number in octets:
        builder.PrependUint8Slot(slot, number, 0)
    return int(builder.EndObject())


def vector(builder: flatbuffers.Builder, references: Sequence[int]) -> int:
    """Append a vector of references; return a reference to it."""
    builder.StartVector(4, len(references), 4)
    for reference in reversed(references):
        builder.PrependUOffsetTRelative(reference)
    return int(builder.EndVector())


def floats(builder: flatbuffers.Builder, numbers: Sequence[float]) -> int:
    """Append a vector of float32; return a reference to it."""
    builder.StartVector(4, len(numbers), 4)
    for number in reversed(numbers):
        builder.PrependFloat32(number)
    return int(builder.EndVector())
