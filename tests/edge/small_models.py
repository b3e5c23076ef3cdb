"""Small .tflite files, built operator by operator, that end and begin as models from elsewhere do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np

from tlpipe_edge.tflite.names import ACTIVATIONS, OPERATORS, TYPES

SIZE = 4
"""Pixels of the input's side."""
CLASSES = 3
SLOPES = np.array([[0.02, 0, 0], [0, 0.03, 0], [0, 0, -0.01]], np.float32)
"""(classes, channels): the logits of the plain head are these times the mean of each channel."""

OPTIONS = {"FULLY_CONNECTED": 8, "SOFTMAX": 9, "MEAN": 27, "SUM": 27, "RESHAPE": 17, "ADD": 11, "MUL": 21, "DIV": 29}
"""Operator -> its code in the union BuiltinOptions; the others need no options."""
FUSED = ("FULLY_CONNECTED", "ADD", "MUL", "DIV")


@dataclass
class Builder:
    """A graph that grows by one operator after the other; ``tensor`` and ``operator`` return numbers of tensors."""

    tensors: list[tuple[str, tuple[int, ...], int, tuple[float, int] | None, tuple[int, ...]]] = field(
        default_factory=list
    )
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    operators: list[tuple[str, tuple[int, ...], tuple[int, ...], str]] = field(default_factory=list)

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "float32",
        *,
        data: np.ndarray | None = None,
        quantized: tuple[float, int] | None = None,
        signature: Sequence[int] = (),
    ) -> int:
        buffer = 0
        if data is not None:
            self.buffers.append(np.ascontiguousarray(data, dtype).tobytes())
            buffer = len(self.buffers) - 1
        self.tensors.append((dtype, tuple(shape), buffer, quantized, tuple(signature)))
        return len(self.tensors) - 1

    def constant(self, values: Any, dtype: str = "float32") -> int:
        data = np.array(values, dtype)
        return self.tensor(data.shape, dtype, data=data)

    def operator(self, name: str, inputs: Sequence[int], output: int, *, activation: str = "NONE") -> int:
        self.operators.append((name, tuple(inputs), (output,), activation))
        return output

    def content(self, inputs: Sequence[int], outputs: Sequence[int], *, graphs: int = 1, signature: str = "") -> bytes:
        """The file. ``graphs``: how often the graph is in it."""
        builder = flatbuffers.Builder(4096)
        buffers = _vector(builder, [_buffer(builder, data) for data in self.buffers])
        names = list(dict.fromkeys(name for name, *_ in self.operators))
        codes = _vector(builder, [_code(builder, name) for name in names])
        tensors = _vector(builder, [_tensor(builder, number, *each) for number, each in enumerate(self.tensors)])
        operators = _vector(builder, [_operator(builder, names.index(each[0]), *each) for each in self.operators])
        ends = [_numbers(builder, each) for each in (inputs, outputs)]
        graph = _table(builder, {0: tensors, 1: ends[0], 2: ends[1], 3: operators})
        parts = {1: codes, 2: _vector(builder, [graph] * graphs), 4: buffers}
        if signature:
            maps = [_vector(builder, [_mapped(builder, each) for each in end]) for end in (inputs, outputs)]
            parts[7] = _vector(builder, [_table(builder, {0: maps[0], 1: maps[1], 2: builder.CreateString(signature)})])
        builder.StartObject(16)
        builder.PrependUint32Slot(0, 3, 0)
        for slot, part in parts.items():
            builder.PrependUOffsetTRelativeSlot(slot, part, 0)
        builder.Finish(builder.EndObject(), b"TFL3")
        return bytes(builder.Output())


def head(builder: Builder, pixels: int, *, activation: str = "NONE") -> int:
    """The mean of each channel, and a layer with ``SLOPES``: logits (1, classes) float32."""
    axes = builder.constant([1, 2], "int32")
    means = builder.operator("MEAN", [pixels, axes], builder.tensor((1, 3)))
    logits = builder.tensor((1, CLASSES))
    layer = [means, builder.constant(SLOPES), builder.constant(np.zeros(CLASSES))]
    return builder.operator("FULLY_CONNECTED", layer, logits, activation=activation)


def image(builder: Builder) -> int:
    """A float32 input of ``SIZE`` pixels."""
    return builder.tensor((1, SIZE, SIZE, 3))


def softmax(builder: Builder, logits: int) -> int:
    return builder.operator("SOFTMAX", [logits], builder.tensor((1, CLASSES)))


def logits_of(pixels: np.ndarray) -> np.ndarray:
    """(classes,) float32 logits of the plain head for (size, size, 3) values, as NumPy computes them."""
    return (SLOPES @ pixels.astype(np.float32).mean((0, 1))).astype(np.float32)


def probabilities_of(pixels: np.ndarray) -> np.ndarray:
    """The softmax of ``logits_of`` in float64."""
    raised = np.exp(logits_of(pixels).astype(np.float64))
    return raised / raised.sum()


def _table(builder: flatbuffers.Builder, parts: Mapping[int, int]) -> int:
    builder.StartObject(16)
    for slot, part in parts.items():
        builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, parts: Sequence[int]) -> int:
    builder.StartVector(4, len(parts), 4)
    for part in reversed(parts):
        builder.PrependUOffsetTRelative(part)
    return int(builder.EndVector())


def _mapped(builder: flatbuffers.Builder, tensor: int) -> int:
    """An input or output of a signature: TensorMap."""
    name = builder.CreateString(f"tensor {tensor}")
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUint32Slot(1, tensor, 0)
    return int(builder.EndObject())


def _numbers(builder: flatbuffers.Builder, numbers: Sequence[int]) -> int:
    builder.StartVector(4, len(numbers), 4)
    for number in reversed(numbers):
        builder.PrependInt32(number)
    return int(builder.EndVector())


def _buffer(builder: flatbuffers.Builder, data: bytes) -> int:
    if not data:
        return _table(builder, {})
    builder.Prep(16, len(data))
    return _table(builder, {0: builder.CreateByteVector(data)})


def _code(builder: flatbuffers.Builder, name: str) -> int:
    custom = builder.CreateString(name) if name not in OPERATORS else 0
    code = OPERATORS.index("CUSTOM" if custom else name)
    builder.StartObject(4)
    builder.PrependInt8Slot(0, min(code, 127), 0)
    if custom:
        builder.PrependUOffsetTRelativeSlot(1, custom, 0)
    builder.PrependInt32Slot(2, 1 + (name == "FULLY_CONNECTED"), 1)
    builder.PrependInt32Slot(3, code, 0)
    return int(builder.EndObject())


def _tensor(
    builder: flatbuffers.Builder,
    number: int,
    dtype: str,
    shape: Sequence[int],
    buffer: int,
    quantized: tuple[float, int] | None,
    signature: Sequence[int],
) -> int:
    name, lengths = builder.CreateString(f"tensor {number}"), _numbers(builder, shape)
    signed = _numbers(builder, signature) if signature else 0
    quantization = _quantization(builder, *quantized) if quantized else 0
    builder.StartObject(10)
    for slot, part in ((0, lengths), (3, name), (4, quantization), (7, signed)):
        if part:
            builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    builder.PrependInt8Slot(1, TYPES.index(dtype), 0)
    builder.PrependUint32Slot(2, buffer, 0)
    return int(builder.EndObject())


def _quantization(builder: flatbuffers.Builder, scale: float, zero_point: int) -> int:
    builder.StartVector(4, 1, 4)
    builder.PrependFloat32(scale)
    scales = builder.EndVector()
    builder.StartVector(8, 1, 8)
    builder.PrependInt64(zero_point)
    return _table(builder, {2: scales, 3: builder.EndVector()})


def _operator(
    builder: flatbuffers.Builder, at: int, name: str, inputs: Sequence[int], outputs: Sequence[int], activation: str
) -> int:
    ends, options = [_numbers(builder, each) for each in (inputs, outputs)], 0
    if name in OPTIONS:
        builder.StartObject(4)
        if name == "SOFTMAX":
            builder.PrependFloat32Slot(0, 1.0, 0.0)  # its exponent's factor
        if name in FUSED:
            builder.PrependInt8Slot(0, ACTIVATIONS.index(activation), 0)
        if name == "SUM":
            builder.PrependBoolSlot(0, True, False)  # the axis stays
        options = builder.EndObject()
    builder.StartObject(8)
    builder.PrependUint32Slot(0, at, 0)
    for slot, part in ((1, ends[0]), (2, ends[1]), (4, options)):
        if part:
            builder.PrependUOffsetTRelativeSlot(slot, part, 0)
    builder.PrependUint8Slot(3, OPTIONS.get(name, 0), 0)
    return int(builder.EndObject())
