"""Models with one thing wrong: the drawn bundle's int8 model, changed at the place that the schema's slots lead to."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tlpipe_edge.tflite import flatbuffer
from tlpipe_edge.tflite.flatbuffer import (
    Buffer,
    ModelTable,
    Operator,
    OperatorCode,
    Quantization,
    SubGraph,
    Table,
    TensorTable,
)

SOUND = (Path(__file__).parents[1] / "data" / "bundle" / "drawn-int8.tflite").read_bytes()
CLASSES = 3

ROOT = flatbuffer.root(SOUND, flatbuffer.TFLITE, where="sound")
GRAPH = next(ROOT.tables(ModelTable.SUBGRAPHS))
TENSORS = list(GRAPH.tables(SubGraph.TENSORS))
OPERATORS = list(GRAPH.tables(SubGraph.OPERATORS))
CODES = list(ROOT.tables(ModelTable.OPERATOR_CODES))
CONV_2D = next(code for code in CODES if code.number(OperatorCode.DEPRECATED_BUILTIN, "b") == 3)
PER_CHANNEL = next(
    quantization
    for tensor in TENSORS
    if (quantization := tensor.table(TensorTable.QUANTIZATION))
    and len(quantization.numbers(Quantization.SCALE, "f")) > 1
)
CONVOLUTION = next(operator for operator in OPERATORS if len(operator.numbers(Operator.INPUTS, "i")) == 3)
WEIGHTS = [at for buffer in ROOT.tables(ModelTable.BUFFERS) for at in buffer._vector(Buffer.DATA, 1)]
STRUCTURE = sorted({*range(len(SOUND))}.difference(WEIGHTS))
"""The places of the bytes of either kind."""
OPERATOR_VERSION = 2
CONVOLUTION_OPTIONS, STRIDE = 4, 1


def scalar(table: Table, slot: int, kind: str, value: Any) -> bytes:
    """The model with another value in a field, which the sound model must have."""
    position = table._field(slot)
    assert position is not None
    return _packed(position, kind, value)


def element(table: Table, slot: int, number: int, kind: str, value: Any) -> bytes:
    """The model with another value in one place of a vector."""
    return _packed(table._vector(slot, struct.calcsize("<" + kind))[number], kind, value)


def length(table: Table, slot: int, count: int) -> bytes:
    """The model with a vector that announces another number of elements."""
    position = table.target(slot)
    assert position is not None
    return _packed(position, "I", count)


def far_buffer() -> bytes:
    """A buffer whose ``offset`` leads out of the file: LiteRT 2.3.0 reads there, and dies by SIGSEGV."""
    position = ROOT._vector(ModelTable.BUFFERS, 4)[_weights()]
    end = -(-len(SOUND) // 8) * 8
    vtable = struct.pack("<5H", 10, 24, 0, 8, 16) + b"\0" * 6  # no data; offset at 8, size at 16 of a table of 24 bytes
    table = struct.pack("<iIQQ", 16, 0, 1 << 40, 1 << 20)
    changed = bytearray(SOUND.ljust(end, b"\0") + vtable + table)
    struct.pack_into("<I", changed, position, end + 16 - position)
    return bytes(changed)


def _weights() -> int:
    """A buffer that holds weights."""
    return next(
        number for number, buffer in enumerate(ROOT.tables(ModelTable.BUFFERS)) if len(buffer.octets(Buffer.DATA)) > 64
    )


def _packed(position: int, kind: str, value: Any) -> bytes:
    changed = bytearray(SOUND)
    struct.pack_into("<" + kind, changed, position, value)
    return bytes(changed)


def _options(slot: int, value: int) -> bytes:
    options = CONVOLUTION.table(CONVOLUTION_OPTIONS)
    assert options is not None
    return scalar(options, slot, "i", value)


MUTATIONS: dict[str, tuple[Callable[[], bytes], str]] = {
    "schema version": (lambda: scalar(ROOT, ModelTable.VERSION, "I", 4), "its schema version is 4"),
    "root outside": (lambda: _packed(0, "I", 1 << 31), "damaged: byte"),
    "two thousand million tensors": (lambda: length(GRAPH, SubGraph.TENSORS, 1 << 31), "damaged: byte"),
    "no operator": (lambda: length(GRAPH, SubGraph.OPERATORS, 0), "an output that no operator gives"),
    "buffer index": (
        lambda: scalar(TENSORS[5], TensorTable.BUFFER, "I", 1 << 20),
        "buffer 1048576, which does not exist",
    ),
    "input index": (lambda: element(GRAPH, SubGraph.INPUTS, 0, "i", 99_999), "an input or output that does not exist"),
    "output index": (lambda: element(GRAPH, SubGraph.OUTPUTS, 0, "i", -7), "an input or output that does not exist"),
    "operator's input": (lambda: element(CONVOLUTION, Operator.INPUTS, 0, "i", 1 << 30), "uses tensor 1073741824"),
    "operator's output": (lambda: element(CONVOLUTION, Operator.OUTPUTS, 0, "i", 1 << 30), "gives tensor 1073741824"),
    "operators out of order": (
        lambda: element(OPERATORS[0], Operator.INPUTS, 0, "i", OPERATORS[9].numbers(Operator.OUTPUTS, "i")[0]),
        "before it is computed",
    ),
    "operator code index": (lambda: scalar(OPERATORS[1], Operator.CODE, "I", 77), "an operator code that does not"),
    "custom operator": (lambda: scalar(CONV_2D, OperatorCode.DEPRECATED_BUILTIN, "b", 32), "operator CUSTOM, which no"),
    "a loop": (lambda: scalar(CONV_2D, OperatorCode.DEPRECATED_BUILTIN, "b", 119), "operator WHILE, which no"),
    "a variable": (lambda: scalar(CONV_2D, OperatorCode.DEPRECATED_BUILTIN, "b", 16), "operator LSTM, which no"),
    "operator of the future": (lambda: scalar(CONV_2D, OperatorCode.BUILTIN, "i", 900), "operator 900, which is newer"),
    "negative dimension": (lambda: element(TENSORS[7], TensorTable.SHAPE, 0, "i", -1), "of shape (-1"),
    "huge dimension": (lambda: element(GRAPH_INPUT, TensorTable.SHAPE, 1, "i", 1 << 30), "bytes"),
    "string tensor": (lambda: scalar(TENSORS[5], TensorTable.TYPE, "b", 5), "of a type that is not supported"),
    "NaN scale": (lambda: element(PER_CHANNEL, Quantization.SCALE, 1, "f", float("nan")), "no positive number"),
    "zero scale": (lambda: element(PER_CHANNEL, Quantization.SCALE, 1, "f", 0.0), "no positive number"),
    "zero point": (lambda: element(PER_CHANNEL, Quantization.ZERO_POINT, 0, "q", 1 << 40), "a zero point"),
    "too few weights": (
        lambda: length(list(ROOT.tables(ModelTable.BUFFERS))[_weights()], Buffer.DATA, 8),
        "8 bytes of",
    ),
    "far buffer": (far_buffer, "weights that lie outside"),
    "labels": (lambda: element(GRAPH_OUTPUT, TensorTable.SHAPE, 1, "i", 4), "its softmax is not over all classes"),
    "unknown version": (lambda: scalar(CODES[1], OPERATOR_VERSION, "i", 99), "cannot run this model"),
    "stride of nothing": (lambda: _options(STRIDE, 0), "refused: "),  # tflite-runtime 2.14 divides by it: SIGFPE
}
"""Name -> the model, and a part of what is said of it."""

GRAPH_INPUT = TENSORS[GRAPH.numbers(SubGraph.INPUTS, "i")[0]]
GRAPH_OUTPUT = TENSORS[GRAPH.numbers(SubGraph.OUTPUTS, "i")[0]]
